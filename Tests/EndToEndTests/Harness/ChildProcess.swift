import Foundation

/// A program started by a test, whose output is read as it comes.
final class ChildProcess: @unchecked Sendable {
  enum Exit: Equatable {
    case status(Int32)
    case signal(Int32)
  }

  let pid: pid_t
  let output: Lines
  let errors: Lines
  private let exit = Locked<Exit?>(nil)
  private let wasStopped = Locked(false)

  /// - Parameters:
  ///   - descriptorLimit: what `ulimit -n` sets: the child cannot raise it again.
  ///   - passing: sockets that the child finds at descriptor 3 and up, as systemd passes them.
  ///   - readsErrors: false leaves what it writes to standard error in the pipe, which fills.
  init(
    _ arguments: [String], environment: [String: String] = [:], folder: String? = nil, descriptorLimit: Int? = nil,
    passing: [Int32] = [], readsErrors: Bool = true
  ) throws {
    // Nothing else of the test process may leak: connections would stay open in the child, and its descriptors are
    // counted.
    var script =
      "for fd in /proc/self/fd/*; do fd=${fd##*/}; [[ $fd -lt \(3 + passing.count) ]] || exec {fd}>&-; done; "
    // It must be the number of the process that reads it, which only the child itself knows.
    if !passing.isEmpty { script += "export LISTEN_PID=$$; " }
    if let folder { script += "cd '\(folder)'; " }
    if let descriptorLimit { script += "ulimit -n \(descriptorLimit); " }
    script += "exec \"$@\""

    output = try Lines()
    errors = try Lines()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output.writeEnd, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.writeEnd, 2)
    // By way of high numbers: a socket to be passed may itself have the number of another's place.
    for (index, descriptor) in passing.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(900 + index))
    }
    for index in passing.indices {
      posix_spawn_file_actions_adddup2(&actions, Int32(900 + index), Int32(3 + index))
    }

    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
    let spawned: (pid_t, Int32) = withCStrings(["/bin/bash", "-c", script, "bash"] + arguments) { arguments in
      withCStrings(variables) { variables in
        var pid = pid_t()
        let error = posix_spawn(&pid, "/bin/bash", &actions, nil, arguments, variables)
        return (pid, error)
      }
    }
    guard spawned.1 == 0 else { throw SystemFailure("start \(arguments[0])", spawned.1) }
    pid = spawned.0
    output.read()
    if readsErrors { errors.read() }
    let (pid, exit) = (self.pid, self.exit)
    _ = BackgroundThread {
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      let signal = status & 0x7F
      exit.withLock { $0 = signal == 0 ? .status(status >> 8 & 0xFF) : .signal(signal) }
    }
  }

  deinit { kill() }

  /// nil while it runs.
  var hasExited: Exit? { exit.current }

  func signal(_ number: Int32) { _ = Foundation.kill(pid, number) }

  /// SIGKILL; returns when nothing of the process is left.
  func kill() {
    if exit.current != nil { return }
    wasStopped.withLock { $0 = true }
    signal(SIGKILL)
    _ = exit.wait(within: patience) { $0 }
  }

  func waitForExit(within limit: Duration = patience) throws -> Exit {
    guard let exit = exit.wait(within: limit, for: { $0 }) else {
      throw Failure("the process still runs after \(limit)\n\(errors.tail)")
    }
    return exit
  }

  /// Runs a program to its end.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], folder: String? = nil, within limit: Duration = patience
  ) throws -> (exit: Exit, output: String, errors: String) {
    let child = try ChildProcess(arguments, environment: environment, folder: folder)
    let exit = try child.waitForExit(within: limit)
    return (exit, try child.output.waitForEnd(), try child.errors.waitForEnd())
  }
}

/// The lines that come through a pipe.
final class Lines: Sendable {
  let writeEnd: Int32
  private let readEnd: Int32
  private let state = Locked(State())

  private struct State {
    var lines: [String] = []
    var hasEnded = false
  }

  init() throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw SystemFailure("pipe") }
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  /// Closes this process's writing end and reads until the last other one is closed.
  func read() {
    close(writeEnd)
    let (readEnd, state) = (self.readEnd, self.state)
    _ = BackgroundThread {
      var rest: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65536)
      while true {
        let count = Foundation.read(readEnd, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        rest += buffer[..<count]
        let parts = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Array(parts.last!)
        let lines = parts.dropLast().map { String(decoding: $0, as: UTF8.self) }
        state.withLock { $0.lines += lines }
      }
      close(readEnd)
      state.withLock { state in
        if !rest.isEmpty { state.lines.append(String(decoding: rest, as: UTF8.self)) }
        state.hasEnded = true
      }
    }
  }

  var all: [String] { state.withLock { $0.lines } }

  /// The number of lines so far: what comes later is behind this mark.
  var mark: Int { state.withLock { $0.lines.count } }

  /// The end of it all, for the message of a test that failed.
  var tail: String { all.suffix(40).joined(separator: "\n") }

  /// Waits for a line that holds all of `parts`.
  @discardableResult
  func waitForLine(
    containing parts: String..., after mark: Int = 0, within limit: Duration = patience
  ) throws -> String {
    try waitForLine("with \(parts)", after: mark, within: limit) { line in parts.allSatisfy(line.contains) }
  }

  @discardableResult
  func waitForLine(
    _ what: String, after mark: Int = 0, within limit: Duration = patience, where isWanted: (String) -> Bool
  ) throws -> String {
    let line = state.wait(within: limit) { state in
      state.lines.dropFirst(mark).first(where: isWanted) ?? nil
    }
    guard let line else { throw Failure("no line \(what) within \(limit); the last were:\n\(tail)") }
    return line
  }

  func waitForEnd(within limit: Duration = patience) throws -> String {
    guard state.wait(within: limit, for: { $0.hasEnded ? true : nil }) != nil else {
      throw Failure("the output has not ended within \(limit); the last lines were:\n\(tail)")
    }
    return all.joined(separator: "\n")
  }
}

/// The array of pointers that exec(3) takes.
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
  defer { pointers.forEach { free($0) } }
  return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
}
