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

  /// - Parameter client: whose connection it is, for a transparent source.
  public static func to(
    _ address: SocketAddress, _ options: ConnectOptions = ConnectOptions(), client: IPAddress? = nil
  ) -> Connecting {
    let isIP = address.family != AF_UNIX
    let number = MultipathTCP.socket(address.family, multipath: options.multipath && isIP)
    if number < 0 { return .failed(.last("socket")) }
    let descriptor = Descriptor(adopting: number)
    // A relay writes whole chunks: waiting for more (Nagle) would only delay them.
    if isIP { setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
    if options.fastOpen, isIP { setOption(number, Int32(IPPROTO_TCP), TCP_FASTOPEN_CONNECT, 1) }
    if let source = options.source, isIP, let error = bind(number, address, source, client) { return .failed(error) }
    if RawAddress(address).withSockaddr({ connect(number, $0, $1) }) == 0 { return .connected(descriptor) }
    switch errno {
    case EINPROGRESS, EINTR: return .underway(descriptor)
    case let number: return .failed(SystemError("connect", number))
    }
  }

  /// Takes a local address; a source of the other family cannot be, so the kernel chooses.
  private static func bind(
    _ socket: Int32, _ address: SocketAddress, _ source: ConnectOptions.Source, _ client: IPAddress?
  ) -> SystemError? {
    guard case .ip(let target, _) = address else { return nil }
    let local: IPAddress
    switch source {
    case .address(let address): local = address
    case .client:
      guard let client else { return nil }
      local = client
    }
    guard local.isIPv4 == target.isIPv4 else { return nil }
    if source == .client, let error = TransparentSockets.allow(socket, local) { return error }
    // The port is chosen at connect, so that one is used for many backends, or 28 000 would be all.
    setOption(socket, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1)
    let raw = RawAddress(.ip(local, port: 0))
    return raw.withSockaddr { Glibc.bind(socket, $0, $1) } == 0 ? nil : .last("bind")
  }
}

let nonBlockingCloseOnExec = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

/// Sets an integer option. A kernel that refuses one of these goes on without it, so nothing is reported.
func setOption(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
  var value = value
  _ = setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}
