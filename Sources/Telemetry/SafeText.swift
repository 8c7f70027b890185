/// Text from outside, made fit for a line of the log: whatever could end the line, move the cursor of a terminal or
/// turn the direction of what follows is escaped, and what is too long is cut.
///
/// A `String` holds no invalid UTF-8: bytes that are none became U+FFFD when it was made.
public enum SafeText {
  /// A text of somebody else's, fit for one line of a terminal.
  public static func line(_ text: String) -> String {
    var line = ""
    append(text, to: &line, escape: escapeInMessage)
    return line
  }

  /// Bytes of one message or value in the log.
  static let longest = 8192

  /// Appends `text`; `escape` appends what stands for a scalar that is not fit.
  static func append(_ text: String, to line: inout String, escape: (Unicode.Scalar, inout String) -> Void) {
    let length = text.utf8.count
    if length <= longest, !text.utf8.contains(where: mayNeedEscape) {
      line += text
      return
    }
    var used = 0
    for scalar in text.unicodeScalars {
      used += UTF8.width(scalar)
      if used > longest {
        line += "… (\(length - used + UTF8.width(scalar)) bytes cut)"
        return
      }
      if mustEscape(scalar) { escape(scalar, &line) } else { line.unicodeScalars.append(scalar) }
    }
  }

  /// A byte that is unfit itself, or may begin a scalar that is.
  private static func mayNeedEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte == 0xD8 || byte == 0xE2 || byte == 0xEF
      || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  /// Control characters (C0, DEL, C1), line and paragraph separators, and the marks, embeddings, overrides and isolates
  /// of the bidirectional algorithm (UAX 9). Quotes and backslashes are for the escape to decide.
  private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x61C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    case 0x22, 0x5C: true
    default: false
    }
  }

  /// `\n`, `\t`, `\u{1B}`; quotes and backslashes stay as they are.
  static func escapeInMessage(_ scalar: Unicode.Scalar, to line: inout String) {
    switch scalar {
    case "\"", "\\": line.unicodeScalars.append(scalar)
    case "\n": line += "\\n"
    case "\r": line += "\\r"
    case "\t": line += "\\t"
    default: line += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }
  }

  /// The same between quotes, where quotes and backslashes need an escape as well.
  static func escapeInQuotes(_ scalar: Unicode.Scalar, to line: inout String) {
    switch scalar {
    case "\"": line += "\\\""
    case "\\": line += "\\\\"
    default: escapeInMessage(scalar, to: &line)
    }
  }

  /// As RFC 8259, 7 has it. All that is unfit lies in the basic plane.
  static func escapeInJSON(_ scalar: Unicode.Scalar, to line: inout String) {
    switch scalar {
    case "\"": line += "\\\""
    case "\\": line += "\\\\"
    case "\n": line += "\\n"
    case "\r": line += "\\r"
    case "\t": line += "\\t"
    default:
      let digits = String(scalar.value, radix: 16)
      line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }
}
