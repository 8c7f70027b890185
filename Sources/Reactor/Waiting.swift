import Base
import Glibc

/// For threads that have no event loop because they do one thing only, such as writing a log: they may block.
extension Mailbox {
  /// Waits until a message is there.
  /// - Parameter milliseconds: at most so long; -1 is for ever.
  /// - Returns: false when the time was over first.
  @discardableResult
  public func wait(milliseconds: Int32 = -1) -> Bool {
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return uninterrupted { poll(&wait, 1, milliseconds) } > 0
  }
}

extension Descriptor {
  /// A descriptor of its own for standard output.
  public static func standardOutput() throws(SystemError) -> Descriptor {
    let copy = uninterrupted { fcntl(1, F_DUPFD_CLOEXEC, 3) }
    if copy < 0 { throw .last("fcntl") }
    return Descriptor(adopting: copy)
  }

  /// Writes all bytes, however long it takes.
  public borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = uninterrupted { write(number, rest.baseAddress, rest.count) }
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      } else if count < 0, errno == EAGAIN {
        // Somebody made the pipe or terminal that we share non-blocking.
        var wait = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        _ = uninterrupted { poll(&wait, 1, -1) }
      } else {
        throw .last("write")
      }
    }
  }
}

extension SocketIO {
  /// Waits until a socket, or any other descriptor, is ready (poll(2)).
  /// - Returns: false when the deadline came first.
  public static func wait(_ socket: Int32, for readiness: Readiness, until deadline: Instant) -> Bool {
    while true {
      var wait = pollfd(fd: socket, events: Int16(truncatingIfNeeded: readiness.rawValue), revents: 0)
      let count = poll(&wait, 1, Poller.timeout(until: deadline, now: Clock.now))
      if count > 0 { return true }
      if count == 0 || errno != EINTR { return false }
    }
  }
}
