import Base
import CLinux
import Glibc

/// A `sockaddr` of any family that is used here, as the kernel reads and writes it (ip(7), ipv6(7), unix(7)).
struct RawAddress {
  var storage = sockaddr_storage()
  var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  init() {}

  init(_ address: SocketAddress) {
    switch address {
    case .ip(let ip, let port):
      if let ipv4 = ip.ipv4 {
        var raw = sockaddr_in()
        raw.sin_family = sa_family_t(AF_INET)
        raw.sin_port = port.bigEndian
        raw.sin_addr.s_addr = ipv4.bigEndian
        store(raw)
      } else {
        var raw = sockaddr_in6()
        raw.sin6_family = sa_family_t(AF_INET6)
        raw.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &raw.sin6_addr) { bytes in
          bytes.storeBytes(of: ip.high.bigEndian, toByteOffset: 0, as: UInt64.self)
          bytes.storeBytes(of: ip.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        store(raw)
      }
    case .unix(let path):
      var raw = sockaddr_un()
      raw.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &raw.sun_path) { bytes in
        // `Endpoint` has refused longer paths; the last byte stays zero.
        bytes.copyBytes(from: path.utf8.prefix(bytes.count - 1))
      }
      store(raw)
    }
  }

  private mutating func store<Raw>(_ raw: Raw) {
    withUnsafeBytes(of: raw) { bytes in withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: bytes) } }
    length = socklen_t(MemoryLayout<Raw>.size)
  }

  /// What the kernel wrote, or nil for a family that is not used here.
  var address: SocketAddress? {
    switch Int32(storage.ss_family) {
    case AF_INET, AF_INET6:
      guard let (ip, port) = ipAddress else { return nil }
      return .ip(ip, port: port)
    case AF_UNIX:
      let pathOffset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
      return withUnsafeBytes(of: storage) { bytes in
        let path = bytes[pathOffset..<max(pathOffset, min(Int(length), bytes.count))].prefix { $0 != 0 }
        return .unix(String(decoding: path, as: UTF8.self))
      }
    default: return nil
    }
  }

  /// The address and port without a detour over `SocketAddress`, which may hold a string.
  var ipAddress: (IPAddress, port: UInt16)? {
    withUnsafeBytes(of: storage) { bytes in
      switch Int32(storage.ss_family) {
      case AF_INET:
        let raw = bytes.loadUnaligned(as: sockaddr_in.self)
        return (IPAddress(ipv4: UInt32(bigEndian: raw.sin_addr.s_addr)), UInt16(bigEndian: raw.sin_port))
      case AF_INET6:
        let raw = bytes.loadUnaligned(as: sockaddr_in6.self)
        let (high, low) = withUnsafeBytes(of: raw.sin6_addr) { part in
          (
            UInt64(bigEndian: part.loadUnaligned(as: UInt64.self)),
            UInt64(bigEndian: part.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
          )
        }
        return (IPAddress(high: high, low: low), UInt16(bigEndian: raw.sin6_port))
      default: return nil
      }
    }
  }

  func withSockaddr<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  mutating func withMutableSockaddr<Value>(
    _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Value
  ) -> Value {
    withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
    }
  }
}

extension SocketAddress {
  /// The socket family: AF_INET, AF_INET6 or AF_UNIX.
  var family: Int32 {
    switch self {
    case .ip(let address, _): address.isIPv4 ? AF_INET : AF_INET6
    case .unix: AF_UNIX
    }
  }
}
