import Base
import CLinux
import Glibc

/// What a read or a write on a non-blocking socket did.
public enum Transfer: Equatable, Sendable {
  /// At least one byte.
  case bytes(Int)
  /// Read: the peer will send no more.
  case ended
  /// The socket would block: its next edge will tell.
  case blocked
  case failed(SystemError)
}

/// The calls of the data path, on bare numbers: whoever owns the `Descriptor` vouches for them.
public enum SocketIO {
  /// Reads at most `count` bytes (recv(2)).
  @inlinable
  @inline(__always)
  public static func receive(_ socket: Int32, into buffer: UnsafeMutableRawPointer, count: Int) -> Transfer {
    let received = uninterrupted { linux_recv(socket, buffer, count) }
    if received > 0 { return .bytes(received) }
    if received == 0 { return .ended }
    let number = errno
    return number == EAGAIN ? .blocked : .failed(SystemError("recv", number))
  }

  /// Reads without taking the bytes out (MSG_PEEK).
  public static func peek(_ socket: Int32, into buffer: UnsafeMutableRawPointer, count: Int) -> Transfer {
    let seen = uninterrupted { recv(socket, buffer, count, Int32(MSG_PEEK)) }
    if seen > 0 { return .bytes(seen) }
    if seen == 0 { return .ended }
    let number = errno
    return number == EAGAIN ? .blocked : .failed(SystemError("recv", number))
  }

  /// Whether neither an end nor a reset has come from the peer, be it behind bytes that wait (poll(2), POLLRDHUP,
  /// which is EPOLLRDHUP). A peek would see only the bytes.
  public static func isKeptByPeer(_ socket: Int32) -> Bool {
    var look = pollfd(fd: socket, events: Int16(Readiness.peerFinished.rawValue), revents: 0)
    return uninterrupted { Int(poll(&look, 1, 0)) } == 0
  }

  /// The address that a connection was made to, on this side of it.
  public static func localAddress(of socket: Int32) -> SocketAddress? {
    var raw = RawAddress()
    return raw.withMutableSockaddr { getsockname(socket, $0, $1) } == 0 ? raw.address : nil
  }

  /// Writes at most `count` bytes; a broken connection is an error, never a signal (send(2), MSG_NOSIGNAL).
  /// - Parameter more: something follows at once, be it the end: the kernel may wait for it (MSG_MORE).
  @inlinable
  @inline(__always)
  public static func send(_ socket: Int32, from buffer: UnsafeRawPointer, count: Int, more: Bool) -> Transfer {
    let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
    let sent = uninterrupted { linux_send(socket, buffer, count, flags) }
    if sent >= 0 { return .bytes(sent) }
    let number = errno
    return number == EAGAIN ? .blocked : .failed(SystemError("send", number))
  }

  /// Tells the peer that no more bytes follow (shutdown(2)). A socket that is already broken tells so on its next
  /// event, so the answer does not matter here.
  @inlinable
  public static func finish(_ socket: Int32) { _ = shutdown(socket, Int32(SHUT_WR)) }

  /// From now on, closing resets the connection and throws away what is still to be sent (socket(7), SO_LINGER 0).
  public static func resetOnClose(_ socket: Int32) {
    var option = linger(l_onoff: 1, l_linger: 0)
    _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  /// Takes the error that a socket holds (SO_ERROR); nil when there is none.
  public static func takeError(of socket: Int32, _ operation: StaticString) -> SystemError? {
    var number: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    if getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &length) != 0 { return .last("getsockopt") }
    return number == 0 ? nil : SystemError(operation, number)
  }
}
