import Base
import Testing

@testable import Health

@Suite struct ExcerptTests {
  @Test(arguments: [
    ("", #""""#),
    ("plain", #""plain""#),
    ("a\r\n\tb", #""a\r\n\tb""#),
    ("say \"no\" \\ never", #""say \"no\" \\ never""#),
    ("Zugriff verweigert für ß", #""Zugriff verweigert für ß""#),
    ("\u{1B}[2J\u{7F}\0", #""\x1B[2J\x7F\x00""#),
    ("\u{9B}31m", #""\x9B31m""#),
  ]) func textIsQuoted(_ text: String, _ quoted: String) {
    #expect(Excerpt.quoted(text.utf8) == quoted)
  }

  @Test func bytesThatAreNoTextAreShownAsBytes() {
    #expect(Excerpt.quoted([0x15, 0x03, 0xC3, 0x28, 0xFF, 0x41]) == #""\x15\x03\xC3(\xFFA""#)
  }

  @Test func whatIsTooLongIsCutBetweenCharacters() {
    #expect(Excerpt.quoted([UInt8](repeating: 0x61, count: 160)) == "\"" + String(repeating: "a", count: 160) + "\"")
    #expect(
      Excerpt.quoted([UInt8](repeating: 0x61, count: 161))
        == "\"" + String(repeating: "a", count: 160) + "\"… (161 bytes)")
    for text in ["é", "€", "😀"] {
      for lead in 0..<4 {
        let bytes = Array((String(repeating: "a", count: 156 + lead) + String(repeating: text, count: 9)).utf8)
        let quoted = Excerpt.quoted(bytes)
        #expect(!quoted.contains("\\x") && quoted.hasSuffix("… (\(bytes.count) bytes)"), "\(quoted)")
      }
    }
  }
}
