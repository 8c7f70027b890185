import Base
import Testing

private func at(milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

/// The wheel as `#expect` can call it, which takes no noncopyable value.
private final class Wheel {
  private var wheel: TimerWheel<Int>

  init(now: Instant) { wheel = TimerWheel(now: now) }

  var count: Int { wheel.count }
  var nextDeadline: Instant? { wheel.nextDeadline }

  @discardableResult
  func schedule(_ payload: Int, at deadline: Instant) -> Timer { wheel.schedule(payload, at: deadline) }
  func cancel(_ timer: Timer) -> Bool { wheel.cancel(timer) }
  func popExpired(now: Instant) -> Int? { wheel.popExpired(now: now) }

  func drain(now: Instant) -> [Int] {
    var fired: [Int] = []
    while let payload = popExpired(now: now) { fired.append(payload) }
    return fired
  }
}

@Suite struct TimerWheelTests {
  @Test func firesAtItsDeadlineAndNotBefore() {
    let wheel = Wheel(now: .zero)
    wheel.schedule(1, at: at(milliseconds: 5000))
    #expect(wheel.popExpired(now: at(milliseconds: 4999)) == nil)
    #expect(wheel.count == 1)
    #expect(wheel.popExpired(now: at(milliseconds: 5000)) == 1)
    #expect(wheel.popExpired(now: at(milliseconds: 5000)) == nil)
    #expect(wheel.count == 0)
    #expect(wheel.nextDeadline == nil)
  }

  @Test func roundsDeadlinesUpAndNowDown() {
    let wheel = Wheel(now: Instant(nanoseconds: 10_300_000))
    wheel.schedule(1, at: Instant(nanoseconds: 11_000_001))
    #expect(wheel.popExpired(now: Instant(nanoseconds: 11_999_999)) == nil)
    #expect(wheel.nextDeadline == at(milliseconds: 12))
    #expect(wheel.popExpired(now: at(milliseconds: 12)) == 1)
  }

  @Test func aDeadlineInThePastIsDueAtOnce() {
    let wheel = Wheel(now: at(milliseconds: 900))
    wheel.schedule(1, at: .zero)
    #expect(wheel.nextDeadline == at(milliseconds: 900))
    #expect(wheel.popExpired(now: at(milliseconds: 900)) == 1)
  }

  @Test func timersOfOneTickFireInTheOrderOfScheduling() {
    let wheel = Wheel(now: .zero)
    for payload in 0..<10 { wheel.schedule(payload, at: at(milliseconds: 70_000)) }
    #expect(wheel.drain(now: at(milliseconds: 69_999)).isEmpty)
    for payload in 10..<20 { wheel.schedule(payload, at: at(milliseconds: 70_000)) }
    #expect(wheel.drain(now: at(milliseconds: 70_000)) == Array(0..<20))
  }

  @Test func firesInTheOrderOfTimeWhenManyAreLate() {
    let wheel = Wheel(now: .zero)
    for payload in [9, 3, 7000, 1, 500_000, 64, 65, 4096, 63] {
      wheel.schedule(payload, at: at(milliseconds: UInt64(payload)))
    }
    #expect(wheel.drain(now: at(milliseconds: 1_000_000)) == [1, 3, 9, 63, 64, 65, 4096, 7000, 500_000])
  }

  @Test func aTimerIsCancelledOnce() {
    let wheel = Wheel(now: .zero)
    let first = wheel.schedule(1, at: at(milliseconds: 10))
    #expect(wheel.cancel(first))
    #expect(!wheel.cancel(first))
    // Its place is taken again: the old name must not find the new tenant.
    let second = wheel.schedule(2, at: at(milliseconds: 10))
    #expect(!wheel.cancel(first))
    #expect(wheel.popExpired(now: at(milliseconds: 10)) == 2)
    #expect(!wheel.cancel(second))
    #expect(!wheel.cancel(.none))
  }

  @Test func theEndsOfTheClock() {
    let wheel = Wheel(now: .zero)
    wheel.schedule(1, at: Instant(nanoseconds: .max))
    #expect(wheel.popExpired(now: Instant(nanoseconds: .max - 1_000_000)) == nil)
    // Rounded up, the last instant lies one tick beyond the clock: "never" stays never.
    #expect(wheel.popExpired(now: Instant(nanoseconds: .max)) == nil)
    #expect(wheel.nextDeadline == Instant(nanoseconds: .max))
    #expect(wheel.count == 1)
  }

  @Test func aFarTimerWakesAtMostOncePerLevel() {
    let wheel = Wheel(now: at(milliseconds: 12_345))
    let deadline = at(milliseconds: 12_345 + 21 * 86_400_000)
    wheel.schedule(1, at: deadline)
    var wakes = 0
    var fired: Instant?
    while let now = wheel.nextDeadline {
      wakes += 1
      #expect(now <= deadline)
      if wheel.popExpired(now: now) != nil { fired = now }
    }
    #expect(fired == deadline)
    #expect(wakes <= 8)
  }

  /// Random schedules, cancels and jumps over weeks, beside a list that is searched from end to end.
  @Test(arguments: 0..<40 as Range<UInt64>)
  func agreesWithANaiveModel(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var now = Instant(nanoseconds: random.next() >> UInt64(20 + random.below(30)))
    let wheel = Wheel(now: now)
    var model = NaiveTimers(now: now)
    var handles: [(timer: Timer, payload: Int)] = []
    let longest: [Int] = [3, 64, 1000, 70_000, 4_000_000, 2_000_000_000]

    for step in 0..<4000 {
      switch random.below(10) {
      case 0..<5:
        let span = longest[random.below(longest.count)]
        var deadline = now + .nanoseconds(Int64(random.below(span)) * 1_000_000 + Int64(random.below(1_000_000)))
        if random.below(20) == 0 { deadline = now + .milliseconds(-random.below(5000)) }
        let timer = wheel.schedule(step, at: deadline)
        model.schedule(step, at: deadline)
        handles.append((timer, step))
      case 5..<7:
        guard !handles.isEmpty else { continue }
        // Often a timer that has fired or was cancelled long ago.
        let victim = handles[random.below(handles.count)]
        #expect(wheel.cancel(victim.timer) == model.cancel(victim.payload), "seed \(seed) step \(step)")
      default:
        switch random.below(4) {
        case 0: now = now + .nanoseconds(Int64(random.below(2_000_000)))
        case 1: now = now + .milliseconds(random.below(300))
        case 2: now = now + .milliseconds(random.below(1 << random.below(28)))
        default: now = max(now, wheel.nextDeadline ?? now)
        }
        while true {
          let expected = model.popExpired(now: now)
          let fired = wheel.popExpired(now: now)
          #expect(fired == expected, "seed \(seed) step \(step)")
          if fired != expected || fired == nil { break }
        }
      }
      #expect(wheel.count == model.timers.count, "seed \(seed) step \(step)")
      if let first = model.firstTick {
        #expect(wheel.nextDeadline.map { $0 <= at(milliseconds: first) } == true, "seed \(seed) step \(step)")
      } else {
        #expect(wheel.nextDeadline == nil, "seed \(seed) step \(step)")
      }
    }
  }
}

private struct NaiveTimers {
  var current: UInt64
  var timers: [(tick: UInt64, order: Int, payload: Int)] = []
  var order = 0

  init(now: Instant) { current = now.nanoseconds / 1_000_000 }

  var firstTick: UInt64? { timers.map(\.tick).min() }

  mutating func schedule(_ payload: Int, at deadline: Instant) {
    let tick = deadline.nanoseconds / 1_000_000 + (deadline.nanoseconds % 1_000_000 == 0 ? 0 : 1)
    timers.append((max(tick, current), order, payload))
    order += 1
  }

  mutating func cancel(_ payload: Int) -> Bool {
    guard let index = timers.firstIndex(where: { $0.payload == payload }) else { return false }
    timers.remove(at: index)
    return true
  }

  mutating func popExpired(now: Instant) -> Int? {
    let nowTick = now.nanoseconds / 1_000_000
    guard let first = timers.min(by: { ($0.tick, $0.order) < ($1.tick, $1.order) }), first.tick <= nowTick else {
      current = max(current, nowTick)
      return nil
    }
    timers.removeAll { $0.order == first.order }
    current = first.tick
    return first.payload
  }
}
