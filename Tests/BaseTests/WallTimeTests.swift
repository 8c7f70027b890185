import Base
import Foundation
import Testing

@Suite struct WallTimeTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"),
      (1_795_365_065_123_999_999, "2026-11-22T16:31:05.123Z"),
      (951_782_399_999_000_000, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
      (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
      (-1, "1969-12-31T23:59:59.999Z"),
      (.max, "2262-04-11T23:47:16.854Z"),
      (.min, "1677-09-21T00:12:43.145Z"),
    ] as [(Int64, String)])
  func isRFC3339(nanoseconds: Int64, text: String) {
    #expect(WallTime(nanosecondsSinceEpoch: nanoseconds).description == text)
  }

  @Test func agreesWithFoundationOnEveryDayOfTheClock() {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0)!
    // Foundation's calendar is Julian before 1582, which the clock does not reach.
    for day in stride(from: -106_000, to: 106_000, by: 13) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
      func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
      let date = "\(parts.year!)-\(padded(parts.month!))-\(padded(parts.day!))T00:00:00.000Z"
      #expect(WallTime(nanosecondsSinceEpoch: Int64(day) * 86_400_000_000_000).description == date)
    }
  }
}
