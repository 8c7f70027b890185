import Foundation

/// Where a test listens or connects.
enum Address: Hashable, Sendable, CustomStringConvertible {
  case ipv4(UInt16)
  /// An IPv4 or IPv6 address, on this machine or in a network of namespaces.
  case host(String, UInt16)
  case ipv6(UInt16)
  case unix(String)

  /// As balancer.json has it.
  var description: String {
    switch self {
    case .ipv4(let port): "127.0.0.1:\(port)"
    case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .ipv6(let port): "[::1]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  var family: Int32 {
    switch self {
    case .ipv4: AF_INET
    case .host(let host, _): host.contains(":") ? AF_INET6 : AF_INET
    case .ipv6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// A socket of its family, which no program inherits.
  func makeSocket() throws -> Int32 {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemFailure("socket") }
    return descriptor
  }

  /// Calls `body` with the address as bind(2) and connect(2) take it.
  func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    func pass<Value>(_ value: Value, _ length: Int) -> Result {
      withUnsafePointer(to: value) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
      }
    }
    func passIP(_ host: String, _ port: UInt16) -> Result {
      if host.contains(":") {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        inet_pton(AF_INET6, host, &address.sin6_addr)
        return pass(address, MemoryLayout<sockaddr_in6>.size)
      }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      inet_pton(AF_INET, host, &address.sin_addr)
      return pass(address, MemoryLayout<sockaddr_in>.size)
    }
    switch self {
    case .ipv4(let port): return passIP("127.0.0.1", port)
    case .ipv6(let port): return passIP("::1", port)
    case .host(let host, let port): return passIP(host, port)
    case .unix(let path):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
      return pass(address, MemoryLayout<sockaddr_un>.size)
    }
  }
}

/// Ports that nobody uses now.
enum FreePort {
  /// Below the range that the kernel takes client ports from, so that no outgoing connection gets in between. Each
  /// process starts elsewhere, so that two test runs rarely meet.
  private static let next = Locked(UInt16(10000 + getpid() % 200 * 100))

  static func take() throws -> UInt16 {
    try next.withLock { next in
      for _ in 0..<1000 {
        next = next >= 31000 ? 10000 : next + 1
        if isFree(.ipv4(next)), isFree(.ipv6(next)) { return next }
      }
      throw Failure("no free port")
    }
  }

  /// Found without listening: a program that another test starts has every descriptor until it is executed, and an
  /// address that is listened on cannot be had again (SO_REUSEADDR, socket(7)).
  private static func isFree(_ address: Address) -> Bool {
    guard let descriptor = try? address.makeSocket() else { return false }
    defer { close(descriptor) }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    return address.withSockaddr { bind(descriptor, $0, $1) } == 0
  }
}
