import Balancing
import Base

/// What share of a pool's sessions each backend gets, now and after each single failure, by asking the program's own
/// pool for a backend again and again.
public struct Prediction: Sendable {
  public struct Server: Sendable {
    public let name: String
    public let weight: Int
    /// 0 is no limit.
    public let connections: Int
    public let isBackup: Bool

    public init(name: String, weight: Int = 1, connections: Int = 0, isBackup: Bool = false) {
      self.name = name
      self.weight = weight
      self.connections = connections
      self.isBackup = isBackup
    }
  }

  /// Sessions that are placed where nobody has said how many there are.
  static let samples = 10_000
  static let mostSamples = 100_000

  public let servers: [Server]
  /// Of each server, of all sessions.
  public let now: [Double]
  /// For each server that fails, the shares without it.
  public let without: [[Double]]
  /// Sessions open at once; nil is unknown.
  public let sessions: Int?

  public init(_ scheduler: SchedulerKind, _ servers: [Server], sessions: Int?, seed: UInt64 = 1) {
    self.servers = servers
    self.sessions = sessions
    let samples = min(max(sessions ?? Self.samples, 100), Self.mostSamples)
    // `first` is nothing without its limits; for the others they are what is to be found out.
    func shares(_ down: Int?) -> [Double] {
      let backends = servers.map { Backend(pool: "", name: $0.name, address: .unix($0.name)) }
      let pool = Pool(
        name: "", scheduler: scheduler,
        members: zip(backends, servers).map { backend, server in
          Member(
            backend: backend, weight: server.weight,
            connections: scheduler == .first && sessions.map { $0 <= Self.mostSamples } ?? false
              ? server.connections : 0, backup: server.isBackup)
        }, initialHealth: { _ in .up })
      if let down { pool.setHealth(.down, of: backends[down]) }
      var random = SeededGenerator(seed: seed)
      for _ in 0..<samples {
        guard
          case .backend(let backend, _) = pool.pick(for: PickRequest(key: random.next(), random: random.next()))
        else { break }
        if pool.schedulerNeeds.contains(.answers) {
          pool.answered(backend, after: .milliseconds(1), now: .zero)
        }
      }
      return backends.map { Double($0.sessions.load(ordering: .relaxed)) / Double(samples) }
    }
    now = shares(nil)
    without = servers.indices.map { shares($0) }
  }

  /// The most of its share over all single failures, and whose failure that is.
  public func worst(of server: Int) -> (share: Double, failed: Int?) {
    var worst: (share: Double, failed: Int?) = (now[server], nil)
    for failed in servers.indices where without[failed][server] > worst.share {
      worst = (without[failed][server], failed)
    }
    return worst
  }

  /// How many sessions fill the first server that has a limit; nil when none has one.
  public func capacity(_ shares: [Double]) -> Int? {
    zip(servers, shares).compactMap { server, share in
      server.connections > 0 && share > 0 ? Int(Double(server.connections) / share) : nil
    }.min()
  }

  /// A line for each failure after which a survivor, or all of them, would have more than their `connections`.
  public var warnings: [String] {
    guard let sessions else { return [] }
    var warnings: [String] = []
    for (cause, shares) in [("even now", now)] + zip(servers, without).map({ ("without \($0.name)", $1) }) {
      let served = shares.reduce(0, +)
      if served < 0.999 {
        warnings.append("\(cause): \(((1 - served) * 100).fixed(1)) % of \(sessions) sessions find no backend")
      }
      for (server, share) in zip(servers, shares) {
        let expected = Int((share * Double(sessions)).rounded())
        if server.connections > 0, expected > server.connections {
          warnings.append(
            "\(cause): \(server.name) would have \(expected) sessions, its connections are \(server.connections)")
        }
      }
    }
    return warnings
  }

  /// A table in plain text.
  public var table: String {
    let isSmall = servers.count <= 6
    var lines = [["backend", "now"] + (isSmall ? servers.map { "without \($0.name)" } : ["at most", "without"])]
    func percent(_ share: Double) -> String { (share * 100).fixed(1) + " %" }
    for (index, server) in servers.enumerated() {
      let worst = worst(of: index)
      lines.append(
        [server.name, percent(now[index])]
          + (isSmall
            ? servers.indices.map { $0 == index ? "-" : percent(without[$0][index]) }
            : [percent(worst.share), worst.failed.map { servers[$0].name } ?? "-"]))
    }
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + space : space + cell.0
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
