/// A set of ASCII characters, looked up by two shifts. Bytes above 127 are in none of them.
struct ByteSet {
  let low: UInt64
  let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    (byte < 64 ? low : byte < 128 ? high : 0) >> UInt64(byte & 63) & 1 != 0
  }

  @inline(__always)
  func containsAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for byte in bytes where !contains(byte) { return false }
    return true
  }

  /// What names and methods are made of (RFC 9110, 5.6.2).
  @inline(__always)
  static var token: ByteSet { ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE) }
  /// What means the same escaped and not (RFC 3986, 2.3); all that a host name is made of.
  @inline(__always)
  static var unreserved: ByteSet { ByteSet(low: 0x03FF_6000_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }
  /// What a segment of a path may hold (RFC 3986, 3.3), and the percent sign.
  @inline(__always)
  static var segment: ByteSet { ByteSet(low: 0x2FFF_7FF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF) }
  /// What comes in paths all the same: every visible character but `#`, `?` and the backslash.
  @inline(__always)
  static var rawPath: ByteSet { ByteSet(low: 0x7FFF_FFF6_0000_0000, high: 0x7FFF_FFFF_EFFF_FFFF) }
  /// What comes in queries: every visible character but `#`. Browsers leave brackets, bars and braces as they are.
  @inline(__always)
  static var query: ByteSet { ByteSet(low: 0xFFFF_FFF6_0000_0000, high: 0x7FFF_FFFF_FFFF_FFFF) }
  /// Segment characters that say nothing about where a path leads: neither percent, semicolon, dot nor slash.
  @inline(__always)
  static var plainPath: ByteSet { ByteSet(low: 0x27FF_3FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF) }
}
