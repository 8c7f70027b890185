/// The bytes that the grammar names, and how they are searched: eight at a time, without a table.
enum Byte {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0A
  static let carriageReturn: UInt8 = 0x0D
  static let space: UInt8 = 0x20
  static let comma: UInt8 = 0x2C
  static let slash: UInt8 = 0x2F
  static let dot: UInt8 = 0x2E
  static let colon: UInt8 = 0x3A
  static let semicolon: UInt8 = 0x3B
  static let percent: UInt8 = 0x25
  static let quote: UInt8 = 0x22
  static let backslash: UInt8 = 0x5C

  @inline(__always)
  static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  @inline(__always)
  static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  /// 0 to 15, or nil.
  @inline(__always)
  static func hexValue(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
  }

  @inline(__always)
  static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  /// 0 to 15 as RFC 3986, 2.1 wants it.
  @inline(__always)
  static func upperHex(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x37 &+ value }
}

extension UnsafeRawBufferPointer {
  /// Where the first line feed at or behind `start` is, before `end`.
  @inline(__always)
  func firstLineFeed(from start: Int, to end: Int) -> Int? {
    var index = start
    while index &+ 8 <= end {
      let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
      let different = word ^ 0x0A0A_0A0A_0A0A_0A0A
      // The lowest bit that is set belongs to the first byte that is zero; those above it may be wrong.
      let zero = (different &- 0x0101_0101_0101_0101) & ~different & 0x8080_8080_8080_8080
      if zero != 0 { return index &+ zero.trailingZeroBitCount / 8 }
      index &+= 8
    }
    while index < end {
      if self[index] == Byte.lineFeed { return index }
      index &+= 1
    }
    return nil
  }

  /// Whether what lies from `start` to `end` may stand in a field's value: visible characters, blanks, tabs and whatever
  /// is above 127 (RFC 9110, 5.5).
  @inline(__always)
  func isFieldContent(from start: Int, to end: Int) -> Bool {
    var index = start
    while index &+ 8 <= end {
      let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
      let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
      let control =
        ((word &- 0x2020_2020_2020_2020) & ~word | (delete &- 0x0101_0101_0101_0101) & ~delete)
        & 0x8080_8080_8080_8080
      // A tab is a control character too: then the eight are looked at one by one.
      if control != 0 {
        for offset in index..<index &+ 8 where !Self.isFieldContent(self[offset]) { return false }
      }
      index &+= 8
    }
    while index < end {
      if !Self.isFieldContent(self[index]) { return false }
      index &+= 1
    }
    return true
  }

  @inline(__always)
  private static func isFieldContent(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == Byte.tab }

  /// Without the blanks and tabs around it.
  @inline(__always)
  func trimmed(_ range: ByteRange) -> ByteRange {
    var start = Int(range.start)
    var end = Int(range.end)
    while start < end, Byte.isBlank(self[start]) { start &+= 1 }
    while end > start, Byte.isBlank(self[end &- 1]) { end &-= 1 }
    return ByteRange(start, end)
  }

  /// Whether these are the letters of `text`, which is lower case, in any case.
  @inline(__always)
  func equalsIgnoringCase(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    let other = text.utf8Start
    for index in 0..<count where Byte.lowercased(self[index]) != other[index] { return false }
    return true
  }

  func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    for index in 0..<count where Byte.lowercased(self[index]) != Byte.lowercased(other[index]) { return false }
    return true
  }

  /// The number that is written here in digits and nothing else; nil when there is none, or when it does not fit in
  /// 63 bits.
  func decimal() -> UInt64? {
    guard !isEmpty else { return nil }
    var number: UInt64 = 0
    for byte in self {
      guard Byte.isDigit(byte) else { return nil }
      let (product, tooLarge) = number.multipliedReportingOverflow(by: 10)
      guard !tooLarge else { return nil }
      number = product &+ UInt64(byte &- 0x30)
      guard number <= UInt64(Int64.max), number >= product else { return nil }
    }
    return number
  }
}

extension StaticString {
  @inline(__always)
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
