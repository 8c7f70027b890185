/// What a socket is bound or connected to: nothing in it needs to be looked up.
public enum SocketAddress: Hashable, Sendable {
  case ip(IPAddress, port: UInt16)
  /// A path of at most 107 bytes (unix(7)).
  case unix(String)
}

extension SocketAddress: CustomStringConvertible {
  /// As it is written in balancer.json: `127.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock`.
  public var description: String {
    switch self {
    case .ip(let address, let port): address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
