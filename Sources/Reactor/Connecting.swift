import Base
import CLinux
import Glibc

/// The start of an outgoing connection on a non-blocking socket (connect(2)).
public enum Connecting: ~Copyable {
  /// Connected at once, as loopback and unix sockets do.
  case connected(Descriptor)
  /// Becomes writable when it is decided; `SocketIO.takeError` then says how.
  case underway(Descriptor)
  case failed(SystemError)

  public static func to(_ address: SocketAddress) -> Connecting {
    let number = socket(address.family, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
    if number < 0 { return .failed(.last("socket")) }
    let descriptor = Descriptor(adopting: number)
    // A relay writes whole chunks: waiting for more (Nagle) would only delay them.
    if address.family != AF_UNIX { setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
    if RawAddress(address).withSockaddr({ connect(number, $0, $1) }) == 0 { return .connected(descriptor) }
    switch errno {
    case EINPROGRESS, EINTR: return .underway(descriptor)
    case let number: return .failed(SystemError("connect", number))
    }
  }
}

let nonBlockingCloseOnExec = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

/// Sets an integer option. A kernel that refuses one of these goes on without it, so nothing is reported.
func setOption(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
  var value = value
  _ = setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}
