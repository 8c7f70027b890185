import Base
import Reactor

/// A script at work as a check: its exit status is the verdict, and the first line it writes the reason.
struct ScriptRun: ~Copyable {
  private var child: Child
  private var output = ScriptOutput()

  /// What belongs to this process alone and would only mislead another program (sd_listen_fds(3), sd_notify(3)).
  private static let ownVariables = [
    "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
  ]

  init(_ arguments: [String], for target: HealthTarget) throws(SystemError) {
    child = try Child.start(
      arguments, variables: Self.variables(for: target), without: Self.ownVariables)
  }

  /// What a script learns of the backend that it is to check.
  static func variables(for target: HealthTarget) -> [(name: String, value: String)] {
    let (host, port) =
      switch target.address {
      case .ip(let address, let port): ("\(address)", "\(port)")
      case .unix(let path): (path, "")
      }
    return [
      ("BALANCER_POOL", target.backend.pool), ("BALANCER_BACKEND", target.backend.name),
      ("BALANCER_ADDRESS", "\(target.address)"), ("BALANCER_HOST", host), ("BALANCER_PORT", port),
    ]
  }

  /// The descriptors on which something may happen.
  var descriptors: [Int32] { [child.end, child.output] }

  /// Reads what there is to read.
  /// - Returns: how it went, once the script has ended: nil for a cause is success.
  mutating func advance() -> (hasEnded: Bool, cause: ProbeCause?) {
    // First whether it has ended: all that it wrote is then in the pipe.
    let exit = child.takeExit()
    read()
    if output.isTooMuch { return (true, cause("more than \(ByteSize(bytes: ScriptOutput.most).written) of output")) }
    return switch exit {
    case nil: (false, nil)
    case .status(0): (true, nil)
    case .status(let status): (true, cause("exit status \(status)"))
    case .signal(let name): (true, cause("ended by \(name)"))
    }
  }

  /// Why it failed when its time is over.
  func timeOut(_ timeout: Duration) -> ProbeCause { cause("no result within \(timeout.text)") }

  /// Kills the script, where it still runs, with its children.
  consuming func kill() -> Child.Killed? { child.kill() }

  private func cause(_ words: String) -> ProbeCause { .script(words + output.suffix) }

  private mutating func read() {
    withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
      while !output.isTooMuch, let start = buffer.baseAddress {
        guard case .bytes(let count) = child.read(into: start, count: buffer.count) else { return }
        output.add(UnsafeRawBufferPointer(start: start, count: count))
      }
    }
  }
}
