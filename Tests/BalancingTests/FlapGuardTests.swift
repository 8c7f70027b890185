import Base
import Testing

@testable import Balancing

private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

@Suite struct FlapGuardTests {
  @Test func theThirdChangeWithinAMinuteAnnouncesIt() {
    var flaps = FlapGuard()
    #expect(flaps.handleChange(now: at(100)) == [.change])
    #expect(flaps.handleChange(now: at(130)) == [.change])
    #expect(flaps.nextTick == nil)
    #expect(flaps.handleChange(now: at(160)) == [.started(changes: 3, span: .seconds(60))])
    #expect(flaps.isFlapping)
  }

  @Test func changesFurtherApartAreLoggedOneByOne() {
    var flaps = FlapGuard()
    for second in stride(from: Int64(0), to: 1000, by: 31) {
      #expect(flaps.handleChange(now: at(second)) == [.change])
    }
  }

  @Test func furtherChangesAreSummedUpOnceAMinute() {
    var flaps = FlapGuard()
    for second: Int64 in [0, 1, 2] { _ = flaps.handleChange(now: at(second)) }
    #expect(flaps.nextTick == at(62))
    for second: Int64 in [10, 20, 50] { #expect(flaps.handleChange(now: at(second)).isEmpty) }
    #expect(flaps.nextTick == at(62))
    #expect(flaps.tick(now: at(61)) == nil)
    #expect(flaps.tick(now: at(62)) == .continuing(changes: 3, span: .seconds(60)))
    #expect(flaps.tick(now: at(62)) == nil)
    // The last change was at 50: a whole minute without one ends at 110.
    #expect(flaps.nextTick == at(110))
    #expect(flaps.handleChange(now: at(109)).isEmpty)
    #expect(flaps.nextTick == at(122))
    #expect(flaps.tick(now: at(122)) == .continuing(changes: 1, span: .seconds(60)))
    #expect(flaps.tick(now: at(168)) == nil)
    #expect(flaps.tick(now: at(169)) == .ended(changes: 7, span: .seconds(109)))
    #expect(!flaps.isFlapping)
    #expect(flaps.nextTick == nil)
  }

  @Test func aLateChangeFirstEndsWhatIsOver() {
    var flaps = FlapGuard()
    for second: Int64 in [0, 1, 2] { _ = flaps.handleChange(now: at(second)) }
    #expect(flaps.handleChange(now: at(62)) == [.ended(changes: 3, span: .seconds(2)), .change])
    #expect(!flaps.isFlapping)
    // What was before the end no longer counts towards the next announcement.
    #expect(flaps.handleChange(now: at(63)) == [.change])
    #expect(flaps.handleChange(now: at(64)) == [.started(changes: 3, span: .seconds(2))])
  }

  /// Whatever the changes: the lines are few, the counts in them are right, and what ends was quiet for a minute.
  @Test(arguments: 0..<30 as Range<UInt64>)
  func floodsNeverAndLosesNothing(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var flaps = FlapGuard()
    var now = Instant.zero
    var lastChange = Instant.zero
    var lines: [Instant] = []
    var changesOfThisTime = 0
    var untold = 0

    func check(_ notice: FlapGuard.Notice) {
      lines.append(now)
      switch notice {
      case .change: break
      case .started(let changes, _):
        changesOfThisTime = changes
        untold = 0
      case .continuing(let changes, _):
        #expect(changes == untold, "seed \(seed)")
        untold = 0
      case .ended(let changes, _):
        #expect(changes == changesOfThisTime, "seed \(seed)")
        #expect(now - lastChange >= .seconds(60), "seed \(seed)")
      }
    }

    for _ in 0..<3000 {
      let next = now + .milliseconds(random.below([100, 3000, 40_000, 100_000][random.below(4)]))
      while let tick = flaps.nextTick, tick <= next {
        now = max(now, tick)
        guard let notice = flaps.tick(now: now) else {
          Issue.record("seed \(seed): nothing was due at its tick")
          return
        }
        check(notice)
      }
      now = next
      let notices = flaps.handleChange(now: now)
      lastChange = now
      if notices.isEmpty {
        changesOfThisTime += 1
        untold += 1
      }
      for notice in notices { check(notice) }
      lines.removeAll { now - $0 > .seconds(60) }
      // Two changes, the announcement and a summary or an end at either rim of the minute.
      #expect(lines.count <= 5, "seed \(seed)")
    }
  }
}
