import Base
import Testing

@Suite struct InstantTests {
  @Test(
    arguments: [
      (0, .seconds(1), 1_000_000_000),
      (5, .nanoseconds(-3), 2),
      (5, .seconds(-1), 0),
      (.max, .nanoseconds(1), .max),
      (.max - 5, .nanoseconds(5), .max),
      (0, .seconds(Int64.max), UInt64(Int64.max)),
      (.max, .seconds(Int64.min), UInt64(Int64.max)),
    ] as [(UInt64, Duration, UInt64)])
  func stopsAtTheEndsOfTheClock(start: UInt64, duration: Duration, end: UInt64) {
    #expect(Instant(nanoseconds: start) + duration == Instant(nanoseconds: end))
  }

  @Test func differencesHaveASign() {
    let early = Instant(nanoseconds: 10)
    let late = Instant(nanoseconds: 25)
    #expect(late - early == .nanoseconds(15))
    #expect(early - late == .nanoseconds(-15))
    #expect(Instant(nanoseconds: .max) - .zero == .nanoseconds(Int64.max))
    #expect(.zero - Instant(nanoseconds: .max) == .nanoseconds(-Int64.max))
    #expect(early < late)
  }

  @Test(
    arguments: [
      (.milliseconds(1500), 1_500_000_000),
      (.milliseconds(-1500), -1_500_000_000),
      (.seconds(Int64.max), .max),
      (.seconds(Int64.min), .min),
      (.zero, 0),
    ] as [(Duration, Int64)])
  func durationsInNanoseconds(duration: Duration, nanoseconds: Int64) {
    #expect(duration.nanoseconds == nanoseconds)
    #expect(duration.milliseconds == nanoseconds / 1_000_000)
  }
}
