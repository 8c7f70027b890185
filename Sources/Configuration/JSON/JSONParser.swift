/// Reads JSON (RFC 8259) with comments (`//`, `/* */`) and trailing commas, as balancer.json is written.
///
/// Strict in everything else: the bytes are valid UTF-8, an escape is one that JSON has, half a surrogate pair is an
/// error. Sizes are bounded by `JSONParser.Limits`. The first mistake ends the reading, because whatever follows it
/// would be guessed.
package struct JSONParser {
  package enum Limits {
    package static let bytes = 16 << 20
    /// Values in one document; a value takes some fifty bytes of memory while the file is read.
    package static let values = 1 << 20
    /// Objects and arrays within each other.
    package static let depth = 64
  }

  package struct SyntaxError: Error, Equatable {
    package let location: Location
    package let message: String
  }

  private let bytes: [UInt8]
  private var index = 0
  private var values = 0
  private var depth = 0

  /// The place of `markIndex`, from which `location(of:)` counts on: each byte is counted once.
  private var markIndex = 0
  private var mark = Location.start

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  package static func parse(_ bytes: [UInt8]) throws(SyntaxError) -> JSONValue {
    if bytes.count > Limits.bytes {
      throw SyntaxError(location: .start, message: "the file has \(bytes.count) bytes; at most 16MiB are read")
    }
    var parser = JSONParser(bytes)
    try parser.checkEncoding()
    return try parser.document()
  }

  // MARK: Places and errors

  /// Places must be asked for in the order of the text.
  private mutating func location(of target: Int) -> Location {
    while markIndex < target {
      let byte = bytes[markIndex]
      if byte == UInt8(ascii: "\n") {
        mark = Location(line: mark.line + 1, column: 1)
      } else if byte & 0xC0 != 0x80 {
        mark.column += 1
      }
      markIndex += 1
    }
    return mark
  }

  private mutating func failure(at target: Int, _ message: String) -> SyntaxError {
    SyntaxError(location: location(of: target), message: message)
  }

  private mutating func checkEncoding() throws(SyntaxError) {
    if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
      throw SyntaxError(location: .start, message: "the file is UTF-16: save it as UTF-8")
    }
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      let start = error.byteOffsets.lowerBound
      let digits = String(bytes[start], radix: 16, uppercase: true)
      throw failure(at: start, "byte 0x\(digits) is not valid UTF-8")
    }
    // A byte order mark is no character of the first line.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      index = 3
      markIndex = 3
    }
  }

  // MARK: Grammar

  private mutating func document() throws(SyntaxError) -> JSONValue {
    try skipSpace()
    if index == bytes.count { throw failure(at: index, "the file is empty: an object \"{ … }\" expected") }
    let value = try value()
    try skipSpace()
    if index < bytes.count {
      throw failure(at: index, "the document has ended: nothing expected after it, found \(found())")
    }
    return value
  }

  private mutating func value() throws(SyntaxError) -> JSONValue {
    let start = location(of: index)
    values += 1
    if values > Limits.values { throw failure(at: index, "the file has more than \(Limits.values) values") }
    switch peek() {
    case UInt8(ascii: "{"): return try JSONValue(object(from: start), at: start)
    case UInt8(ascii: "["): return try JSONValue(array(from: start), at: start)
    case UInt8(ascii: "\""): return try JSONValue(.string(string()), at: start)
    default: return try JSONValue(word(), at: start)
    }
  }

  private mutating func object(from start: Location) throws(SyntaxError) -> JSONValue.Kind {
    try descend()
    var members: [JSONValue.Member] = []
    while true {
      try skipSpace()
      if take("}") { break }
      if index == bytes.count { throw unclosed("{", start) }
      guard peek() == UInt8(ascii: "\"") else { throw misplacedKey(first: members.isEmpty) }
      let location = location(of: index)
      let key = try string()
      let keyEnd = index
      try skipSpace()
      guard take(":") else {
        if peek() == UInt8(ascii: "=") { throw failure(at: index, "\":\" expected after this key, found \"=\"") }
        throw failure(at: keyEnd, "\":\" expected after this key")
      }
      try skipSpace()
      let value = try value()
      members.append(JSONValue.Member(key: key, location: location, value: value))
      if try !separator("}", start) { break }
    }
    depth -= 1
    return .object(members)
  }

  private mutating func array(from start: Location) throws(SyntaxError) -> JSONValue.Kind {
    try descend()
    var elements: [JSONValue] = []
    while true {
      try skipSpace()
      if take("]") { break }
      if index == bytes.count { throw unclosed("[", start) }
      elements.append(try value())
      if try !separator("]", start) { break }
    }
    depth -= 1
    return .array(elements)
  }

  private mutating func descend() throws(SyntaxError) {
    depth += 1
    if depth > Limits.depth {
      throw failure(at: index, "objects and arrays are nested deeper than \(Limits.depth) levels")
    }
    index += 1
  }

  /// After a member or an element: true when another may follow, false after the end.
  private mutating func separator(_ closing: Unicode.Scalar, _ start: Location) throws(SyntaxError) -> Bool {
    let end = index
    try skipSpace()
    if take(",") { return true }
    if take(closing) { return false }
    if index == bytes.count { throw unclosed(closing == "}" ? "{" : "[", start) }
    let (before, here) = (location(of: end), location(of: index))
    let place = before.line == here.line ? "" : ", which ends at \(before.line):\(before.column)"
    throw SyntaxError(location: here, message: "expected \",\" or \"\(closing)\" after the value before this\(place)")
  }

  // MARK: Space and comments

  private mutating func skipSpace() throws(SyntaxError) {
    while let byte = peek() {
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      case UInt8(ascii: "/"): try skipComment()
      case UInt8(ascii: "#"): throw failure(at: index, "a comment starts with \"//\", not with \"#\"")
      default: return
      }
    }
  }

  private mutating func skipComment() throws(SyntaxError) {
    let start = index
    index += 1
    if take("/") {
      while let byte = peek(), byte != UInt8(ascii: "\n") { index += 1 }
    } else if take("*") {
      while !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) {
        if index >= bytes.count { throw failure(at: start, "this comment has no end: \"*/\" expected") }
        index += 1
      }
      index += 2
    } else {
      throw failure(at: start, "\"/\" alone means nothing: a comment is \"// …\" or \"/* … */\"")
    }
  }

  // MARK: Strings

  private mutating func string() throws(SyntaxError) -> String {
    let start = index
    index += 1
    var text: [UInt8] = []
    while true {
      // Most strings are one run without escapes.
      let run = index
      while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { index += 1 }
      text += bytes[run..<index]
      guard let byte = peek(), byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") else {
        throw failure(at: start, "this text has no closing quote")
      }
      if take("\"") { return String(decoding: text, as: UTF8.self) }
      if byte == UInt8(ascii: "\\") {
        try escape(into: &text)
      } else {
        let digits = String(byte, radix: 16)
        let code = String(repeating: "0", count: 4 - digits.count) + digits
        throw failure(at: index, "a control character in a text is written \"\(byte == 0x09 ? "\\t" : "\\u" + code)\"")
      }
    }
  }

  private mutating func escape(into text: inout [UInt8]) throws(SyntaxError) {
    let start = index
    index += 1
    guard let byte = peek(), byte >= 0x20 else { throw failure(at: start, "this text has no closing quote") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try unit(of: start)
      if (0xD800...0xDBFF).contains(code) {
        guard peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") else {
          throw failure(at: start, "half a surrogate pair: a \"\\uDC00\" to \"\\uDFFF\" expected after it")
        }
        index += 2
        let low = try unit(of: start)
        guard (0xDC00...0xDFFF).contains(low) else {
          throw failure(at: start, "half a surrogate pair: a \"\\uDC00\" to \"\\uDFFF\" expected after it")
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw failure(at: start, "half a surrogate pair: a \"\\uD800\" to \"\\uDBFF\" expected before it")
      }
      text += Array(String(scalar).utf8)
    default:
      throw failure(at: start, "no such escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX expected")
    }
  }

  /// The four hexadecimal digits of `\uXXXX`.
  private mutating func unit(of start: Int) throws(SyntaxError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure(at: start, "four hexadecimal digits expected after \"\\u\"")
      }
      code = code << 4 | UInt32(digit)
      index += 1
    }
    return code
  }

  // MARK: Numbers and words

  private mutating func word() throws(SyntaxError) -> JSONValue.Kind {
    let start = index
    while let byte = peek(), byte.isPartOfWord { index += 1 }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    switch text {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "null": return .null
    case "": throw failure(at: start, "a value expected, found \(found())")
    default: break
    }
    if Self.isNumber(bytes[start..<index]) {
      if index - start > 1000 { throw failure(at: start, "a number of more than 1000 digits") }
      return .number(text)
    }
    if bytes[start].isDigit || [UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ".")].contains(bytes[start]) {
      throw failure(at: start, "not a number: \(text.quoted)\(Self.fix(number: text))")
    }
    if let near = Suggestions.nearest(to: text, among: ["true", "false", "null"]) {
      throw failure(at: start, "unknown word \(text.quoted) (did you mean \(near)?)")
    }
    throw failure(at: start, "unknown word \(text.quoted): a text is written in double quotes")
  }

  /// RFC 8259, section 6.
  private static func isNumber(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    func digits() -> Int {
      let count = rest.prefix { $0.isDigit }.count
      rest = rest.dropFirst(count)
      return count
    }
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    if rest.first == UInt8(ascii: "0") {
      rest = rest.dropFirst()
    } else if digits() == 0 {
      return false
    }
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      if digits() == 0 { return false }
    }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }

  private static func fix(number text: String) -> String {
    if text.utf8.allSatisfy(\.isDigit) { return " (a number does not start with 0)" }
    if text.hasPrefix("+") || text.hasPrefix(".") || text.hasPrefix("-.") || text.hasSuffix(".") { return "" }
    return text.utf8.allSatisfy(\.isPartOfNumber) ? "" : " (a text is written in double quotes)"
  }

  // MARK: What an error says about the bytes it met

  private mutating func misplacedKey(first: Bool) -> SyntaxError {
    let start = index
    if peek() == UInt8(ascii: ",") {
      return failure(at: start, first ? "a key or \"}\" expected, found \",\"" : "a key expected, found a second \",\"")
    }
    if peek() == UInt8(ascii: "'") {
      return failure(at: start, "a key is written in double quotes, not in single ones")
    }
    var end = index
    while end < bytes.count, bytes[end].isPartOfWord { end += 1 }
    if end > start {
      let key = String(decoding: bytes[start..<end], as: UTF8.self)
      return failure(at: start, "a key is written in double quotes: \(key.quoted)")
    }
    return failure(at: start, "a key or \"}\" expected, found \(found())")
  }

  private mutating func unclosed(_ opening: String, _ start: Location) -> SyntaxError {
    failure(at: index, "the file ends, but the \"\(opening)\" at \(start.line):\(start.column) is not closed")
  }

  /// The character at `index` in quotes.
  private func found() -> String {
    guard index < bytes.count else { return "the end of the file" }
    if bytes[index] == UInt8(ascii: "'") { return "\"'\" (a text is written in double quotes)" }
    let character = String(decoding: bytes[index..<min(index + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
    return character.map { String($0).quoted } ?? "nothing"
  }

  // MARK: Bytes

  private func peek(_ ahead: Int = 0) -> UInt8? {
    index + ahead < bytes.count ? bytes[index + ahead] : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }

  fileprivate var isPartOfNumber: Bool {
    isDigit || self == UInt8(ascii: "+") || self == UInt8(ascii: "-") || self == UInt8(ascii: ".")
      || self == UInt8(ascii: "e") || self == UInt8(ascii: "E")
  }

  /// Whatever somebody may have meant as one word: letters, digits, signs, and everything beyond ASCII.
  fileprivate var isPartOfWord: Bool {
    isPartOfNumber || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) || self == UInt8(ascii: "_")
      || self == UInt8(ascii: "$") || self >= 0x80
  }
}
