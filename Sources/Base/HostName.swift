/// Host names as they stand in a ClientHello and in a route: letters, digits, `-` and `_` in labels of 1 to 63 bytes,
/// 253 in all, without a dot at the end (RFC 6066, 3; RFC 1123, 2.1). International names are in their ASCII form.
public enum HostName {
  public static let longest = 253
  static let longestLabel = 63

  /// The name in lower case, or nil when the bytes are none.
  public static func lowercased(_ bytes: UnsafeRawBufferPointer) -> String? {
    guard isValid(bytes) else { return nil }
    return String(unsafeUninitializedCapacity: bytes.count) { buffer in
      for index in 0..<bytes.count {
        let byte = bytes[index]
        buffer[index] = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
      }
      return bytes.count
    }
  }

  private static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard (1...longest).contains(bytes.count) else { return false }
    var label = 0
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "."):
        guard label > 0 else { return false }
        label = 0
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"):
        label += 1
        guard label <= longestLabel else { return false }
      default:
        return false
      }
    }
    return label > 0
  }
}
