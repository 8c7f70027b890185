import CLinux
import Glibc

/// A system call that failed: what was tried and the errno(3) it left.
public struct SystemError: Error, Equatable, Sendable {
  public let number: Int32
  /// The call or what it was for, such as `bind`.
  public let operation: StaticString

  @inlinable
  public init(_ operation: StaticString, _ number: Int32) {
    self.operation = operation
    self.number = number
  }

  /// The error that the call before this line left in `errno`.
  @inlinable
  public static func last(_ operation: StaticString) -> SystemError { SystemError(operation, errno) }

  @inlinable
  public static func == (left: SystemError, right: SystemError) -> Bool { left.number == right.number }

  /// The peer has broken the connection off.
  public static var connectionCut: SystemError { SystemError("recv", ECONNRESET) }

  /// Our own deadline came first.
  public static func timedOut(_ operation: StaticString) -> SystemError { SystemError(operation, ETIMEDOUT) }

  /// The symbol, such as `ECONNREFUSED`.
  public var name: String { linux_errno_name(number).map { String(cString: $0) } ?? "errno \(number)" }

  /// The C library's words with a small first letter, such as `connection refused`.
  public var words: String {
    guard let text = linux_errno_text(number).map({ String(cString: $0) }), let first = text.first else {
      return "unknown error"
    }
    return first.lowercased() + text.dropFirst()
  }
}

extension SystemError: CustomStringConvertible {
  /// `connection refused (ECONNREFUSED)`
  public var description: String { "\(words) (\(name))" }
}

/// Repeats a system call that a signal interrupted; -1 is an error that `errno` names.
@inlinable
@inline(__always)
func uninterrupted<Value: FixedWidthInteger>(_ call: () -> Value) -> Value {
  while true {
    let value = call()
    if value != -1 || errno != EINTR { return value }
  }
}

extension SystemError {
  /// A library found no memory.
  public static func outOfMemory(_ operation: StaticString) -> SystemError { SystemError(operation, ENOMEM) }

  /// Our own descriptors or memory, or the system's, are used up: nothing is wrong with the other side.
  public var isExhaustion: Bool { number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM }

  /// The kernel does not do this with what it was given.
  public var isUnsupported: Bool { number == EINVAL || number == ENOSYS || number == EPERM }
}
