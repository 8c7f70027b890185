import ArgumentParser
import Balancing
import Configuration
import Glibc
import Reactor
import Simulation

struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Compare the schedulers, or predict the shares of a file's backends.",
    discussion: """
      Without a file it plays all schedulers against each other, always with the same result for the same seed. With
      --config it tells the share of each backend now and after each single failure, and warns where a survivor would
      have more sessions than its connections.

      Examples:
        balancer simulate --config balancer.json
        balancer simulate --config balancer.json --sessions 5000
        balancer simulate --write docs           the comparison as docs/schedulers.md and docs/schedulers.svg
      """)

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Predict for this configuration file.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Sessions that a pool has open at once; default: the connections of its listeners, or limits.connections.",
      valueName: "number"))
  var sessions: Int?

  @Option(help: "The seed of the comparison.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("Write the comparison as a document and a chart into this folder.", valueName: "folder"),
    completion: .directory)
  var write: String?

  func validate() throws {
    if let sessions, sessions < 1 { throw ValidationError("--sessions: at least 1 expected") }
  }

  func run() throws {
    if let config { try predict(ConfigurationFile(path: config)) } else { try compare() }
  }

  private func predict(_ file: ConfigurationFile) throws {
    let configuration: Configuration
    do { configuration = try file.load() } catch { throw fail(ExitStatus.configuration, "\(error)") }
    for (index, pool) in configuration.pools.enumerated() {
      let sessions = self.sessions ?? Self.sessions(of: pool, configuration)
      let prediction = Prediction(
        SchedulerKind(pool.scheduler),
        pool.backends.map {
          Prediction.Server(name: $0.name, weight: $0.weight, connections: $0.connections, isBackup: $0.backup)
        }, sessions: sessions)
      if index > 0 { print("") }
      print("pool \(pool.name), \(pool.scheduler)\(sessions.map { ", \($0) sessions" } ?? "")")
      print(prediction.table)
      if let capacity = prediction.capacity(prediction.now) {
        print("the first backend is full at \(capacity) sessions")
      }
      if let least = prediction.without.compactMap({ prediction.capacity($0) }).min() {
        print("after a failure the first survivor is full at \(least) sessions")
      }
      for warning in prediction.warnings { print("warning: \(warning)") }
    }
  }

  /// The most that its listeners let in.
  private static func sessions(of pool: PoolConfiguration, _ configuration: Configuration) -> Int? {
    let limits = configuration.listeners.filter { $0.pool == pool.name }.map(\.connections)
    let sum = limits.contains(nil) ? nil : limits.compactMap { $0 }.reduce(0, +)
    return [sum, configuration.limits.connections].compactMap { $0 }.filter { $0 > 0 }.min()
  }

  private func compare() throws {
    let comparison = Comparison(seed: seed)
    guard let write else {
      print(comparison.tables, terminator: "")
      return
    }
    for (name, text) in [
      ("schedulers.md", SchedulerDocument.text(comparison)), ("schedulers.svg", comparison.chart(backends: 30)),
    ] {
      let path = "\(write)/\(name)"
      guard let file = fopen(path, "w") else { throw fail(ExitStatus.system, "\(path): cannot be written") }
      fputs(text, file)
      guard fclose(file) == 0 else { throw fail(ExitStatus.system, "\(path): cannot be written") }
    }
  }
}
