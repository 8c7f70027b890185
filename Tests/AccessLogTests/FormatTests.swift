import Base
import Foundation
import Testing

@testable import AccessLog

struct FormatTests {
  @Test
  func combinedIsWhatTheProgramsRead() {
    let example = Example.ordinary()
    #expect(
      example.line(.combined)
        == "192.0.2.7 - - [22/Nov/2026:16:31:05 +0000] \"GET /a?b=c HTTP/1.1\" 200 1256 \"https://example.org/\" \"curl/8.5\"\n"
    )
    example.record.user = example.text("frank")
    example.record.referer = .none
    example.record.userAgent = example.text("")
    example.record.facts.bytesSent = 0
    example.record.facts.client = IPAddress("2001:db8::7")!
    example.record.facts.version = 20
    #expect(
      example.line(.combined)
        == "2001:db8::7 - frank [22/Nov/2026:16:31:05 +0000] \"GET /a?b=c HTTP/2.0\" 200 - \"-\" \"\"\n")
    let empty = Example()
    #expect(empty.line(.combined) == ":: - - [01/Jan/1970:00:00:00 +0000] \"-\" - - \"-\" \"-\"\n")
  }

  @Test
  func textNamesWhatItSays() {
    let example = Example.ordinary()
    #expect(
      example.line(.text)
        == "2026-11-22T16:31:05.123Z web 192.0.2.7:4711 \"GET https://example.com/a?b=c HTTP/1.1\" 200 completed to=app/app1 received=0 sent=1256 queue=0.000 connect=0.312 first=12.100 total=15.204 id=01890a5d-ac96-774b-bcce-b302099a8057\n"
    )
    example.record.facts.ending = .clientClosed
    example.record.facts.status = 0
    example.record.facts.retries = 2
    example.record.facts.connect = nil
    example.record.facts.firstByte = nil
    example.record.facts.client = IPAddress("2001:db8::7")!
    example.record.backend = .none
    example.record.user = example.text("two words")
    #expect(
      example.line(.text)
        == "2026-11-22T16:31:05.123Z web [2001:db8::7]:4711 \"GET https://example.com/a?b=c HTTP/1.1\" - client-closed to=app retries=2 received=0 sent=1256 queue=0.000 total=15.204 user=two\\x20words id=01890a5d-ac96-774b-bcce-b302099a8057\n"
    )
  }

  @Test
  func jsonHasItsMembersInOrder() {
    let example = Example.ordinary()
    #expect(
      example.line(.json)
        == #"{"time":"2026-11-22T16:31:05.123Z","event":"access","listener":"web","client":"192.0.2.7","client_port":4711,"scheme":"https","method":"GET","host":"example.com","target":"/a?b=c","version":"HTTP/1.1","status":200,"ending":"completed","pool":"app","backend":"app1","retries":0,"received":0,"sent":1256,"queue_ms":0.000,"connect_ms":0.312,"first_byte_ms":12.100,"total_ms":15.204,"referer":"https://example.org/","user_agent":"curl/8.5","id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#
        + "\n")
  }

  @Test
  func hostileBytesStayInTheirPlace() throws {
    let hostile = Array("a\" 200 1\\\n\r\t\u{0B}\u{08}\u{1B}[31m\u{0}\u{7F}é\u{202E}😀".utf8) + [0xFF, 0xC0, 0x80]
    let example = Example.ordinary()
    example.record.userAgent = example.text(hostile)
    #expect(
      example.line(.combined).hasSuffix(
        #" "a\" 200 1\\\n\r\t\v\b\x1b[31m\x00\x7f\xc3\xa9\xe2\x80\xae\xf0\x9f\x98\x80\xff\xc0\x80""# + "\n"))
    #expect(
      example.line(.json).contains(
        #""user_agent":"a\" 200 1\\\n\r\t\u000b\u0008\u001b[31m\u0000\u007f\u00e9\u202e\ud83d\ude00\ufffd"#))
    for format in [AccessFormat.text, .json, .combined] {
      let example = Example()
      example.record.listener = example.text(hostile)
      example.record.pool = example.text(hostile)
      example.record.backend = example.text(hostile)
      example.record.method = example.text(hostile)
      example.record.target = example.text(hostile)
      example.record.host = example.text(hostile)
      example.record.referer = example.text(hostile)
      example.record.userAgent = example.text(hostile)
      example.record.user = example.text(hostile)
      example.record.requestID = example.text(hostile)
      let line = example.line(format)
      #expect(line.utf8.dropLast().allSatisfy { (0x20...0x7E).contains($0) }, "\(format)")
      #expect(line.utf8.last == 0x0A)
      if format == .json {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["target"] as? String == String(decoding: hostile, as: UTF8.self))
      }
    }
  }

  /// What a reader of combined lines takes apart is what was put in, whatever the bytes.
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func anyBytesMakeOneLineOfEachFormat(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let example = Example.ordinary()
    func noise() -> AccessText {
      example.text((0..<random.below(60)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }
    example.record.target = noise()
    example.record.user = noise()
    example.record.referer = noise()
    example.record.userAgent = noise()
    for format in [AccessFormat.text, .json, .combined] {
      let line = example.line(format)
      #expect(line.utf8.count { $0 == 0x0A } == 1, "seed \(seed)")
    }
    let combined = example.line(.combined)
    let shape = /\S+ - \S+ \[[^\]]+\] "(?:[^"\\]|\\.)*" 200 1256 "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\n/
    #expect(combined.wholeMatch(of: shape) != nil, "seed \(seed): \(combined)")
    #expect(throws: Never.self, "seed \(seed)") {
      try JSONSerialization.jsonObject(with: Data(example.line(.json).utf8))
    }
  }

  @Test
  func longTextsAreCut() {
    let example = Example.ordinary()
    example.record.target = example.text(String(repeating: "a", count: 100_000))
    let line = example.line(.combined)
    #expect(line.contains("\"GET \(String(repeating: "a", count: 4096))... HTTP/1.1\""))
    #expect(example.line(.json).contains("aaa\\u2026\""))
  }

  @Test
  func timesBeyondTheirFieldAreHeld() {
    var facts = AccessRecord.Facts()
    #expect(facts.queue == nil)
    facts.queue = .max
    #expect(facts.queue == UInt32.max - 1)
    facts.queue = nil
    #expect(facts.queue == nil)
  }
}

struct SamplingTests {
  @Test(arguments: [(0.0, 0), (1.0, 10_000), (0.5, 5000), (0.01, 100), (0.3333, 3333), (-1, 0), (7, 10_000), (.nan, 0)])
  func aShareIsLogged(_ share: Double, _ expected: Int) {
    var sampling = AccessSampling(share: share)
    let count = (0..<10_000).count { _ in sampling.next() }
    #expect(abs(count - expected) <= 1)
    // Evenly: no stretch has more than its share, and one.
    var other = AccessSampling(share: 0.25)
    let pattern = (0..<8).map { _ in other.next() }
    #expect(pattern == [true, false, false, false, true, false, false, false])
  }
}
