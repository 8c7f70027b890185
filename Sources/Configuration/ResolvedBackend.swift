import Base

/// A backend as it runs. An address in the file is one backend; a host name is one for each of its addresses.
public struct ResolvedBackend: Equatable, Sendable {
  public enum Place: Equatable, Sendable {
    /// - Parameter check: where its checks go.
    case at(SocketAddress, check: SocketAddress)
    /// It cannot be reached, and why: `"db1.internal" cannot be resolved: Name or service not known`.
    case nowhere(String)
  }

  /// What the file says of it: weight, limit, labels.
  public let configuration: BackendConfiguration
  /// Unique in its pool. Of a host name the name in the file, a slash and the address: `web.internal:80/10.0.0.1`.
  ///
  /// Also when there is only one address: hashes and stickiness go by the name, so it must not change when a second
  /// address comes in. A name in the file has no slash, and no host name begins like `unix:/`.
  public let name: String
  public let place: Place
}

extension PoolConfiguration {
  /// The backends of the file by what is known of their host names, in the order of the file; those of one host name in
  /// the order of their addresses.
  public func resolved(by names: NameBook) -> [ResolvedBackend] {
    backends.flatMap { resolved($0, by: names) }
  }

  private func resolved(_ backend: BackendConfiguration, by names: NameBook) -> [ResolvedBackend] {
    let addresses: [(name: String, address: SocketAddress)]
    var checkAddress: SocketAddress?
    do throws(Unresolved) {
      addresses = try Self.addresses(of: backend.address, by: names).map { address in
        guard case .name = backend.address, case .ip(let ip, _) = address else { return (backend.name, address) }
        return ("\(backend.name)/\(ip)", address)
      }
      // Of several addresses the first: all of them answer for this backend.
      if let check = backend.check, needsChecks { checkAddress = try Self.addresses(of: check, by: names).first }
    } catch {
      return [ResolvedBackend(configuration: backend, name: backend.name, place: .nowhere(error.reason))]
    }
    return addresses.map { name, address in
      ResolvedBackend(
        configuration: backend, name: name,
        place: .at(address, check: checkAddress ?? address.with(port: health?.port)))
    }
  }

  private struct Unresolved: Error {
    let reason: String
  }

  private static func addresses(of endpoint: Endpoint, by names: NameBook) throws(Unresolved) -> [SocketAddress] {
    if let address = endpoint.socketAddress { return [address] }
    guard case .name(let host, let port) = endpoint else { return [] }
    guard let addresses = names.addresses(of: host) else { throw Unresolved(reason: names.problem(of: host)) }
    return addresses.list.map { .ip($0, port: port) }
  }

  /// An ejected backend is checked as well.
  private var needsChecks: Bool { health != nil || outlier != nil }

  /// The host names that its backends need.
  public var hostNames: Set<String> {
    Set(
      backends.flatMap { [$0.address, needsChecks ? $0.check : nil] }.compactMap { endpoint in
        if case .name(let host, _) = endpoint { host } else { nil }
      })
  }
}

extension Configuration {
  /// The host names that the backends of all pools need.
  public var hostNames: Set<String> { pools.reduce(into: []) { $0.formUnion($1.hostNames) } }
}

extension SocketAddress {
  /// The same address with another port, where it has one.
  fileprivate func with(port: Int?) -> SocketAddress {
    guard case .ip(let address, _) = self, let port = port.flatMap(UInt16.init(exactly:)) else { return self }
    return .ip(address, port: port)
  }
}
