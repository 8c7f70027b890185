import Base
import Glibc
import Reactor

/// Host names to addresses by the system's resolver (getaddrinfo(3)). It blocks, for as long as resolv.conf(5) says.
enum HostLookup {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The addresses of an endpoint to listen on, IPv4 first; more than one only for a name.
  static func addresses(of endpoint: Endpoint) throws(Failure) -> [SocketAddress] {
    if let address = endpoint.socketAddress { return [address] }
    guard case .name(let host, let port) = endpoint else { return [] }
    let addresses = try addresses(of: host, flags: 0)
    guard !addresses.isEmpty else { throw Failure(description: "\"\(host)\" has no address") }
    return (addresses.filter(\.isIPv4) + addresses.filter { !$0.isIPv4 }).map { .ip($0, port: port) }
  }

  /// The addresses of a backend's host name. Those of a family that this machine itself has no address of are left out
  /// (AI_ADDRCONFIG), but for `localhost`, which needs none.
  static func answer(to host: String) -> NameBook.Answer {
    do throws(Failure) {
      return .addresses(try addresses(of: host, flags: host.lowercased() == "localhost" ? 0 : AI_ADDRCONFIG))
    } catch {
      return .failed(error.description)
    }
  }

  private static func addresses(of host: String, flags: Int32) throws(Failure) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = flags
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    guard status == 0 else {
      let cause = status == EAI_SYSTEM ? "\(SystemError.last("getaddrinfo"))" : String(cString: gai_strerror(status))
      throw Failure(description: "\"\(host)\" cannot be resolved: \(cause)")
    }
    defer { freeaddrinfo(list) }
    var addresses: [IPAddress] = []
    var next = list
    while let entry = next {
      if let address = address(entry.pointee), !addresses.contains(address) { addresses.append(address) }
      next = entry.pointee.ai_next
    }
    return addresses
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
