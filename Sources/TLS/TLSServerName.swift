import Base

/// Whom a client means to talk to: what the server's certificate must be for.
public enum TLSServerName: Hashable, Sendable, CustomStringConvertible {
  /// Also asked for in the handshake (RFC 6066, 3).
  case host(HostName)
  /// Never asked for: the extension takes no addresses.
  case address(IPAddress)

  /// Reads a host name or an address (without brackets or port).
  public init?(_ text: String) {
    if let address = IPAddress(text) {
      self = .address(address)
    } else if let name = HostName(text) {
      self = .host(name)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .host(let name): name.description
    case .address(let address): address.description
    }
  }
}
