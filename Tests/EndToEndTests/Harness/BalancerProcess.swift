import Foundation
import Testing

/// The real program, running from a configuration file of its own.
final class BalancerProcess {
  /// The path of the binary: the one that scripts/test has built, else the one beside the tests.
  static let binary: String = {
    if let path = ProcessInfo.processInfo.environment["BALANCER_BINARY"] { return path }
    let tests = URL(fileURLWithPath: CommandLine.arguments[0])
    return tests.deletingLastPathComponent().appendingPathComponent("balancer").path
  }()

  let process: ChildProcess
  let configurationFile: URL
  private let logFile: URL?
  private var endWasWanted = false

  var log: Lines { process.errors }
  var figures: ProcessFigures { ProcessFigures(pid: process.pid) }

  /// - Parameters:
  ///   - log: the file that the configuration names, where it names one.
  ///   - wrapper: a command that becomes the program behind it, such as `ip netns exec NAME`.
  init(
    _ configuration: String, in folder: URL, environment: [String: String] = [:], descriptorLimit: Int? = nil,
    passing: [Int32] = [], log: URL? = nil, inside wrapper: [String] = []
  ) throws {
    configurationFile = folder.appendingPathComponent("balancer.json")
    logFile = log
    process = try ChildProcess(
      wrapper + Self.command(Self.alone(configuration), in: folder), environment: environment,
      descriptorLimit: descriptorLimit,
      passing: passing)
  }

  /// Writes a configuration file and returns what runs from it.
  static func command(_ configuration: String, in folder: URL, _ name: String = "run") throws -> [String] {
    let file = folder.appendingPathComponent("balancer.json")
    try configuration.write(to: file, atomically: true, encoding: .utf8)
    return [binary, name, "--config", file.path]
  }

  /// Without an admin server, unless the configuration speaks of one: many run side by side on a machine.
  private static func alone(_ configuration: String) -> String {
    guard !configuration.contains("\"admin\""), let brace = configuration.firstIndex(of: "{") else {
      return configuration
    }
    return configuration[...brace] + #""admin": "off", "# + configuration[configuration.index(after: brace)...]
  }

  deinit {
    let exit = process.hasExited
    process.kill()
    if let exit, !endWasWanted { Issue.record("balancer ended by itself, \(exit):\n\(log.tail)") }
    if ProcessInfo.processInfo.environment["BALANCER_TEST_LOG"] != nil {
      for line in log.all { print("  |", line) }
    }
  }

  /// Waits until it serves.
  func waitUntilReady(within limit: Duration = patience) throws {
    let ready = "ready"
    try waitUntil("balancer is ready", within: limit) {
      if process.hasExited != nil { throw Failure("balancer did not start:\n\(log.tail)") }
      let lines = logFile.map { (try? String(contentsOf: $0, encoding: .utf8)) ?? "" }
      return lines?.contains(ready) ?? log.all.contains { $0.contains(ready) }
    }
  }

  /// Sends a signal that does not end the program.
  func signal(_ number: Int32) { process.signal(number) }

  /// Sends a signal that ends it, sooner or later.
  func askToEnd(_ number: Int32 = SIGTERM) {
    endWasWanted = true
    process.signal(number)
  }

  func waitForExit(within limit: Duration = patience) throws -> ChildProcess.Exit {
    endWasWanted = true
    return try process.waitForExit(within: limit)
  }

  /// Writes another configuration into the file and asks for a reload; returns the log's mark from before.
  @discardableResult
  func reload(_ configuration: String) throws -> Int {
    let mark = log.mark
    try Self.alone(configuration).write(to: configurationFile, atomically: true, encoding: .utf8)
    signal(SIGHUP)
    return mark
  }
}
