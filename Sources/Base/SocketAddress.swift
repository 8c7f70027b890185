/// What a socket is bound or connected to: nothing in it needs to be looked up.
public enum SocketAddress: Hashable, Sendable {
  case ip(IPAddress, port: UInt16)
  /// A path of at most 107 bytes (unix(7)).
  case unix(String)

  /// Where nobody can be: no server has port 0. What a host name stands for while it cannot be resolved.
  public static let nowhere = SocketAddress.ip(.anyIPv4, port: 0)
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
