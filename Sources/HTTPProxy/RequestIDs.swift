import Base

/// Names for requests: UUIDs of version 7 (RFC 9562, 5.7), which sort by time. One generator a worker; it makes no system call.
///
/// They are unique, not secret: who has seen some can guess others.
public struct RequestIDs: ~Copyable {
  /// `01890a5d-ac96-774b-bcce-b302099a8057`.
  public static let length = 36
  /// The longest name that is taken over from somebody who is trusted.
  public static let longestForeign = 128

  private var first: SeededGenerator
  private var second: SeededGenerator

  /// - Parameter seed: random, and a different one for each worker of each machine.
  public init(seed: (UInt64, UInt64)) {
    first = SeededGenerator(seed: seed.0)
    second = SeededGenerator(seed: seed.1)
  }

  /// Writes a new name.
  /// - Parameter buffer: at least `length` bytes.
  /// - Returns: `length`.
  public mutating func write(at time: WallTime, to buffer: UnsafeMutableRawBufferPointer) -> Int {
    precondition(buffer.count >= Self.length)
    let milliseconds = UInt64(max(time.nanosecondsSinceEpoch, 0) / 1_000_000) & 0xFFFF_FFFF_FFFF
    // 12 bits of the one generator and 62 of the other: neither shows its whole state.
    let high = milliseconds << 16 | 0x7000 | first.next() >> 52
    let low = second.next() >> 2 | 1 << 63
    Hexadecimal.write(high >> 32, digits: 8, to: buffer, at: 0)
    Hexadecimal.write(high >> 16 & 0xFFFF, digits: 4, to: buffer, at: 9)
    Hexadecimal.write(high & 0xFFFF, digits: 4, to: buffer, at: 14)
    Hexadecimal.write(low >> 48, digits: 4, to: buffer, at: 19)
    Hexadecimal.write(low & 0xFFFF_FFFF_FFFF, digits: 12, to: buffer, at: 24)
    for offset in stride(from: 8, through: 23, by: 5) { buffer[offset] = UInt8(ascii: "-") }
    return Self.length
  }

  /// Whether a name that came with a request may be kept: it goes into logs and to backends. Letters, digits and a few
  /// marks, at most `longestForeign` bytes.
  public static func isAcceptable(_ name: UnsafeRawBufferPointer) -> Bool {
    guard !name.isEmpty, name.count <= longestForeign else { return false }
    return name.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "+"),
        UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "@"):
        true
      default: false
      }
    }
  }
}
