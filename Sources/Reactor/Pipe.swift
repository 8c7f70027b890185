import CLinux
import Glibc

/// A way for bytes from one socket to another that leaves them in the kernel (splice(2), pipe(7)).
///
/// It knows how many bytes it holds, and takes none before those are out: what came from one connection cannot leave
/// into another. SIGPIPE must be ignored, as splice(2) has no MSG_NOSIGNAL.
public struct Pipe: ~Copyable {
  private let output: Descriptor
  private let input: Descriptor
  /// Bytes that are in it.
  public private(set) var held = 0

  /// - Parameters:
  ///   - capacity: bytes that it is to hold. Pieces of a page or less take the place of a page each.
  ///   - least: what will do where that is not granted, to a user who has many pipes (fs.pipe-user-pages-soft) or with
  ///     another fs.pipe-max-size.
  public init(capacity: Int, atLeast least: Int) throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    if linux_pipe(&ends, O_CLOEXEC | O_NONBLOCK) != 0 { throw .last("pipe2") }
    let output = Descriptor(adopting: ends[0])
    let input = Descriptor(adopting: ends[1])
    guard [capacity, least].contains(where: { linux_fcntl_set_pipe_size(input.number, Int32($0)) >= $0 }) else {
      throw .last("F_SETPIPE_SZ")
    }
    self.output = output
    self.input = input
  }

  /// Takes at most `count` bytes out of a socket. Only while it is empty.
  ///
  /// `blocked` and `ended` are not the last word: both are said before urgent data too (tcp(7)), behind which more may
  /// wait. recv(2) knows.
  public mutating func fill(from socket: Int32, count: Int) -> Transfer {
    precondition(held == 0, "what one connection has left in a pipe is not for another")
    let moved = uninterrupted { linux_splice(socket, input.number, count) }
    if moved > 0 {
      held = moved
      return .bytes(moved)
    }
    if moved == 0 { return .ended }
    let number = errno
    return number == EAGAIN ? .blocked : .failed(SystemError("splice", number))
  }

  /// Gives a socket what it takes of the bytes that are held. Why it takes no more, send(2) knows.
  /// - Returns: how many are left.
  public mutating func empty(into socket: Int32) -> Int {
    let moved = uninterrupted { linux_splice(output.number, socket, held) }
    if moved > 0 { held -= moved }
    return held
  }

  /// Takes out all bytes that are held.
  public mutating func empty(into buffer: UnsafeMutableRawPointer) throws(SystemError) {
    var place = buffer
    while held > 0 {
      let count = uninterrupted { read(output.number, place, held) }
      if count < 0 { throw .last("read") }
      if count == 0 { throw SystemError("read", EPIPE) }
      held -= count
      place += count
    }
  }
}
