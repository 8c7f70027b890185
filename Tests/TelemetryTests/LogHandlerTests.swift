import Base
import Foundation
import Logging
import Testing

@testable import Telemetry

@Suite struct LogHandlerTests {
  @Test func aLineOfText() {
    #expect(
      lines(component: "reload") { $0.info("balancer.json is unchanged") }
        == ["2026-11-22T16:31:05.123Z info    reload balancer.json is unchanged\n"])
  }

  @Test(
    arguments: [
      (.trace, "trace   "), (.debug, "debug   "), (.info, "info    "), (.notice, "notice  "), (.warning, "warning "),
      (.error, "error   "), (.critical, "critical "),
    ] as [(Logger.Level, String)])
  func theLevelHasAColumn(level: Logger.Level, column: String) {
    let text = line { $0.log(level: level, "x") }
    #expect(text == "2026-11-22T16:31:05.123Z \(column)health x\n")
  }

  @Test func metadataFollowsInTheOrderOfItsKeys() {
    let text = line {
      $0[metadataKey: "worker"] = "3"
      $0.warning(
        "full",
        metadata: [
          "sessions": .stringConvertible(12), "client": "10.0.0.1", "empty": "", "words": "two words",
          "quoted": "say \"hi\" \\ =", "list": ["a", "b"], "inner": ["z": "1", "a": "2"],
        ])
    }
    #expect(
      text == "2026-11-22T16:31:05.123Z warning health full client=10.0.0.1 empty=\"\" inner.a=2 inner.z=1 list=a,b "
        + "quoted=\"say \\\"hi\\\" \\\\ =\" sessions=12 words=\"two words\" worker=3\n")
  }

  @Test func theCallOverridesTheLogger() {
    let text = line {
      $0[metadataKey: "a"] = "logger"
      $0.info("x", metadata: ["a": "call"])
    }
    #expect(text.hasSuffix(" x a=call\n"))
  }

  @Test func jsonKeepsNumbersAndTruth() {
    let text = line(.json) {
      $0.info(
        "full",
        metadata: [
          "sessions": .stringConvertible(12), "share": .stringConvertible(0.5), "ratio": .stringConvertible(Float(2)),
          "bad": .stringConvertible(Double.nan), "ok": .stringConvertible(true), "text": "12",
          "list": ["a", .stringConvertible(UInt64.max)], "inner": ["b": .stringConvertible(-1), "a": [:]],
          "level": "mine",
        ])
    }
    #expect(
      text == #"{"time":"2026-11-22T16:31:05.123Z","level":"info","component":"health","message":"full","bad":null,"#
        + #""inner":{"a":{},"b":-1},"level_":"mine","list":["a",18446744073709551615],"ok":true,"ratio":2.0,"#
        + #""sessions":12,"share":0.5,"text":"12"}"# + "\n")
  }

  @Test func errorsAreShown() {
    struct Broken: Error {}
    #expect(line { $0.error("no", error: Broken()) }.hasSuffix("no error=Broken()\n"))
  }

  @Test func levelAndFormatChangeForAllLoggers() {
    let lines = Lines()
    let output = LogOutput(level: .info, clock: { moment }, sink: { lines.append($0) })
    let first = output.logger("first")
    var second = output.logger("second")
    first.debug("hidden")
    output.level = .debug
    first.debug("shown")
    output.format = .json
    second.debug("shown")
    output.level = .error
    first.warning("hidden")
    // A logger's own level is its own.
    second.logLevel = .trace
    second.trace("own")
    #expect(lines.texts.count == 3)
    #expect(lines.texts[0].hasSuffix("first shown\n"))
    #expect(lines.texts[1].hasPrefix("{") && lines.texts[1].contains("second"))
    #expect(first.logLevel == .error && output.level == .error && output.format == .json)
  }

  @Test(arguments: [
    ("a\nb", #"a\nb"#, #"a\nb"#),
    ("a\r\n\tb", #"a\r\n\tb"#, #"a\r\n\tb"#),
    ("\u{1B}[31mred\u{7F}\0", #"\u{1B}[31mred\u{7F}\u{0}"#, #"\u001b[31mred\u007f\u0000"#),
    ("\u{85}\u{9B}1m", #"\u{85}\u{9B}1m"#, #"\u0085\u009b1m"#),
    ("a\u{2028}b\u{2029}", #"a\u{2028}b\u{2029}"#, #"a\u2028b\u2029"#),
    ("\u{202E}gnp.exe\u{2066}\u{61C}", #"\u{202E}gnp.exe\u{2066}\u{61C}"#, #"\u202egnp.exe\u2066\u061c"#),
    ("say \"hi\" \\n", #"say "hi" \n"#, #"say \"hi\" \\n"#),
    ("grüße … → 🦊 §", "grüße … → 🦊 §", "grüße … → 🦊 §"),
  ])
  func nothingFromOutsideBreaksALine(outside: String, text: String, json: String) {
    #expect(line { $0.info("\(outside)") } == "2026-11-22T16:31:05.123Z info    health \(text)\n")
    #expect(
      line(.json) { $0.info("\(outside)") }
        == #"{"time":"2026-11-22T16:31:05.123Z","level":"info","component":"health","message":""# + json + "\"}\n")
  }

  @Test func bytesThatAreNoUTF8AreReplaced() {
    let outside = String(decoding: [0x61, 0xFF, 0xC3, 0x62, 0xED, 0xA0, 0x80] as [UInt8], as: UTF8.self)
    let text = line { $0.info("x", metadata: ["bytes": .string(outside)]) }
    #expect(text.hasPrefix("2026-11-22T16:31:05.123Z info    health x bytes=a\u{FFFD}\u{FFFD}b\u{FFFD}"))
  }

  @Test func whatIsTooLongIsCutAndSaysSo() {
    let fox = String(repeating: "🦊", count: 3000)
    let text = line { $0.info("\(fox)") }
    #expect(text.hasSuffix("🦊… (3808 bytes cut)\n"))
    #expect(text.utf8.count < SafeText.longest + 100)
    #expect(line { $0.info("\(String(repeating: "a", count: 8192))") }.hasSuffix("aaa\n"))
  }

  /// Hostile text in every place where text can stand: one line, and JSON that a parser reads back to the same text.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func hostileTextStaysInItsPlace(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    func hostile() -> String {
      var bytes: [UInt8] = []
      for _ in 0..<random.below(60) {
        bytes.append(
          random.below(2) == 0 ? UInt8(random.below(256)) : [0x0A, 0x22, 0x5C, 0x7B, 0x3D, 0xE2][random.below(6)])
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    for _ in 0..<100 {
      let (message, key, value) = (hostile(), "k" + hostile(), hostile())
      let event = HealthEvent(
        backend: BackendDetails(pool: hostile(), name: hostile(), address: hostile(), labels: [hostile(): hostile()]),
        from: .up, to: .down,
        check: CheckDetails(
          type: "tcp", failure: .init(cause: hostile(), layer: "L4", errno: nil), took: .zero, streak: 1, needed: 1),
        formerDuration: .zero, sessions: 0, onDown: .keep,
        standing: StandingDetails(eligible: 0, total: 1, weightShare: 0, isLost: true))
      for format in [LogOutput.Format.text, .json] {
        let texts = lines(format) {
          $0.info("\(message)", metadata: [key: .string(value)])
          $0.log(event)
        }
        #expect(texts.count == 2)
        for text in texts {
          #expect(text.utf8.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "seed \(seed)")
          #expect(text.utf8.last == 0x0A, "seed \(seed)")
        }
        if format == .json {
          let ordinary = try #require(
            JSONSerialization.jsonObject(with: Data(texts[0].utf8)) as? [String: Any], "seed \(seed)")
          #expect(ordinary["message"] as? String == message, "seed \(seed)")
          #expect(ordinary[key] as? String == value, "seed \(seed)")
          let health = try #require(
            JSONSerialization.jsonObject(with: Data(texts[1].utf8)) as? [String: Any], "seed \(seed)")
          #expect(health["labels"] as? [String: String] == event.backend.labels, "seed \(seed)")
          #expect(health["cause"] as? String == event.check.failure?.cause, "seed \(seed)")
        }
      }
    }
  }

  // MARK: The tap

  /// What a tap on `health` hears, and what the log has.
  private func tapped(
    level: Logger.Level, component: String = "health", _ body: (inout Logger) -> Void
  ) -> (heard: [String], logged: [String]) {
    let (heard, logged) = (Lines(), Lines())
    let output = LogOutput(
      level: level, clock: { moment }, tap: LogOutput.Tap(component: "health", level: .info) { heard.append($0) },
      sink: { logged.append($0) })
    var logger = output.logger(component)
    body(&logger)
    return (heard.texts, logged.texts)
  }

  @Test func aTapHearsWhateverTheLevelOfTheLog() {
    for level in [Logger.Level.trace, .info, .critical] {
      let (heard, logged) = tapped(level: level) {
        $0.debug("too little")
        $0.warning("pool web \"panics\"")
      }
      #expect(
        heard == [
          #"{"time":"2026-11-22T16:31:05.123Z","level":"warning","component":"health","message":"pool web \"panics\""}"#
        ])
      #expect(logged.count == (level == .trace ? 2 : level == .info ? 1 : 0))
    }
  }

  @Test func aTapHearsOneComponent() {
    let (heard, logged) = tapped(level: .error, component: "reload") {
      #expect($0.logLevel == .error)
      $0.error("refused")
    }
    #expect(heard.isEmpty && logged.count == 1)
  }

  @Test func aTapHearsEventsWithTheirSentence() throws {
    let (heard, _) = tapped(level: .critical) { $0.log(Examples.down) }
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(heard.joined().utf8)) as? [String: Any])
    #expect(object["event"] as? String == "health" && object["to"] as? String == "down")
    #expect(object["message"] as? String == Examples.down.description)
  }
}
