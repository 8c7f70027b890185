import CLinux
import Glibc

/// An open file descriptor with one owner, closed when its owner lets go of it.
///
/// It cannot be copied, so nothing is closed twice, and nothing that is still in use is closed.
public struct Descriptor: ~Copyable, Sendable {
  /// The kernel's number, or -1 once closed. Valid for as long as the owner is borrowed.
  public private(set) var number: Int32

  /// Takes over an open descriptor.
  @inlinable
  public init(adopting number: Int32) { self.init(number) }

  @usableFromInline
  init(_ number: Int32) { self.number = number }

  /// No descriptor: a place that one may be put into later.
  public static var none: Descriptor { Descriptor(-1) }

  public var isOpen: Bool { number >= 0 }

  deinit {
    // Never repeated on EINTR: Linux has released the descriptor by then (close(2)).
    if number >= 0 { _ = Glibc.close(number) }
  }

  /// Closes it now.
  public mutating func close() {
    if number >= 0 { _ = Glibc.close(number) }
    number = -1
  }

  /// Gives up the ownership: closing it is the caller's business from here on.
  public consuming func release() -> Int32 {
    let released = number
    number = -1
    return released
  }

  /// A second descriptor for the same open file.
  public borrowing func duplicate() throws(SystemError) -> Descriptor {
    let copy = linux_fcntl_duplicate(number)
    if copy < 0 { throw .last("fcntl") }
    return Descriptor(copy)
  }
}
