import Base

/// Names of fields (RFC 9110, 5.6.2).
enum FieldName {
  static let longest = 128
  static let characters = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
  static let rule = KeyRule(
    expected: "a field's name such as \"X-Frame-Options\"", pattern: "^\(characters){1,\(longest)}$", isValid: isValid)

  @Sendable
  static func isValid(_ text: String) -> Bool {
    (1...longest).contains(text.utf8.count) && text.utf8.allSatisfy(isToken)
  }

  static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+.^_`|~-".utf8.contains(byte)
    }
  }

  /// What frames a message or belongs to one connection (RFC 9110, 7.6.1; RFC 9112, 6).
  private static let framing = [
    "connection", "content-length", "expect", "http2-settings", "keep-alive", "max-forwards", "proxy-authenticate",
    "proxy-authentication-info", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade",
  ]

  @Sendable
  static func refuseFraming(_ name: String, _ location: Location, _ reading: Reading) {
    // Servers that hand fields to programs as variables cannot tell an underscore from a hyphen (RFC 3875, 4.1.18).
    let lowered = String(name.lowercased().map { $0 == "_" ? "-" : $0 })
    if lowered == "host" {
      reading.fail(at: location, "write \"host\" instead: the key that says which Host a backend gets")
    } else if framing.contains(lowered) {
      reading.fail(at: location, "\(name.quoted) belongs to one connection: the program sets it where it is due")
    }
  }
}

extension Shape where Value == String {
  static var fieldName: Shape { .token(FieldName.rule.expected) }

  /// What names of fields and cookies are made of (RFC 9110, 5.6.2; RFC 6265, 4.1.1).
  static func token(_ expected: String) -> Shape {
    .scalar(
      expected, ["type": "string", "pattern": .string(FieldName.rule.pattern)],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, FieldName.isValid(text) else { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  /// RFC 9110, 5.5: no control characters, and no blanks around it, which no reader keeps; UTF-8 goes through as bytes.
  static var fieldValue: Shape {
    .scalar(
      "a text of at most 4096 characters without control characters",
      [
        "type": "string", "maxLength": 4096,
        "pattern":
          "^([^\\u0000-\\u0020\\u007F]([^\\u0000-\\u0008\\u000A-\\u001F\\u007F]*[^\\u0000-\\u0020\\u007F])?)?$",
      ],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, text.unicodeScalars.count <= 4096,
          text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { throw .unexpected() }
        if let first = text.utf8.first, let last = text.utf8.last,
          [first, last].contains(where: { $0 == 0x20 || $0 == 0x09 })
        {
          throw .described("has blanks around it, which no reader keeps")
        }
        return text
      },
      write: { .string($0) })
  }

  /// A path as it is matched: percent-encoded, without `.` and `..`.
  static var path: Shape {
    .scalar(
      "a path such as \"/api\"",
      [
        "type": "string", "maxLength": .integer(longestPath),
        "pattern":
          "^(?!.*/\\.{1,2}(/|$))/([^?#%\\u0000-\\u0020\\u007F]|%[0-9A-Fa-f]{2})*$",
      ], definition: "path",
      read: { scalar, reading throws(Mistake) in
        guard let text = scalar.text, text.unicodeScalars.count <= longestPath else { throw .unexpected() }
        if !text.hasPrefix("/") { throw .described("does not begin with a slash: a path such as \"/api\" expected") }
        if text.contains("?") || text.contains("#") { throw .described("has a query: match that with \"query\"") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
          throw .described("has a space or a control character: write it percent-encoded, such as %20")
        }
        guard text.hasWholePercentEscapes else { throw .described("has a % that two hexadecimal digits do not follow") }
        for segment in text.split(separator: "/") where segment == "." || segment == ".." {
          throw .described("has the segment \"\(segment)\": it is taken out of every path before it is matched")
        }
        if let fault = reading.judges.path(text) { throw .described(fault) }
        return text
      },
      write: { .string($0) })
  }

  private static var longestPath: Int { 2048 }

  /// What stands in a request's first line.
  static var pathAndQuery: Shape {
    .scalar(
      "a path such as \"/health\"", ["type": "string", "pattern": "^/[!-~]{0,2047}$"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, text.hasPrefix("/"), text.utf8.count <= 2048,
          text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  /// Methods are in capitals (RFC 9110, 9.1), but for what nobody has registered.
  static var method: Shape {
    .scalar(
      "a method such as \"GET\"", ["type": "string", "pattern": "^[A-Z][A-Z0-9_-]{0,31}$"], definition: "method",
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        func isMethod(_ text: String) -> Bool {
          (1...32).contains(text.utf8.count) && (0x41...0x5A).contains(text.utf8.first!)
            && text.utf8.allSatisfy {
              (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_")
                || $0 == UInt8(ascii: "-")
            }
        }
        if isMethod(text) { return text }
        throw .unexpected(hint: isMethod(text.uppercased()) ? didYouMean(text.uppercased()) : nil)
      },
      write: { .string($0) })
  }

  /// A host with or without a port, as the Host field has it.
  static var authority: Shape {
    .scalar(
      "a host such as \"www.example.com\"", ["type": "string", "pattern": .string("^\(AddressPattern.authority)$")],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, AddressPattern.isAuthority(text) else { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  static var mediaType: Shape {
    let part = "[a-z0-9][a-z0-9!#$&^_.+-]{0,63}"
    return .scalar(
      "a media type such as \"text/html\"", ["type": "string", "pattern": .string("^\(part)/\(part)$")],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        func isPart(_ part: Substring) -> Bool {
          (1...64).contains(part.utf8.count)
            && part.utf8.allSatisfy {
              (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "!#$&^_.+-".utf8.contains($0)
            } && !"!#$&^_.+-".contains(part.first!)
        }
        guard parts.count == 2, parts.allSatisfy(isPart) else {
          let lowered = text.lowercased()
          throw .unexpected(hint: lowered != text ? didYouMean(lowered) : nil)
        }
        return text
      },
      write: { .string($0) })
  }

  /// What takes the place of a part of a path: `$1` is a group.
  static var rewriteTarget: Shape {
    .scalar(
      "a part of a path such as \"/new/$1\"",
      ["type": "string", "pattern": "^([A-Za-z0-9._~:/@!&'()*+,;=%-]|\\$[0-9$]){0,1024}$"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, text.utf8.count <= 2048 else { throw .unexpected() }
        var isEscaped = false
        var count = 0
        for byte in text.utf8 {
          if isEscaped {
            guard (0x30...0x39).contains(byte) || byte == UInt8(ascii: "$") else {
              throw .described("has a $ that no digit follows: $1 is the first group, $$ a plain $")
            }
            isEscaped = false
          } else if byte == UInt8(ascii: "$") {
            isEscaped = true
            count += 1
          } else if RedirectTarget.isURI(byte), !"?#[]".utf8.contains(byte) {
            count += 1
          } else {
            throw .unexpected()
          }
        }
        if isEscaped { throw .described("has a $ that no digit follows: $1 is the first group, $$ a plain $") }
        if count > 1024 { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  static var redirectTarget: Shape {
    .scalar(
      "where to, such as \"https://www.example.com{path}{query}\"",
      ["type": "string", "maxLength": .integer(RedirectTarget.longest), "pattern": .string(RedirectTarget.pattern)],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, text.unicodeScalars.count <= RedirectTarget.longest else { throw .unexpected() }
        if let fault = RedirectTarget.fault(text) { throw .described(fault) }
        return text
      },
      write: { .string($0) })
  }
}

extension Shape where Value == Int {
  static var redirectStatus: Shape {
    let statuses = [301, 302, 303, 307, 308]
    return .scalar(
      "301, 302, 303, 307 or 308", ["enum": .array(statuses.map { .integer($0) })],
      read: { scalar, _ throws(Mistake) in
        guard let number = scalar.number, let status = Scalar.integer(number), statuses.contains(status) else {
          throw .unexpected()
        }
        return status
      },
      write: { .integer($0) })
  }
}

extension Shape where Value == String? {
  /// A field's name, or `"off"`.
  static var fieldNameOrOff: Shape {
    Shape<String>.token("\(FieldName.rule.expected) or \"off\"").map({ $0 == "off" ? nil : $0 }, { $0 ?? "off" })
  }
}

extension Shape where Value == [Entry<String>] {
  /// Fields of a message by name, without those that are the program's own business.
  static var fields: Shape {
    .entries(of: .fieldValue, atMost: 64, FieldName.rule) { member, reading in
      FieldName.refuseFraming(member.key, member.location, reading)
    }
  }
}

extension Shape where Value == HostPattern {
  static var hostPattern: Shape {
    .scalar(
      "a host such as \"www.example.com\" or \"*.example.com\"",
      ["type": "string", "pattern": .string(AddressPattern.hostPattern)], definition: "hostPattern",
      read: { scalar, _ throws(Mistake) in
        try scalar.parsed { text throws(SNIPattern.Malformed) in try HostPattern(parsing: text) }
      },
      write: { .string($0.description) })
  }
}

/// `https://www.example.com{path}{query}`
enum RedirectTarget {
  static let longest = 2048

  private static let character = "[A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]"
  private static let placeholder = "\\{(host|path|query)\\}"
  static let pattern =
    "^(https?://(?![/?#:]|\\{path\\}|\\{query\\})(\(character)|\(placeholder))|/(?!/|\\{path\\}))(\(character)|\(placeholder))*$"

  static func isURI(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "._~:/?#[]@!$&'()*+,;=%-".utf8.contains(byte)
    }
  }

  /// In words that finish the sentence "`TEXT` …".
  static func fault(_ text: String) -> String? {
    var rest = Substring(text)
    while let opening = rest.firstIndex(of: "{") {
      guard let closing = rest[opening...].firstIndex(of: "}") else { return "has a { without its }" }
      let name = rest[rest.index(after: opening)..<closing]
      guard RedirectConfiguration.placeholders.contains(String(name)) else {
        return
          "has an unknown placeholder, \(String(rest[opening...closing]).quoted): {host}, {path} or {query} expected"
      }
      rest = rest[rest.index(after: closing)...]
    }
    let isPlain = text.utf8.allSatisfy { isURI($0) || $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
    guard isPlain, !rest.contains("}") else {
      return "has a character that no URI has: write it percent-encoded"
    }
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) {
      let host = text.dropFirst(scheme.count)
      let isHost = host.first.map { !"/?#:".contains($0) } ?? false
      return isHost && !host.hasPrefix("{path}") && !host.hasPrefix("{query}") ? nil : "has no host"
    }
    guard text.hasPrefix("/") else { return "is neither a URI nor a path: begin with https://, http:// or /" }
    if text.hasPrefix("//") || text.hasPrefix("/{path}") {
      return "begins with two slashes, which is another host ({path} has a slash of its own): write the host as well"
    }
    return nil
  }
}

extension String {
  fileprivate var hasWholePercentEscapes: Bool {
    var digits = 0
    for byte in utf8 {
      if digits > 0 {
        guard (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte) else {
          return false
        }
        digits -= 1
      } else if byte == UInt8(ascii: "%") {
        digits = 2
      }
    }
    return digits == 0
  }
}
