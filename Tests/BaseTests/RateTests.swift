import Base
import Testing

@Suite struct RateTests {
  @Test(arguments: [
    ("100/s", 100, Rate.Unit.second), ("6000/m", 6000, .minute), ("1/h", 1, .hour), ("007/s", 7, .second),
    ("1000000000/s", 1_000_000_000, .second),
  ])
  func reads(text: String, count: Int, unit: Rate.Unit) throws {
    let rate = try Rate(parsing: text)
    #expect(rate == Rate(count, per: unit))
    #expect(try Rate(parsing: rate.description) == rate)
  }

  @Test(arguments: [
    ("", "is not a rate: write for example 100/s or 6000/m"),
    ("/s", "is not a rate: write for example 100/s or 6000/m"),
    ("-1/s", "is not a rate: write for example 100/s or 6000/m"),
    ("+1/s", "is not a rate: write for example 100/s or 6000/m"),
    ("1.5/s", "is not a rate: write for example 100/s or 6000/m"),
    ("fast", "is not a rate: write for example 100/s or 6000/m"),
    ("100 /s", "is not a rate: write for example 100/s or 6000/m"),
    ("100", "has no unit: write for example 100/s"),
    ("100/s/s", "has more than one slash"),
    ("100/", "has an unknown unit: /s, /m or /h expected"),
    ("100/d", "has an unknown unit: /s, /m or /h expected"),
    ("100/sec", "has an unknown unit: /s, /m or /h expected"),
    ("100/S", "has an unknown unit: /s, /m or /h expected"),
    ("0/s", "is out of range: 1…1000000000 expected before the slash"),
    ("1000000001/s", "is out of range: 1…1000000000 expected before the slash"),
    ("99999999999999999999999/s", "is out of range: 1…1000000000 expected before the slash"),
  ])
  func refuses(text: String, words: String) {
    #expect(throws: Rate.Malformed(words)) { try Rate(parsing: text) }
  }
}

@Suite struct RateLimiterTests {
  private func at(milliseconds: UInt64) -> Instant { Instant(nanoseconds: 1_000_000 * milliseconds) }

  @Test func aFullBucketGivesItsBurstAndThenTheRate() {
    let limiter = RateLimiter(Rate(10, per: .second))
    var state = RateLimiter.full
    let start = at(milliseconds: 5000)
    for _ in 0..<10 { #expect(limiter.take(from: &state, now: start)) }
    #expect(!limiter.take(from: &state, now: start))
    #expect(limiter.wait(state, now: start) == .milliseconds(100))
    #expect(!limiter.take(from: &state, now: at(milliseconds: 5099)))
    #expect(limiter.take(from: &state, now: at(milliseconds: 5100)))
    #expect(!limiter.take(from: &state, now: at(milliseconds: 5100)))
    // Full again after a second of silence, and no fuller.
    for _ in 0..<10 { #expect(limiter.take(from: &state, now: at(milliseconds: 60_000))) }
    #expect(!limiter.take(from: &state, now: at(milliseconds: 60_000)))
  }

  @Test func theBurstMayBeSaid() {
    let limiter = RateLimiter(Rate(60, per: .minute), burst: 2)
    var state = RateLimiter.full
    #expect(limiter.take(from: &state, now: .zero))
    #expect(limiter.take(from: &state, now: .zero))
    #expect(!limiter.take(from: &state, now: at(milliseconds: 999)))
    #expect(limiter.wait(state, now: at(milliseconds: 999)) == .milliseconds(1))
    #expect(limiter.take(from: &state, now: at(milliseconds: 1000)))
    #expect(limiter.wait(RateLimiter.full, now: .zero) == .zero)
  }

  @Test func aRefusalCostsNothing() {
    let limiter = RateLimiter(Rate(1, per: .second))
    var state = RateLimiter.full
    #expect(limiter.take(from: &state, now: .zero))
    let taken = state
    for millisecond: UInt64 in 0..<1000 { #expect(!limiter.take(from: &state, now: at(milliseconds: millisecond))) }
    #expect(state == taken)
    #expect(limiter.take(from: &state, now: at(milliseconds: 1000)))
  }

  @Test func theEndsOfTheClockTrapNothing() {
    for rate in [Rate(1, per: .hour), Rate(Rate.largestCount, per: .second), Rate(Rate.largestCount, per: .hour)] {
      for burst in [nil, 0, 1, Int.max, .min] {
        let limiter = RateLimiter(rate, burst: burst)
        for now in [Instant.zero, Instant(nanoseconds: .max), Instant(nanoseconds: .max / 2)] {
          for start in [Instant.zero, Instant(nanoseconds: .max)] {
            var state = start
            for _ in 0..<3 { limiter.take(from: &state, now: now) }
            #expect(limiter.wait(state, now: now) >= .zero)
          }
        }
      }
    }
  }

  /// A bucket kept in fractions of an event, with the times of all events: what the one instant must agree with.
  @Test(arguments: UInt64(0)..<20)
  func keepsTheBoundOfATokenBucket(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let count = 1 + generator.below(50)
    let burst = 1 + generator.below(20)
    let limiter = RateLimiter(Rate(count, per: .second), burst: burst)
    let cost = 1_000_000_000 / UInt64(count)
    var state = RateLimiter.full
    var now: UInt64 = 1 << 40
    // The level in nanoseconds of refill.
    var level = cost * UInt64(burst)
    for _ in 0..<5000 {
      let pause = UInt64(generator.below(Int(cost) * 2)) * UInt64(generator.below(2))
      now += pause
      level = min(level + pause, cost * UInt64(burst))
      let taken = limiter.take(from: &state, now: Instant(nanoseconds: now))
      #expect(taken == (level >= cost), "seed \(seed)")
      if taken { level -= cost }
      let wait = UInt64(limiter.wait(state, now: Instant(nanoseconds: now)).nanoseconds)
      #expect(wait == (level >= cost ? 0 : cost - level), "seed \(seed)")
    }
  }
}
