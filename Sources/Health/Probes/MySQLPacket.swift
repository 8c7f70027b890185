/// The packets of the protocol that a check needs: a length of three bytes, the least first, a sequence number, and the
/// payload.
struct MySQLPacket {
  static let headerSize = 4
  static let okay: UInt8 = 0
  static let otherMethod: UInt8 = 0xFE
  private static let error: UInt8 = 0xFF

  /// COM_QUIT.
  static let quit: [UInt8] = [1, 0, 0, 0, 1]

  /// Bytes of the payload.
  let size: Int
  let sequence: UInt8
  /// Nil while it is not all there.
  let payload: ArraySlice<UInt8>?

  /// - Parameter bytes: at least a header.
  init(_ bytes: [UInt8]) {
    size = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
    sequence = bytes[3]
    payload = bytes.count >= Self.headerSize + size ? bytes[Self.headerSize..<Self.headerSize + size] : nil
  }

  /// `error 1040 "Too many connections"`; nil for a packet that is no error.
  static func errorText(_ payload: ArraySlice<UInt8>) -> String? {
    guard payload.first == error, payload.count >= 3 else { return nil }
    let bytes = Array(payload)
    var message = bytes[3...]
    // After the greeting a # and five characters of SQLSTATE come first.
    if message.first == UInt8(ascii: "#"), message.count >= 6 { message = message.dropFirst(6) }
    return "error \(Int(bytes[1]) | Int(bytes[2]) << 8) \(Excerpt.quoted(message))"
  }

  static func empty(sequence: UInt8) -> [UInt8] { [0, 0, 0, sequence] }

  /// HandshakeResponse41 without a password and without a database.
  static func login(_ user: String, sequence: UInt8) -> [UInt8] {
    let protocol41: UInt32 = 0x200
    let secureConnection: UInt32 = 0x8000
    let pluginAuthentication: UInt32 = 0x80000
    let utf8: UInt8 = 33
    var payload: [UInt8] = []
    for word in [protocol41 | secureConnection | pluginAuthentication, UInt32(1 << 24)] {
      payload += (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    payload.append(utf8)
    payload += [UInt8](repeating: 0, count: 23)
    payload += Array(user.utf8) + [0]
    payload.append(0)
    payload += Array("mysql_native_password".utf8) + [0]
    return [UInt8(payload.count & 0xFF), UInt8(payload.count >> 8), 0, sequence] + payload
  }
}
