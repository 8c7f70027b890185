import Base

/// A host and perhaps a port, from a Host field or a target (RFC 9110, 7.2; RFC 3986, 3.2).
public struct Authority: Equatable, Sendable, BitwiseCopyable {
  /// A name, an IPv4 address, or an IPv6 address in its brackets; as the client spelled it. Never empty.
  public var host: ByteRange
  /// nil when there is none, or nothing behind the colon.
  public var port: UInt16?

  /// Host names are letters, digits, dots, hyphens, underscores and tildes. RFC 3986 also allows percent signs and
  /// punctuation, which no name that resolves has, and which servers read differently.
  @inline(__always)
  static func parse(_ bytes: UnsafeRawBufferPointer, _ range: ByteRange) -> Authority? {
    let start = Int(range.start)
    let end = Int(range.end)
    guard start < end else { return nil }
    var index = start
    if bytes[start] == 0x5B {
      while index < end, bytes[index] != 0x5D { index &+= 1 }
      guard index < end, IPAddress(ipv6Text: bytes[ByteRange(start &+ 1, index)]) != nil else { return nil }
      index &+= 1
    } else {
      while index < end, ByteSet.unreserved.contains(bytes[index]) { index &+= 1 }
      guard index > start else { return nil }
    }
    let host = ByteRange(start, index)
    guard index < end else { return Authority(host: host, port: nil) }
    guard bytes[index] == Byte.colon else { return nil }
    guard index &+ 1 < end else { return Authority(host: host, port: nil) }
    guard end &- index <= 6, let port = bytes[ByteRange(index &+ 1, end)].decimal(), port <= 65535 else { return nil }
    return Authority(host: host, port: UInt16(truncatingIfNeeded: port))
  }

  /// Whether both name the same host and port, where `scheme` says which port goes without saying.
  func agrees(with other: Authority, scheme: Scheme, in bytes: UnsafeRawBufferPointer) -> Bool {
    (port ?? scheme.port) == (other.port ?? scheme.port) && bytes[host].equalsIgnoringCase(bytes[other.host])
  }
}

/// The scheme of a target in absolute form (RFC 9110, 4.2).
public enum Scheme: UInt8, Sendable, BitwiseCopyable {
  case http, https

  /// The port that goes without saying.
  public var port: UInt16 { self == .http ? 80 : 443 }
}
