/// Addresses in the text of a protocol: read and written in place, without a String.
extension IPAddress {
  /// Bytes of the longest text of an address: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` (INET6_ADDRSTRLEN - 1).
  public static let textCapacity = 45

  /// Reads either kind of text.
  public init?(text: UnsafeRawBufferPointer) {
    if text.contains(UInt8(ascii: ":")) { self.init(ipv6Text: text) } else { self.init(ipv4Text: text) }
  }

  /// Reads `192.0.2.1`, and nothing else: four decimal parts without leading zeros.
  public init?(ipv4Text text: UnsafeRawBufferPointer) {
    guard let address = Self.readIPv4(text) else { return nil }
    self.init(ipv4: address)
  }

  /// Reads `2001:db8::1` or `::ffff:192.0.2.1` (RFC 4291, 2.2), and no IPv4 text.
  public init?(ipv6Text text: UnsafeRawBufferPointer) {
    // Groups gather in `head`; from a "::" on, in `tail`, which is put at the end of the address.
    var head: UInt128 = 0
    var headCount = 0
    var tail: UInt128 = 0
    var tailCount = 0
    var hasGap = false
    func add(_ group: UInt16) {
      if hasGap {
        tail = tail << 16 | UInt128(group)
        tailCount += 1
      } else {
        head = head << 16 | UInt128(group)
        headCount += 1
      }
    }

    let colon = UInt8(ascii: ":")
    var position = 0
    if text.count >= 2, text[0] == colon, text[1] == colon {
      hasGap = true
      position = 2
    }
    while position < text.count {
      guard headCount + tailCount < 8 else { return nil }
      let start = position
      while position < text.count, text[position] != colon { position += 1 }
      let part = UnsafeRawBufferPointer(rebasing: text[start..<position])
      if part.contains(UInt8(ascii: ".")) {
        guard position == text.count, headCount + tailCount <= 6, let ipv4 = Self.readIPv4(part) else { return nil }
        add(UInt16(ipv4 >> 16))
        add(UInt16(truncatingIfNeeded: ipv4))
        break
      }
      guard let group = Self.readGroup(part) else { return nil }
      add(group)
      if position == text.count { break }
      position += 1
      // A colon ends the text only as a part of "::".
      guard position < text.count else { return nil }
      if text[position] == colon {
        guard !hasGap else { return nil }
        hasGap = true
        position += 1
      }
    }
    guard hasGap ? headCount + tailCount <= 7 : headCount == 8 else { return nil }
    let value = hasGap ? (headCount == 0 ? 0 : head << UInt128(16 * (8 - headCount))) | tail : head
    self.init(high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
  }

  private static func readIPv4(_ text: UnsafeRawBufferPointer) -> UInt32? {
    var address: UInt32 = 0
    var part: UInt32 = 0
    var digits = 0
    var dots = 0
    for byte in text {
      switch byte {
      case 0x30...0x39:
        // A second digit behind a zero is a leading zero.
        guard digits == 0 || part > 0 else { return nil }
        part = part * 10 + UInt32(byte - 0x30)
        digits += 1
        guard part <= 255 else { return nil }
      case UInt8(ascii: "."):
        guard digits > 0, dots < 3 else { return nil }
        address = address << 8 | part
        dots += 1
        part = 0
        digits = 0
      default:
        return nil
      }
    }
    guard dots == 3, digits > 0 else { return nil }
    return address << 8 | part
  }

  private static func readGroup(_ text: UnsafeRawBufferPointer) -> UInt16? {
    guard (1...4).contains(text.count) else { return nil }
    var group: UInt16 = 0
    for byte in text {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: return nil
      }
      group = group << 4 | UInt16(digit)
    }
    return group
  }

  /// Writes the canonical text (RFC 5952) to the start of `buffer`.
  /// - Parameters:
  ///   - buffer: at least `textCapacity` bytes.
  ///   - mapped: IPv4 as IPv6, `::ffff:192.0.2.1`.
  /// - Returns: how many bytes were written.
  public func writeText(to buffer: UnsafeMutableRawBufferPointer, mapped: Bool = false) -> Int {
    precondition(buffer.count >= Self.textCapacity)
    var count = 0
    func put(_ byte: UInt8) {
      buffer[count] = byte
      count += 1
    }
    if let ipv4 {
      if mapped {
        for byte in "::ffff:".utf8 { put(byte) }
      }
      for part: UInt32 in 0..<4 {
        if part > 0 { put(UInt8(ascii: ".")) }
        count += Self.writeDecimal(
          ipv4 >> (24 - 8 * part) & 0xFF, to: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
      }
      return count
    }

    func group(_ index: Int) -> UInt64 { (index < 4 ? high : low) >> UInt64(16 * (3 - index % 4)) & 0xFFFF }
    // The longest run of at least two zero groups is shortened; the first of equals.
    var gap = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, group(end) == 0 { end += 1 }
      if end - start >= 2, end - start > gap.count { gap = start..<end }
      start = max(end, start + 1)
    }
    var index = 0
    while index < 8 {
      if index == gap.lowerBound, !gap.isEmpty {
        put(UInt8(ascii: ":"))
        put(UInt8(ascii: ":"))
        index = gap.upperBound
        continue
      }
      if index > 0, index != gap.upperBound || gap.isEmpty { put(UInt8(ascii: ":")) }
      let value = group(index)
      var shift: UInt64 = value > 0xFFF ? 12 : value > 0xFF ? 8 : value > 0xF ? 4 : 0
      while true {
        let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
        put(digit < 10 ? digit + 0x30 : digit - 10 + 0x61)
        if shift == 0 { break }
        shift -= 4
      }
      index += 1
    }
    return count
  }

  /// Writes a number in decimal.
  /// - Parameter buffer: at least 10 bytes.
  /// - Returns: how many bytes were written.
  public static func writeDecimal(_ number: UInt32, to buffer: UnsafeMutableRawBufferPointer) -> Int {
    var divisor: UInt32 = 1
    while number / divisor >= 10 { divisor *= 10 }
    var count = 0
    while divisor > 0 {
      buffer[count] = UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30
      divisor /= 10
      count += 1
    }
    return count
  }
}
