import Base
import Glibc

/// Host names to addresses (getaddrinfo(3)): blocks, so never on a worker.
enum Resolver {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The addresses of an endpoint, IPv4 first; more than one only for a name.
  static func addresses(of endpoint: Endpoint) throws(Failure) -> [SocketAddress] {
    if let address = endpoint.socketAddress { return [address] }
    guard case .name(let host, let port) = endpoint else { return [] }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    guard status == 0 else {
      throw Failure(description: "\"\(host)\" cannot be resolved: \(String(cString: gai_strerror(status)))")
    }
    defer { freeaddrinfo(list) }
    var addresses: [IPAddress] = []
    var next = list
    while let entry = next {
      if let address = address(entry.pointee), !addresses.contains(address) { addresses.append(address) }
      next = entry.pointee.ai_next
    }
    guard !addresses.isEmpty else { throw Failure(description: "\"\(host)\" has no address") }
    return (addresses.filter(\.isIPv4) + addresses.filter { !$0.isIPv4 }).map { .ip($0, port: port) }
  }

  private static func address(_ entry: addrinfo) -> IPAddress? {
    guard let raw = entry.ai_addr else { return nil }
    switch entry.ai_family {
    case AF_INET:
      return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        IPAddress(ipv4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
      }
    case AF_INET6:
      return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { raw in
        withUnsafeBytes(of: raw.pointee.sin6_addr) { bytes in
          IPAddress(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
      }
    default: return nil
    }
  }
}
