import Base

/// The names that a request may ask for. A page of somebody else whose name was made to lead here (DNS rebinding) has
/// another one.
struct OwnNames: Sendable {
  private let machine: String

  /// - Parameter machine: what the machine is called.
  init(machine: String) { self.machine = machine.lowercased() }

  /// - Parameters:
  ///   - host: what the request asks for, without the port, which a tunnel may change; nil where it does not say.
  ///   - local: the address that the connection was made to.
  func contains(_ host: String?, at local: SocketAddress) -> Bool {
    // No browser gets to a unix socket.
    guard case .ip(let address, _) = local else { return true }
    guard let host else { return false }
    let name = host.lowercased()
    if name == "localhost" || !machine.isEmpty && name == machine { return true }
    let text = name.hasPrefix("[") && name.hasSuffix("]") ? String(name.dropFirst().dropLast()) : name
    return IPAddress(text) == address
  }
}
