/// A block of addresses that share a prefix: `10.0.0.0/8`, `2001:db8::/32`, or a lone address.
///
/// The families are kept apart: `::/0` is every IPv6 address and no IPv4 one, although `IPAddress` holds IPv4 in
/// mapped form. Blocks inside `::ffff:0:0/96` are IPv4.
public struct CIDR: Hashable, Sendable, BitwiseCopyable {
  /// The first address; no bit behind the prefix is set.
  public let network: IPAddress
  /// 0…32 for IPv4, 0…128 for IPv6.
  public let prefixLength: Int

  /// The block of `prefixLength` bits that `address` lies in; lengths beyond the family's own are held at it.
  public init(_ address: IPAddress, prefixLength: Int) {
    self.prefixLength = min(max(prefixLength, 0), address.isIPv4 ? 32 : 128)
    let mask = Self.mask(self.prefixLength + (address.isIPv4 ? 96 : 0))
    network = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
  }

  public var isIPv4: Bool { network.isIPv4 }

  /// The last address of the block.
  public var last: IPAddress {
    let mask = mask
    return IPAddress(high: network.high | ~mask.high, low: network.low | ~mask.low)
  }

  @inlinable
  public func contains(_ address: IPAddress) -> Bool {
    let mask = mask
    return address.high & mask.high == network.high && address.low & mask.low == network.low
      && address.isIPv4 == network.isIPv4
  }

  @usableFromInline
  var mask: IPAddress { Self.mask(prefixLength + (isIPv4 ? 96 : 0)) }

  /// The leading `length` of 128 bits.
  private static func mask(_ length: Int) -> IPAddress {
    // Swift's << gives 0 when all bits leave, and shifts the other way for a negative count.
    IPAddress(high: ~0 << UInt64(max(64 - length, 0)), low: ~0 << UInt64(min(128 - length, 64)))
  }
}

extension CIDR {
  /// Why a text is no block of addresses, in words that finish the sentence "`TEXT` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// Reads `10.0.0.0/8`, `2001:db8::/32` and lone addresses (RFC 4632, 3.1; RFC 4291, 2.3).
  ///
  /// `10.1.2.3/8` is refused: either the length or the address is a mistake, and only its author knows which.
  public init(parsing text: String) throws(Malformed) {
    guard let slash = text.firstIndex(of: "/") else {
      guard let address = Self.address(text) else { throw Self.noAddress(text) }
      self.init(address, prefixLength: 128)
      return
    }
    let host = String(text[..<slash])
    guard let address = Self.address(host) else { throw Self.noAddress(host) }
    // An IPv4 block written in mapped form counts its prefix from the front of the IPv6 address.
    let isMapped = address.isIPv4 && host.contains(":")
    let longest = address.isIPv4 && !isMapped ? 32 : 128
    let digits = text[text.index(after: slash)...].utf8
    guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
      digits.count == 1 || digits.first != 0x30, let length = Int(Substring(digits)), length <= longest
    else {
      throw Malformed("has no valid prefix length: 0…\(longest) expected after the slash")
    }
    if isMapped, length < 96 {
      throw Malformed("has bits set behind its prefix: write an IPv4 block as IPv4, for example 10.0.0.0/8")
    }
    self.init(address, prefixLength: isMapped ? length - 96 : length)
    guard network == address else {
      throw Malformed("has bits set behind its prefix: write \(self), or \(address) for the one address")
    }
  }

  private static func address(_ text: String) -> IPAddress? {
    Array(text.utf8).withUnsafeBytes { IPAddress(text: $0) }
  }

  private static func noAddress(_ text: String) -> Malformed {
    Malformed(
      text.hasPrefix("[")
        ? "has brackets: write a block without them, for example 2001:db8::/32"
        : "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32")
  }
}

extension CIDR: CustomStringConvertible {
  /// As it is written in balancer.json; a lone address has no length.
  public var description: String {
    prefixLength == (isIPv4 ? 32 : 128) ? network.description : "\(network)/\(prefixLength)"
  }
}
