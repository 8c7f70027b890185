extension JSONValue {
  /// Plain JSON (RFC 8259): no comments, two spaces for each level, the members in their order, `/` and everything
  /// beyond ASCII as it is.
  package var text: String {
    var text = ""
    write(into: &text, indentation: 0)
    return text
  }

  /// The same in one line, with no more blanks than a reader likes.
  package var line: String {
    switch kind {
    case .array(let elements): "[" + elements.map(\.line).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { "\($0.key.jsonLiteral): \($0.value.line)" }.joined(separator: ", ") + "}"
    case .null, .boolean, .number, .string: self.text
    }
  }

  private func write(into text: inout String, indentation: Int) {
    switch kind {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let string): text += string.jsonLiteral
    case .array(let elements):
      Self.list(elements, "[", "]", into: &text, indentation) { element, text in
        element.write(into: &text, indentation: indentation + 1)
      }
    case .object(let members):
      Self.list(members, "{", "}", into: &text, indentation) { member, text in
        text += member.key.jsonLiteral
        text += ": "
        member.value.write(into: &text, indentation: indentation + 1)
      }
    }
  }

  private static func list<Element>(
    _ elements: [Element], _ opening: String, _ closing: String, into text: inout String, _ indentation: Int,
    _ body: (Element, inout String) -> Void
  ) {
    text += opening
    for (index, element) in elements.enumerated() {
      text += index == 0 ? "\n" : ",\n"
      text += String(repeating: "  ", count: indentation + 1)
      body(element, &text)
    }
    if !elements.isEmpty {
      text += "\n"
      text += String(repeating: "  ", count: indentation)
    }
    text += closing
  }
}

extension String {
  /// In double quotes, with whatever JSON wants escaped.
  package var jsonLiteral: String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  /// As an error quotes it: one line, nothing that a terminal obeys, and not longer than a line bears.
  package var quoted: String {
    let longest = 60
    let scalars = unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: longest, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return jsonLiteral }
    return String(scalars[..<end]).jsonLiteral.dropLast() + "…\""
  }
}
