import Base
import CLinux
import Glibc

/// How outgoing connections are made.
public struct ConnectOptions: Equatable, Sendable {
  public enum Source: Equatable, Sendable {
    case address(IPAddress)
    /// The client's own, as a transparent proxy has it (ip(7), IP_TRANSPARENT): needs CAP_NET_ADMIN, and a route that
    /// brings the answers back.
    case client
  }

  /// The local address; nil leaves it to the kernel.
  public var source: Source?
  /// Send data in the SYN where the server has given a cookie (tcp(7), TCP_FASTOPEN_CONNECT).
  public var fastOpen = false
  /// Multipath TCP where the kernel has it (RFC 8684), else TCP.
  public var multipath = false

  public init() {}
}

/// Options of sockets that may be set at any time.
public enum SocketOption {
  /// Finds dead peers: asks after `seconds` of silence, then eight times within the same time again (tcp(7)). Sockets
  /// that a listener accepts later inherit it.
  public static func keepAlive(_ socket: Int32, seconds: Int) {
    setOption(socket, SOL_SOCKET, SO_KEEPALIVE, seconds > 0 ? 1 : 0)
    if seconds <= 0 { return }
    let tcp = Int32(IPPROTO_TCP)
    setOption(socket, tcp, TCP_KEEPIDLE, Int32(clamping: min(seconds, 32_767)))
    setOption(socket, tcp, TCP_KEEPINTVL, Int32(clamping: max(1, min(seconds, 32_767) / 8)))
    setOption(socket, tcp, TCP_KEEPCNT, 8)
  }

  /// Data in a client's SYN is taken, from so many at once at most (tcp(7), TCP_FASTOPEN).
  /// - Returns: whether the kernel knows it.
  @discardableResult
  public static func fastOpen(_ listener: Int32, queue: Int32) -> Bool {
    var value = queue
    return setsockopt(
      listener, Int32(IPPROTO_TCP), TCP_FASTOPEN, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }
}
