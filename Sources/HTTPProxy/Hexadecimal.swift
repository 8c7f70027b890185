/// Numbers in hexadecimal digits, of a fixed length.
enum Hexadecimal {
  /// Small letters.
  static func write(_ number: UInt64, digits: Int, to buffer: UnsafeMutableRawBufferPointer, at offset: Int) {
    for index in 0..<digits {
      let digit = UInt8(truncatingIfNeeded: number >> UInt64(4 * (digits - 1 - index)) & 0xF)
      buffer[offset + index] = digit < 10 ? digit + 0x30 : digit - 10 + 0x61
    }
  }

  /// Small letters only, so that a value has one form; nil for anything else.
  static func read(_ text: UnsafeRawBufferPointer, at offset: Int, digits: Int) -> UInt64? {
    var number: UInt64 = 0
    for byte in text[offset..<offset + digits] {
      switch byte {
      case 0x30...0x39: number = number << 4 | UInt64(byte - 0x30)
      case 0x61...0x66: number = number << 4 | UInt64(byte - 0x61 + 10)
      default: return nil
      }
    }
    return number
  }
}
