import Base
import Testing

@Suite struct UnitsTests {
  @Test(arguments: [
    ("0s", 0), ("0ms", 0), ("1ms", 1), ("250ms", 250), ("0250ms", 250), ("2s", 2000), ("5m", 300_000),
    ("1h", 3_600_000),
    ("7d", 604_800_000), ("9999999999ms", 9_999_999_999), ("99999999s", 99_999_999_000), ("999999m", 59_999_940_000),
    ("9999h", 35_996_400_000), ("999d", 86_313_600_000),
  ])
  func durationsAreRead(text: String, milliseconds: Int64) throws {
    #expect(try Duration(parsing: text) == .milliseconds(milliseconds))
  }

  @Test(arguments: [
    ("", #"is not a duration: write a number and a unit, such as "5s" or "250ms""#),
    ("s", #"is not a duration: write a number and a unit, such as "5s" or "250ms""#),
    ("-1s", #"is not a duration: write a number and a unit, such as "5s" or "250ms""#),
    ("5", #"has no unit: write "5s" or "5ms""#),
    ("1.5s", #"is more than a whole number and a unit: write "1500ms""#),
    ("0.25h", #"is more than a whole number and a unit: write "15m""#),
    ("1m30s", #"is more than a whole number and a unit: write "90s""#),
    ("1h0m", #"is more than a whole number and a unit: write "1h""#),
    ("1.00001s", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("1..5s", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("1.5.5s", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("1.s", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("5 s", #"has a unit that is not known: write "5s""#),
    ("5sec", #"has a unit that is not known: write "5s""#),
    ("3 Minutes", #"has a unit that is not known: write "3m""#),
    ("100msec", #"has a unit that is not known: write "100ms""#),
    ("5S", #"has a unit that is not known: write "5s""#),
    ("5x", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("5us", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("5s\u{301}", "has a unit that is not known: ms, s, m, h or d expected after the number"),
    ("1000d", "is too long: at most 999d"), ("10000h", "is too long: at most 9999h"),
    ("1000000m", "is too long: at most 999999m"), ("100000000s", "is too long: at most 99999999s"),
    ("10000000000ms", "is too long: at most 9999999999ms"),
    ("99999999999999999999999999s", "is too long: at most 99999999s"),
  ])
  func whatIsNoDurationIsRefusedInWords(text: String, message: String) {
    #expect(throws: MalformedUnit.self) { try Duration(parsing: text) }
    do { _ = try Duration(parsing: text) } catch { #expect(error.description == message) }
  }

  static let written: [(Duration, String)] = [
    (.zero, "0s"), (.milliseconds(1), "1ms"), (.milliseconds(1500), "1500ms"), (.seconds(60), "1m"),
    (.seconds(90), "90s"), (.seconds(3600), "1h"), (.seconds(86_400), "1d"), (.seconds(90_000), "25h"),
    (.microseconds(1250), "1.25ms"), (.nanoseconds(1), "0.000001ms"), (.microseconds(-500), "-0.5ms"),
    (.seconds(-2), "-2s"), (.seconds(Int64.max), "9223372036854.775807ms"),
  ]

  @Test(arguments: written)
  func durationsAreWritten(duration: Duration, text: String) { #expect(duration.written == text) }

  @Test func whatIsWrittenIsReadAgain() throws {
    let seed: UInt64 = 0x5EED
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let duration = Duration.milliseconds(Int64(random.below(1 << random.below(33))))
      #expect(try Duration(parsing: duration.written) == duration, "seed \(seed): \(duration.written)")
      let size = ByteSize(bytes: random.below(1 << random.below(49)))
      #expect(try ByteSize(parsing: size.written) == size, "seed \(seed): \(size.written)")
    }
  }

  @Test(arguments: [
    ("0", 0), ("1", 1), ("16384", 16_384), ("999999999999999", 999_999_999_999_999), ("0KiB", 0), ("16KiB", 16_384),
    ("1MiB", 1_048_576), ("10GiB", 10_737_418_240), ("2TiB", 2_199_023_255_552), ("999TiB", 999 << 40),
  ])
  func sizesAreRead(text: String, bytes: Int) throws { #expect(try ByteSize(parsing: text).bytes == bytes) }

  @Test(arguments: [
    ("", #"is not a size: write a number and a unit, such as "16KiB""#),
    ("KiB", #"is not a size: write a number and a unit, such as "16KiB""#),
    ("-1", #"is not a size: write a number and a unit, such as "16KiB""#),
    ("16K", #"has a unit that is not known: write "16KiB""#),
    ("16kb", #"has a unit that is not known: write "16KiB""#),
    ("1mib", #"has a unit that is not known: write "1MiB""#),
    ("1GB", #"has a unit that is not known: write "1GiB""#),
    ("1.5KiB", "has a unit that is not known: KiB, MiB, GiB or TiB expected after the number"),
    ("1PiB", "has a unit that is not known: KiB, MiB, GiB or TiB expected after the number"),
    ("1000TiB", "is too large: at most 999TiB"), ("1000000000000000", "is too large: at most 15 digits"),
  ])
  func whatIsNoSizeIsRefusedInWords(text: String, message: String) {
    #expect(throws: MalformedUnit.self) { try ByteSize(parsing: text) }
    do { _ = try ByteSize(parsing: text) } catch { #expect(error.description == message) }
  }

  @Test(arguments: [
    (0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (1536, "1536"), (3 << 20, "3MiB"), (1 << 40, "1TiB"),
    (-1024, "-1024"),
  ])
  func sizesAreWritten(bytes: Int, text: String) { #expect(ByteSize(bytes: bytes).written == text) }
}
