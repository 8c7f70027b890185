import TLS

/// A name and a password as a client sends them (RFC 7617). The password is wiped when nobody needs it any more.
public final class BasicCredentials: @unchecked Sendable {
  /// Bytes of the encoded form, of a name and of a password. libcrypt takes no longer password (CRYPT_MAX_PASSPHRASE_SIZE).
  public static let longestField = 1024
  public static let longestUser = 255
  public static let longestPassword = 511

  public enum Malformed: Error, Equatable, Sendable {
    /// Another scheme than Basic.
    case notBasic
    case tooLong
    /// Neither the alphabet nor the padding of RFC 4648, 4, or bits that belong to no byte.
    case notBase64
    case withoutColon
    /// RFC 7617, 2 forbids control characters; a zero byte would end the password early.
    case controlCharacter
    case withoutUser
  }

  public let user: [UInt8]
  private var secret: [UInt8]

  private init(user: [UInt8], secret: [UInt8]) {
    self.user = user
    self.secret = secret
  }

  deinit { MessageKey.wipe(&secret) }

  /// The password and a zero byte behind it.
  var password: [UInt8] { secret }

  /// - Parameter field: the value of Authorization: `Basic ` (in any case) and the name, a colon and the password in Base64.
  public static func read(_ field: UnsafeRawBufferPointer) throws(Malformed) -> BasicCredentials {
    let scheme: StaticString = "basic"
    var position = 0
    while position < scheme.utf8CodeUnitCount {
      guard position < field.count, field[position] | 0x20 == scheme.utf8Start[position] else { throw .notBasic }
      position += 1
    }
    guard position < field.count, field[position] == 0x20 else { throw .notBasic }
    while position < field.count, field[position] == 0x20 { position += 1 }
    var end = field.count
    while end > position, field[end - 1] == 0x20 || field[end - 1] == 0x09 { end -= 1 }
    guard end - position <= longestField else { throw .tooLong }

    guard var bytes = Base64.decode(UnsafeRawBufferPointer(rebasing: field[position..<end])) else { throw .notBase64 }
    defer { MessageKey.wipe(&bytes) }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { throw .withoutColon }
    guard colon > 0 else { throw .withoutUser }
    guard colon <= longestUser, bytes.count - colon - 1 <= longestPassword else { throw .tooLong }
    guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { throw .controlCharacter }
    var secret: [UInt8] = []
    secret.reserveCapacity(bytes.count - colon)
    secret += bytes[(colon + 1)...]
    secret.append(0)
    return BasicCredentials(user: Array(bytes[..<colon]), secret: secret)
  }
}

/// Base64 (RFC 4648, 4), strictly: with its padding, and one text for each value.
enum Base64 {
  static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var count = text.count
    while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
    var bytes: [UInt8] = []
    // All at once: what a growing array leaves behind would not be wiped.
    bytes.reserveCapacity(count * 3 / 4 + 1)
    var bits: UInt32 = 0
    var held = 0
    for byte in text[..<count] {
      guard let value = value(byte) else { return nil }
      bits = bits << 6 | value
      held += 6
      if held >= 8 {
        held -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
      }
    }
    guard bits & (1 << UInt32(held) - 1) == 0 else { return nil }
    return bytes
  }

  private static func value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x41...0x5A: UInt32(byte - 0x41)
    case 0x61...0x7A: UInt32(byte - 0x61 + 26)
    case 0x30...0x39: UInt32(byte - 0x30 + 52)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
