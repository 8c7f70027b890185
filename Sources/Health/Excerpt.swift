/// Bytes of a backend as a line of the log may show them: in quotes, on one line, and not too long.
enum Excerpt {
  /// Bytes that are shown; what follows them is only counted.
  static let longest = 160

  /// `"-LOADING Redis is loading the dataset in memory"`, `"HTTP/1.1 400 Bad Request\r\n"… (311 bytes)`
  static func quoted(_ bytes: some Collection<UInt8>) -> String {
    // Not through the middle of a character.
    var shown = bytes.count <= longest ? Array(bytes) : Array(bytes.prefix(longest))
    if bytes.count > longest { while shown.last.map({ $0 & 0xC0 == 0x80 }) == true { shown.removeLast() } }
    if bytes.count > longest, let last = shown.last, last >= 0xC0 { shown.removeLast() }
    var text = "\""
    if let string = String(validating: shown, as: UTF8.self) {
      for scalar in string.unicodeScalars { append(scalar, to: &text) }
    } else {
      for byte in shown { byte < 0x80 ? append(Unicode.Scalar(byte), to: &text) : append(hexadecimal: byte, to: &text) }
    }
    text += "\""
    return bytes.count <= longest ? text : text + "… (\(bytes.count) bytes)"
  }

  private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
    switch scalar {
    case "\"", "\\":
      text += "\\"
      text.unicodeScalars.append(scalar)
    case "\r": text += "\\r"
    case "\n": text += "\\n"
    case "\t": text += "\\t"
    case _ where scalar.value < 0x20 || scalar.value == 0x7F: append(hexadecimal: UInt8(scalar.value), to: &text)
    // C1 controls. What else may disturb a line (marks of direction) is the log's business, as with every text.
    case _ where (0x80..<0xA0).contains(scalar.value): append(hexadecimal: UInt8(scalar.value), to: &text)
    default: text.unicodeScalars.append(scalar)
    }
  }

  private static func append(hexadecimal byte: UInt8, to text: inout String) {
    text += byte < 16 ? "\\x0" : "\\x"
    text += String(byte, radix: 16, uppercase: true)
  }
}
