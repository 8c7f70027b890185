/// An address as an operator writes it: it may still hold a host name.
public enum Endpoint: Hashable, Sendable {
  case ip(IPAddress, port: UInt16)
  case name(String, port: UInt16)
  /// `:8080`: every IPv4 and IPv6 address of this machine.
  case any(port: UInt16)
  case unix(String)
}

extension Endpoint {
  /// Why a text is no address, in words that finish the sentence "`TEXT` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
    @usableFromInline init(_ description: String) { self.description = description }
  }

  /// The longest path that fits into a `sockaddr_un` with its closing zero (unix(7)).
  public static let longestUnixPath = 107

  /// Reads `127.0.0.1:80`, `[::1]:80`, `localhost:80`, `:80` and `unix:/path`.
  public init(parsing text: String) throws(Malformed) {
    if text.hasPrefix("unix:") {
      self = try .unix(Self.parseUnixPath(text.dropFirst(5)))
      return
    }
    guard let colon = text.lastIndex(of: ":") else {
      throw Malformed("has no port: write host:port, for example 127.0.0.1:8080")
    }
    if text.contains("://") { throw Malformed("is a URL: write host:port, for example 127.0.0.1:8080") }
    let host = text[..<colon]
    let portText = text[text.index(after: colon)...]
    if host.contains(":"), !host.hasPrefix("[") {
      throw Malformed("looks like an IPv6 address: write it in brackets, for example [::1]:8080")
    }
    guard !portText.isEmpty, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText),
      port > 0
    else {
      throw Malformed("has no valid port: 1…65535 expected after the last colon")
    }
    if host.isEmpty {
      self = .any(port: port)
    } else if host.hasPrefix("[") {
      guard host.hasSuffix("]"), let address = IPAddress(String(host.dropFirst().dropLast())),
        host.contains(":")
      else {
        throw Malformed("is not a valid IPv6 address in brackets")
      }
      self = .ip(address, port: port)
    } else if let address = IPAddress(String(host)) {
      self = .ip(address, port: port)
    } else {
      guard Self.isHostName(host) else {
        throw Malformed("is neither an IP address nor a valid host name")
      }
      self = .name(String(host), port: port)
    }
  }

  private static func parseUnixPath(_ path: Substring) throws(Malformed) -> String {
    if path.isEmpty { throw Malformed("has no path: write unix:/path/to.sock") }
    if path.utf8.contains(0) { throw Malformed("has a NUL byte in its path") }
    if path.utf8.count > longestUnixPath {
      throw Malformed("has a path of \(path.utf8.count) bytes; the kernel takes at most \(longestUnixPath)")
    }
    return String(path)
  }

  /// Labels of letters, digits, `-` and `_`, at most 63 bytes each and 253 in all (RFC 1123, 2.1). A name whose
  /// last label is all digits is a mistyped IPv4 address.
  private static func isHostName(_ text: Substring) -> Bool {
    guard text.utf8.count <= 253 else { return false }
    let labels = (text.hasSuffix(".") ? text.dropLast() : text).split(separator: ".", omittingEmptySubsequences: false)
    guard let last = labels.last, !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
    return labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
        && label.utf8.last != UInt8(ascii: "-")
        && label.utf8.allSatisfy { byte in
          (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
    }
  }

  /// The same address, if it needs no look-up. `:8080` is `[::]:8080`, which takes IPv4 as well.
  public var socketAddress: SocketAddress? {
    switch self {
    case .ip(let address, let port): .ip(address, port: port)
    case .any(let port): .ip(.anyIPv6, port: port)
    case .unix(let path): .unix(path)
    case .name: nil
    }
  }
}

extension Endpoint: CustomStringConvertible {
  /// As it is written in balancer.json.
  public var description: String {
    switch self {
    case .ip(let address, let port): SocketAddress.ip(address, port: port).description
    case .name(let host, let port): "\(host):\(port)"
    case .any(let port): ":\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
