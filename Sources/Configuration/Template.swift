/// Texts with names of the environment in them.
///
/// `${NAME}` is the variable's value, `${NAME:-fallback}` the fallback where the variable is not set or empty (as in a
/// shell), `$${` the two characters `${` themselves. Any other `$` is only a `$`.
enum Template {
  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  /// A pattern (ECMA-262) of the texts that have a variable in them.
  static let pattern = #"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"#

  private static let dollar = UInt8(ascii: "$")
  private static let opening = UInt8(ascii: "{")
  private static let closing = UInt8(ascii: "}")

  static func isTemplate(_ text: String) -> Bool {
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == opening, previous == dollar { return true }
      previous = byte
    }
    return false
  }

  // Bytes, not characters: a "}" with an accent on it is still the end.
  static func expand(_ text: String, _ environment: (String) -> String?) throws(Malformed) -> String {
    guard isTemplate(text) else { return text }
    var expanded: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == dollar, rest.starts(with: [dollar, opening]) {
        expanded += [dollar, opening]
        rest = rest.dropFirst(2)
      } else if byte == dollar, rest.first == opening {
        guard let end = rest.firstIndex(of: closing) else {
          throw Malformed(description: "\"${\" has no closing \"}\"; \"$${\" stands for a plain \"${\"")
        }
        expanded += try Array(value(of: rest[..<end].dropFirst(), environment).utf8)
        rest = rest[end...].dropFirst()
      } else {
        expanded.append(byte)
      }
    }
    return String(decoding: expanded, as: UTF8.self)
  }

  /// The text that expands to this one.
  static func escaped(_ text: String) -> String {
    guard isTemplate(text) else { return text }
    var escaped: [UInt8] = []
    for byte in text.utf8 {
      if byte == opening, escaped.last == dollar { escaped.append(dollar) }
      escaped.append(byte)
    }
    return String(decoding: escaped, as: UTF8.self)
  }

  private static func value(
    of content: ArraySlice<UInt8>, _ environment: (String) -> String?
  ) throws(Malformed) -> String {
    let nameBytes = content.prefix { $0 != UInt8(ascii: ":") }
    let name = String(decoding: nameBytes, as: UTF8.self)
    let rest = String(decoding: content.dropFirst(nameBytes.count), as: UTF8.self)
    guard isVariable(nameBytes), rest.isEmpty || rest.hasPrefix(":-") else {
      let text = "${" + String(decoding: content, as: UTF8.self) + "}"
      throw Malformed(description: "\(text.quoted) is malformed: write ${NAME} or ${NAME:-fallback}")
    }
    if isTemplate(rest) { throw Malformed(description: "the fallback of ${\(name)} cannot hold a ${…} itself") }
    let value = environment(name)
    if let value, !value.isEmpty || rest.isEmpty { return value }
    if rest.isEmpty {
      throw Malformed(description: "the environment has no \(name): set it, or write ${\(name):-fallback}")
    }
    return String(rest.dropFirst(2))
  }

  /// POSIX.1-2017, 3.235; at most 255 characters.
  private static func isVariable(_ name: ArraySlice<UInt8>) -> Bool {
    guard let first = name.first, !(0x30...0x39).contains(first), name.count <= 255 else { return false }
    return name.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == UInt8(ascii: "_")
    }
  }
}
