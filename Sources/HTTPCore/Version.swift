/// The version of HTTP/1 that a message says it is of. A minor version above 1 is read as 1.1 (RFC 9110, 2.5).
public enum Version: UInt8, Sendable, BitwiseCopyable {
  case http10, http11
}

extension Version {
  enum Answer {
    case version(Version)
    case fault(MessageFault)
  }

  /// `HTTP/1.0` or `HTTP/1.1`, eight bytes (RFC 9112, 2.3).
  @inline(__always)
  static func parse(_ bytes: UnsafeRawBufferPointer) -> Answer {
    guard bytes.count == 8 else { return .fault(.badVersion) }
    let word = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    if word == 0x4854_5450_2F31_2E31 { return .version(.http11) }
    if word == 0x4854_5450_2F31_2E30 { return .version(.http10) }
    // HTTP/ and a digit, a dot and a digit, of which nothing is known but that it is well formed.
    guard word >> 24 == 0x48_5454_502F, Byte.isDigit(bytes[5]), bytes[6] == Byte.dot, Byte.isDigit(bytes[7]) else {
      return .fault(.badVersion)
    }
    return bytes[5] == 0x31 ? .version(.http11) : .fault(.unsupportedVersion)
  }
}
