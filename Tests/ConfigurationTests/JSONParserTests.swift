import Configuration
import Testing

@Suite struct JSONParserTests {
  private func error(_ bytes: [UInt8]) -> String? {
    do {
      _ = try JSONParser.parse(bytes)
      return nil
    } catch {
      return "\(error.location.line):\(error.location.column): \(error.message)"
    }
  }

  private func error(_ text: String) -> String? { error(Array(text.utf8)) }

  // MARK: What is read

  @Test(arguments: [
    ("null", "null"), ("true", "true"), ("false", "false"), ("0", "0"), ("-0", "-0"), ("10", "10"),
    ("1.50", "1.50"), ("1e3", "1e3"), ("1E+3", "1E+3"), ("1.5e-07", "1.5e-07"), ("\"\"", "\"\""), ("[]", "[]"),
    ("{}", "{}"),
    (" \t\r\n1\n", "1"), ("[1,]", "[\n  1\n]"), ("{\"a\":1,}", "{\n  \"a\": 1\n}"), ("[[],{}]", "[\n  [],\n  {}\n]"),
    ("//\n1//", "1"), ("/**/1/***/", "1"), ("/* // */1", "1"), ("// /*\n1", "1"), ("[1/*,*/,/**/2]", "[\n  1,\n  2\n]"),
    (#""//""#, #""//""#), (#""/* */""#, #""/* */""#), ("{\"a\"/**/:/**/1}", "{\n  \"a\": 1\n}"),
    ("{\"b\":1,\"a\":2,\"b\":3}", "{\n  \"b\": 1,\n  \"a\": 2,\n  \"b\": 3\n}"),
  ])
  func documentsAreReadAndWrittenBack(text: String, plain: String) throws {
    #expect(try JSONParser.parse(Array(text.utf8)).text == plain)
  }

  @Test(arguments: [
    (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u00E9""#, "Aéé"),
    (#""\u0000""#, "\0"),
    (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00!""#, "😀!"), (#""\uffff""#, "\u{FFFF}"), ("\"日本語 😀\"", "日本語 😀"),
    ("\"\u{7F}\"", "\u{7F}"), (#""\ud7ff\ue000""#, "\u{D7FF}\u{E000}"), (#""\udbff\udfff""#, "\u{10FFFF}"),
  ])
  func textsAreUnescaped(literal: String, text: String) throws {
    let value = try JSONParser.parse(Array(literal.utf8))
    #expect(value.string.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
    // And escaped again.
    #expect(try JSONParser.parse(Array(value.text.utf8)).string == text)
  }

  @Test func placesAreLinesAndCharacters() throws {
    let text = "\u{FEFF}{ // é\n\t\"日本\" : [1, \"😀\", {}],\r\n  \"e\u{301}\": /* 語 */ null }"
    let document = try JSONParser.parse(Array(text.utf8))
    let members = try #require(document.members)
    #expect(document.location == Location(line: 1, column: 1))
    #expect(members[0].location == Location(line: 2, column: 2))
    #expect(members[0].value.location == Location(line: 2, column: 9))
    #expect(members[0].value.elements?.map(\.location.column) == [10, 13, 18])
    #expect(members[1].location == Location(line: 3, column: 3))
    #expect(members[1].value.location == Location(line: 3, column: 17))
  }

  // MARK: What is refused

  @Test(arguments: [
    ("", #"1:1: the file is empty: an object "{ … }" expected"#),
    (" \n ", #"2:2: the file is empty: an object "{ … }" expected"#),
    ("{", #"1:2: the file ends, but the "{" at 1:1 is not closed"#),
    ("{\n[", #"2:1: a key or "}" expected, found "[""#),
    ("[1", #"1:3: the file ends, but the "[" at 1:1 is not closed"#),
    ("[1,", #"1:4: the file ends, but the "[" at 1:1 is not closed"#),
    ("[,]", #"1:2: a value expected, found ",""#),
    ("[1,,2]", #"1:4: a value expected, found ",""#),
    ("{,}", #"1:2: a key or "}" expected, found ",""#),
    (#"{"a"}"#, #"1:5: ":" expected after this key"#),
    (#"{"a":}"#, #"1:6: a value expected, found "}""#),
    (#"{"a":"#, "1:6: a value expected, found the end of the file"),
    (#"{"a""#, #"1:5: ":" expected after this key"#),
    (#"{"a":1 "b":2}"#, #"1:8: expected "," or "}" after the value before this"#),
    ("[1\n2]", #"2:1: expected "," or "]" after the value before this, which ends at 1:3"#),
    ("[}", #"1:2: a value expected, found "}""#),
    ("]", #"1:1: a value expected, found "]""#),
    ("1 2", #"1:3: the document has ended: nothing expected after it, found "2""#),
    ("{} é", #"1:4: the document has ended: nothing expected after it, found "é""#),
    ("*", #"1:1: a value expected, found "*""#),
    (#"""#, "1:1: this text has no closing quote"),
    (#""\"#, "1:2: this text has no closing quote"),
    ("\"a\n\"", "1:1: this text has no closing quote"),
    ("\"a\r\"", "1:1: this text has no closing quote"),
    ("\"\t\"", #"1:2: a control character in a text is written "\t""#),
    ("\"\u{1F}\"", #"1:2: a control character in a text is written "\u001f""#),
    (#""\x""#, #"1:2: no such escape: \" \\ \/ \b \f \n \r \t or \uXXXX expected"#),
    (#""\u12"#, #"1:2: four hexadecimal digits expected after "\u""#),
    (#""\u12g4""#, #"1:2: four hexadecimal digits expected after "\u""#),
    (#""\ud800""#, #"1:2: half a surrogate pair: a "\uDC00" to "\uDFFF" expected after it"#),
    (#""\ud800\u0041""#, #"1:2: half a surrogate pair: a "\uDC00" to "\uDFFF" expected after it"#),
    (#""\ud800\ud800""#, #"1:2: half a surrogate pair: a "\uDC00" to "\uDFFF" expected after it"#),
    (#""\udc00""#, #"1:2: half a surrogate pair: a "\uD800" to "\uDBFF" expected before it"#),
    ("/", #"1:1: "/" alone means nothing: a comment is "// …" or "/* … */""#),
    ("/*/", #"1:1: this comment has no end: "*/" expected"#),
    ("1 /* *", #"1:3: this comment has no end: "*/" expected"#),
    ("// only", #"1:8: the file is empty: an object "{ … }" expected"#),
    ("-", #"1:1: not a number: "-""#), ("+1", #"1:1: not a number: "+1""#), (".5", #"1:1: not a number: ".5""#),
    ("1.", #"1:1: not a number: "1.""#), ("1.e5", #"1:1: not a number: "1.e5""#), ("1e", #"1:1: not a number: "1e""#),
    ("1e+", #"1:1: not a number: "1e+""#), ("-a", #"1:1: not a number: "-a" (a text is written in double quotes)"#),
    ("01", #"1:1: not a number: "01" (a number does not start with 0)"#), ("-01", #"1:1: not a number: "-01""#),
    ("5s", #"1:1: not a number: "5s" (a text is written in double quotes)"#),
    ("True", #"1:1: unknown word "True" (did you mean true?)"#),
    ("nul", #"1:1: unknown word "nul" (did you mean null?)"#),
    ("NaN", #"1:1: unknown word "NaN": a text is written in double quotes"#),
    ("é", #"1:1: unknown word "é": a text is written in double quotes"#),
    ("'a'", #"1:1: a value expected, found "'" (a text is written in double quotes)"#),
  ])
  func mistakesAreNamed(text: String, message: String) {
    #expect(error(text) == message)
  }

  /// Every beginning of a document is refused, unless it is a document; and no place lies beyond the text.
  @Test(arguments: Example.good) func aFileCutShortIsRefused(_ example: Example) throws {
    let bytes = example.bytes
    let last = try #require(bytes.lastIndex(of: UInt8(ascii: "}")))
    let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
    for end in 0...last {
      let message = error(Array(bytes[..<end]))
      #expect(message != nil, "cut at \(end)")
      let line = message.flatMap { Int($0.prefix { $0 != ":" }) } ?? 0
      #expect((1...lines).contains(line), "cut at \(end): \(message ?? "")")
    }
  }

  // MARK: Encodings

  @Test func bytesThatAreNotUTF8AreNamed() {
    #expect(error([0x22, 0xFF, 0x22]) == "1:2: byte 0xFF is not valid UTF-8")
    #expect(error([0x22, 0x0A, 0xC3, 0xA9, 0xC3, 0x22]) == "2:2: byte 0xC3 is not valid UTF-8")
    // Overlong, a surrogate, beyond Unicode, cut short.
    for bytes: [UInt8] in [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80]] {
      #expect(error(bytes)?.hasSuffix("is not valid UTF-8") == true, "\(bytes)")
    }
    #expect(error([0xFF, 0xFE, 0x7B, 0x00]) == "1:1: the file is UTF-16: save it as UTF-8")
    #expect(error([0xFE, 0xFF, 0x00, 0x7B]) == "1:1: the file is UTF-16: save it as UTF-8")
  }

  @Test func aByteOrderMarkIsNoCharacter() throws {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    #expect(try JSONParser.parse(mark + Array("{}".utf8)).text == "{}")
    #expect(error(mark) == #"1:1: the file is empty: an object "{ … }" expected"#)
    #expect(error(mark + Array("tru".utf8)) == #"1:1: unknown word "tru" (did you mean true?)"#)
    #expect(error(Array("{}".utf8) + mark) != nil)
  }

  // MARK: Limits

  @Test func nestingIsLimited() {
    let limit = JSONParser.Limits.depth
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(error(nested(limit)) == nil)
    #expect(error(nested(limit + 1)) == "1:65: objects and arrays are nested deeper than 64 levels")
    #expect(
      error(String(repeating: "[", count: 1_000_000)) == "1:65: objects and arrays are nested deeper than 64 levels")
    #expect(
      error(String(repeating: "{\"a\":", count: 1000)) == "1:321: objects and arrays are nested deeper than 64 levels")
  }

  @Test func sizesAreLimited() {
    var bytes = Array("{}".utf8)
    bytes += [UInt8](repeating: 0x20, count: JSONParser.Limits.bytes - 2)
    #expect(error(bytes) == nil)
    #expect(error(bytes + [0x20]) == "1:1: the file has 16777217 bytes; at most 16MiB are read")

    let values = String(repeating: "1,", count: JSONParser.Limits.values - 1)
    #expect(error("[\(values)]") == nil)
    #expect(error("[\(values)1]")?.hasSuffix("the file has more than 1048576 values") == true)
    let digits = String(repeating: "1", count: 1000)
    #expect(error(digits) == nil)
    #expect(error(digits + "1") == "1:1: a number of more than 1000 digits")
  }
}
