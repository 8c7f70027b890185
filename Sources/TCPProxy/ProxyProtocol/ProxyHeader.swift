import Base

/// What a PROXY header says of the connection it stands in front of (haproxy's doc/proxy-protocol.txt).
public struct ProxyHeader: Equatable, Sendable {
  public enum Version: Equatable, Sendable, CaseIterable {
    /// One line of text.
    case v1
    /// Binary, with room for more than addresses.
    case v2
  }

  public enum Origin: Equatable, Sendable {
    /// The sender speaks for itself, as in a health check: the addresses of the socket are the right ones.
    case local
    /// The sender relays a connection of whose addresses it says nothing, or nothing about TCP: the addresses of the
    /// socket are all there is. UNKNOWN in version 1; UNSPEC and datagrams in version 2.
    case unknown
    /// The sender relays this connection. An IPv4 address in IPv6 form is the IPv4 address.
    case proxied(source: SocketAddress, destination: SocketAddress)
  }

  public var version: Version
  public var origin: Origin
  /// Bytes of the header: where the connection's own begin.
  public var length: Int

  public init(version: Version, origin: Origin, length: Int) {
    self.version = version
    self.origin = origin
    self.length = length
  }
}

extension ProxyHeader {
  /// The versions a listener takes. The header is never guessed at: a listener expects one or does not.
  public enum Accepted: Equatable, Sendable, CaseIterable {
    case v1, v2, any
  }

  public enum Answer: Equatable, Sendable {
    /// No header is complete before there are this many bytes, counted from the first. Asking again sooner does no
    /// harm, and may find a fault sooner.
    case needMore(minimum: Int)
    case header(ProxyHeader)
    /// The connection is to be closed: none of its bytes can be trusted.
    case malformed(Malformed)
  }

  /// The longest header that is read: what fits in a page. Senders stay within 536 bytes, except for certificates.
  public static let longest = 4096

  /// Reads the header at the start of a connection.
  ///
  /// Whoever sends a byte at a time gets the same answer as who sends all at once: once malformed, always malformed,
  /// and bytes behind the header change nothing.
  /// - Parameter bytes: everything received so far, from the first byte on; at least `longest` bytes are looked at.
  public static func parse(_ bytes: UnsafeRawBufferPointer, accepting accepted: Accepted) -> Answer {
    guard let first = bytes.first else { return .needMore(minimum: accepted == .v2 ? shortestV2 : shortestV1) }
    if first == signatureV1[0] {
      guard accepted != .v2 else { return .malformed(.versionNotAccepted(.v1)) }
      return parseV1(bytes)
    }
    if first == signatureV2[0] {
      guard accepted != .v1 else { return .malformed(.versionNotAccepted(.v2)) }
      return parseV2(bytes)
    }
    return .malformed(.notAHeader)
  }

  static let signatureV1: InlineArray<6, UInt8> = [0x50, 0x52, 0x4F, 0x58, 0x59, 0x20]
  static let signatureV2: InlineArray<12, UInt8> = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]
  /// `PROXY UNKNOWN` and its line end.
  static let shortestV1 = 15
  /// The signature, the version and command, the family and the length.
  static let shortestV2 = 16

  /// Whether `bytes` begin as `signature` does, as far as there are any.
  static func agrees<let count: Int>(_ bytes: UnsafeRawBufferPointer, _ signature: InlineArray<count, UInt8>) -> Bool {
    for index in 0..<min(bytes.count, count) where bytes[index] != signature[index] { return false }
    return true
  }
}
