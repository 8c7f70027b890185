/// An IPv4 or IPv6 address: sixteen bytes in network order, held as two words in host order.
///
/// IPv4 addresses are kept in their mapped form (RFC 4291, 2.5.5.2), so that a client of a dual-stack socket and
/// the same client of an IPv4 socket are one address.
public struct IPAddress: Hashable, Sendable, BitwiseCopyable {
  public let high: UInt64
  public let low: UInt64

  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  @inlinable
  public init(ipv4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4)) }

  /// The IPv4 address in host order, if this is one.
  @inlinable
  public var ipv4: UInt32? { high == 0 && low >> 32 == 0xFFFF ? UInt32(truncatingIfNeeded: low) : nil }

  @inlinable
  public var isIPv4: Bool { ipv4 != nil }

  public static let anyIPv4 = IPAddress(ipv4: 0)
  public static let anyIPv6 = IPAddress(high: 0, low: 0)
  public static let loopbackIPv4 = IPAddress(ipv4: 0x7F00_0001)
  public static let loopbackIPv6 = IPAddress(high: 0, low: 1)

  /// `0000:0000:0000:0000:0000:ffff:255.255.255.255`.
  private static let longestText = 45

  /// 127.0.0.0/8 and ::1.
  public var isLoopback: Bool {
    if let ipv4 { return ipv4 >> 24 == 127 }
    return self == .loopbackIPv6
  }
}

extension IPAddress: LosslessStringConvertible {
  /// Reads `192.0.2.1` or `2001:db8::1` (RFC 4291, 2.2). No zone, no brackets, no port.
  public init?(_ text: String) {
    guard text.utf8.count <= Self.longestText else { return nil }
    if text.utf8.contains(UInt8(ascii: ":")) {
      guard let address = Self.parseIPv6(text) else { return nil }
      self = address
    } else {
      guard let address = Self.parseIPv4(text[...]) else { return nil }
      self.init(ipv4: address)
    }
  }

  /// Four decimal parts; leading zeros are refused, because some readers take them for octal.
  private static func parseIPv4(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        part.utf8.count == 1 || part.utf8.first != 0x30, let byte = UInt8(part)
      else { return nil }
      address = address << 8 | UInt32(byte)
    }
    return address
  }

  private static func parseIPv6(_ text: String) -> IPAddress? {
    // At most one "::" stands for the missing groups.
    guard let gap = text.firstRange(of: "::") else {
      guard let groups = parseGroups(text[...], mayEndInIPv4: true), groups.count == 8 else { return nil }
      return IPAddress(groups: groups)
    }
    guard let before = parseGroups(text[..<gap.lowerBound], mayEndInIPv4: false),
      let after = parseGroups(text[gap.upperBound...], mayEndInIPv4: true), before.count + after.count <= 7
    else { return nil }
    let zeros = [UInt16](repeating: 0, count: 8 - before.count - after.count)
    return IPAddress(groups: before + zeros + after)
  }

  /// Groups of up to four hexadecimal digits; the last of the whole address may be an IPv4 address, which counts as two.
  private static func parseGroups(_ text: Substring, mayEndInIPv4: Bool) -> [UInt16]? {
    if text.isEmpty { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if mayEndInIPv4, index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
        guard let ipv4 = parseIPv4(part) else { return nil }
        groups.append(UInt16(ipv4 >> 16))
        groups.append(UInt16(ipv4 & 0xFFFF))
      } else {
        // Digits alone: `UInt16` would also take a sign.
        guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexadecimal),
          let group = UInt16(part, radix: 16)
        else { return nil }
        groups.append(group)
      }
      if groups.count > 8 { return nil }
    }
    return groups
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }

  private init(groups: [UInt16]) {
    var high: UInt64 = 0
    var low: UInt64 = 0
    for index in 0..<4 {
      high = high << 16 | UInt64(groups[index])
      low = low << 16 | UInt64(groups[index + 4])
    }
    self.init(high: high, low: low)
  }

  private var groups: [UInt16] {
    (0..<8).map { index in
      UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(16 * (3 - index % 4)))
    }
  }

  /// The canonical text (RFC 5952).
  public var description: String {
    if let ipv4 {
      return "\(ipv4 >> 24).\(ipv4 >> 16 & 0xFF).\(ipv4 >> 8 & 0xFF).\(ipv4 & 0xFF)"
    }
    let groups = self.groups
    // The longest run of at least two zero groups is shortened; the first of equals.
    var longest = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start >= 2, end - start > longest.count { longest = start..<end }
      start = max(end, start + 1)
    }
    func text(_ part: ArraySlice<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    if longest.isEmpty { return text(groups[...]) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }
}
