import Console
import Glibc
import Reactor

/// Standard output as the commands write it: with looks where it is a terminal that has them, cut to its width.
struct Output {
  let style: TerminalStyle
  /// In characters; nil where nothing is cut, as in a file or a pipe.
  let width: Int?

  init() {
    style = TerminalStyle(isTerminal: Terminal.isTerminal(1), environment: Self.environment)
    width = Terminal.size(of: 1).map(\.columns)
  }

  static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  func write(_ lines: [StyledText]) { Swift.print(lines.map(style.render).joined(separator: "\n")) }

  func write(_ text: String) { write([StyledText(text)]) }

  /// Written now, not when the buffer of a pipe is full.
  func writeNow(_ lines: [StyledText]) {
    write(lines)
    fflush(nil)
  }
}

/// Prints what goes wrong, and ends.
func report<Value>(_ body: () throws(AdminAccess.Failure) -> Value) throws -> Value {
  do { return try body() } catch { throw fail(error.status, "balancer: \(error.message)") }
}
