/// The checksum of SCTP and of PROXY protocol headers (RFC 4960, appendix B): the Castagnoli polynomial, reflected.
public struct CRC32C: Sendable {
  private var register: UInt32 = .max

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var register = register
    for byte in bytes { register = Self.table[Int(UInt8(truncatingIfNeeded: register) ^ byte)] ^ register >> 8 }
    self.register = register
  }

  /// The checksum of all bytes so far.
  public var value: UInt32 { ~register }

  public static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = CRC32C()
    checksum.update(bytes)
    return checksum.value
  }

  /// What each value of the low byte adds. A byte at a time is enough: a header has at most a few hundred.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0x82F6_3B78 ^ value >> 1 : value >> 1 }
  }
}
