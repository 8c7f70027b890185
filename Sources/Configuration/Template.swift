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

  static func isTemplate(_ text: String) -> Bool {
    text.utf8.contains(UInt8(ascii: "$")) && text.contains("${")
  }

  static func expand(_ text: String, _ environment: (String) -> String?) throws(Malformed) -> String {
    guard isTemplate(text) else { return text }
    var expanded = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      expanded += rest[..<dollar]
      rest = rest[dollar...]
      if rest.hasPrefix("$${") {
        expanded += "${"
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("${") {
        guard let end = rest.firstIndex(of: "}") else { throw Malformed(description: "\"${\" has no closing \"}\"") }
        expanded += try value(of: rest[..<end].dropFirst(2), environment)
        rest = rest[end...].dropFirst()
      } else {
        expanded += "$"
        rest = rest.dropFirst()
      }
    }
    return expanded + rest
  }

  private static func value(
    of content: Substring, _ environment: (String) -> String?
  ) throws(Malformed) -> String {
    let name: Substring
    let fallback: Substring?
    if let colon = content.firstIndex(of: ":") {
      name = content[..<colon]
      let after = content[colon...].dropFirst()
      guard after.hasPrefix("-") else {
        throw Malformed(description: "${\(content)} is malformed: write ${NAME} or ${NAME:-fallback}")
      }
      fallback = after.dropFirst()
    } else {
      name = content
      fallback = nil
    }
    guard isVariable(name) else {
      throw Malformed(
        description: "\(String(name).quoted) is no name of a variable: write ${NAME} or ${NAME:-fallback}")
    }
    if let fallback, fallback.contains("${") {
      throw Malformed(description: "the fallback of ${\(name)} cannot hold a ${…} itself")
    }
    let value = environment(String(name))
    if let fallback { return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(fallback) }
    guard let value else {
      throw Malformed(
        description: "the environment has no \(name): set it, or write ${\(name):-fallback}")
    }
    return value
  }

  /// POSIX.1-2017, 3.235.
  private static func isVariable(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == UInt8(ascii: "_")
    }
  }
}
