import Base
import Testing

@testable import Balancing

/// A scheduler as a tier drives it, one candidate set and one count of sessions beside it.
private struct Stage<Choice: Scheduler> {
  var scheduler: Choice
  var sessions: [Int]
  var candidates: Set<Int>
  var random: SeededGenerator

  init(_ scheduler: Choice, weights: [Int], seed: UInt64 = 1) {
    self.scheduler = scheduler
    sessions = weights.map { _ in 0 }
    candidates = Set(weights.indices.filter { weights[$0] > 0 })
    random = SeededGenerator(seed: seed)
    self.scheduler.reset(
      members: weights.enumerated().map {
        ScheduledMember(name: StableHash.of("\($0)"), weight: $1, sessions: 0)
      })
    for slot in candidates { self.scheduler.add(slot) }
  }

  mutating func remove(_ slot: Int) {
    scheduler.remove(slot)
    candidates.remove(slot)
  }

  mutating func add(_ slot: Int) {
    scheduler.add(slot)
    candidates.insert(slot)
  }

  mutating func choose(key: UInt64 = 0) -> Int? {
    scheduler.pick(PickRequest(key: key, random: random.next()))
  }

  mutating func open(key: UInt64 = 0) -> Int? {
    guard let slot = choose(key: key) else { return nil }
    count(1, slot)
    return slot
  }

  mutating func count(_ difference: Int, _ slot: Int) {
    sessions[slot] += difference
    scheduler.loadChanged(slot, sessions: sessions[slot])
  }
}

@Suite struct EverySchedulerTests {
  /// Whatever happens, what is picked is a candidate, and nobody is picked only when there is none.
  private func onlyCandidatesArePicked(_ make: () -> some Scheduler, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let weights = (0..<1 + random.below(70)).map { _ in random.below(4) }
    var stage = Stage(make(), weights: weights, seed: seed)
    for step in 0..<600 {
      let slot = random.below(weights.count)
      switch random.below(6) {
      case 0 where weights[slot] > 0: stage.add(slot)
      case 1: stage.remove(slot)
      case 2 where stage.sessions[slot] > 0: stage.count(-1, slot)
      case 3 where step % 100 == 0:
        // A new configuration with the same members.
        stage.scheduler.reset(
          members: weights.indices.map {
            ScheduledMember(
              name: StableHash.of("\($0)"), weight: weights[$0], sessions: stage.sessions[$0], former: $0)
          })
        for slot in stage.candidates { stage.scheduler.add(slot) }
      default:
        let key = random.next()
        let choice = stage.open(key: key)
        #expect((choice == nil) == stage.candidates.isEmpty, "seed \(seed) step \(step)")
        if let choice { #expect(stage.candidates.contains(choice), "seed \(seed) step \(step)") }
      }
    }
  }

  @Test(arguments: UInt64(0)..<10)
  func pickOnlyCandidates(seed: UInt64) {
    onlyCandidatesArePicked({ TwoChoices() }, seed: seed)
    onlyCandidatesArePicked({ First() }, seed: seed)
    onlyCandidatesArePicked({ KeyHash() }, seed: seed)
    onlyCandidatesArePicked({ KeyHash(load: 1) }, seed: seed)
    onlyCandidatesArePicked({ KeyHash(load: 1.25) }, seed: seed)
    onlyCandidatesArePicked({ PeakEWMA() }, seed: seed)
    onlyCandidatesArePicked({ LeastConnections() }, seed: seed)
    onlyCandidatesArePicked({ RoundRobin() }, seed: seed)
  }
}

@Suite struct TwoChoicesTests {
  @Test func idleBackendsShareByWeight() {
    var stage = Stage(TwoChoices(), weights: [1, 2, 5])
    var counts = [0, 0, 0]
    for _ in 0..<80_000 { counts[stage.choose()!] += 1 }
    for (count, expected) in zip(counts, [10_000, 20_000, 50_000]) { #expect(abs(count - expected) < 700) }
  }

  @Test func theLessLoadedForItsWeightWins() {
    // Of two, both are always drawn.
    var stage = Stage(TwoChoices(), weights: [1, 2])
    stage.count(3, 0)
    stage.count(5, 1)
    for _ in 0..<20 { #expect(stage.choose() == 1) }
    stage.count(2, 1)
    for _ in 0..<20 { #expect(stage.choose() == 0) }
  }

  @Test func openSessionsStayClose() {
    var stage = Stage(TwoChoices(), weights: [Int](repeating: 1, count: 100))
    for _ in 0..<10_000 { _ = stage.open() }
    // One choice alone would leave about 70 and 130.
    #expect(stage.sessions.max()! - stage.sessions.min()! <= 8)
  }
}

@Suite struct FirstTests {
  @Test func fillsTheFirstThenTheNext() {
    let backends = makeBackends(3)
    var stage = Stage(First(), weights: [1, 200, 1])
    #expect(stage.open() == 0)
    #expect(stage.open() == 0)
    stage.remove(0)
    #expect(stage.open() == 1)
    stage.remove(1)
    #expect(stage.open() == 2)
    stage.add(0)
    #expect(stage.open() == 0)
    for slot in backends.indices { stage.remove(slot) }
    #expect(stage.open() == nil)
  }
}

@Suite struct KeyHashTests {
  private static let keys: [UInt64] = (0..<20_000).map { StableHash.of(IPAddress(ipv4: 0x0A00_0000 + UInt32($0))) }

  @Test func aKeyStaysWithItsBackend() {
    var stage = Stage(KeyHash(), weights: [1, 1, 1, 1])
    let before = Self.keys.map { stage.open(key: $0)! }
    #expect(before == Self.keys.map { stage.open(key: $0)! })
    stage.remove(2)
    let without = Self.keys.map { stage.open(key: $0)! }
    for (old, new) in zip(before, without) { #expect(old == 2 ? new != 2 : new == old) }
    stage.add(2)
    #expect(before == Self.keys.map { stage.open(key: $0)! })
  }

  @Test func namesDecideAndTheirOrderDoesNot() {
    let names = ["a", "b", "c", "d"]
    func owners(_ order: [Int]) -> [String] {
      var scheduler = KeyHash()
      scheduler.reset(
        members: order.map { ScheduledMember(name: StableHash.of(names[$0]), weight: $0 + 1, sessions: 0) })
      for slot in order.indices { scheduler.add(slot) }
      return Self.keys.map { names[order[scheduler.pick(PickRequest(key: $0))!]] }
    }
    #expect(owners([0, 1, 2, 3]) == owners([2, 0, 3, 1]))
  }

  @Test(arguments: [1.0, 1.1, 1.25, 2.0], [[1, 1, 1, 1], [1, 2, 3], [5, 1], [Int](repeating: 1, count: 50)])
  func theBoundHolds(load: Double, weights: [Int]) {
    var stage = Stage(KeyHash(load: load), weights: weights)
    let total = Double(weights.reduce(0, +))
    var random = SeededGenerator(seed: 3)
    // Few keys and very uneven ones: without the bound one backend would have most sessions.
    for opened in 1...5000 {
      let key = random.below(10) < 7 ? Self.keys[0] : Self.keys[random.below(100)]
      let slot = stage.open(key: key)!
      let bound = (load * Double(opened) / total * Double(weights[slot])).rounded(.up)
      #expect(Double(stage.sessions[slot]) <= bound)
    }
    // Where the bound leaves room, the key has its own backend.
    var free = Stage(KeyHash(), weights: weights)
    let own = free.choose(key: Self.keys[0])!
    while stage.sessions[own] > 0 { stage.count(-1, own) }
    #expect(stage.choose(key: Self.keys[0]) == own)
  }

  @Test func overflowOfAKeyGoesToTheSameNextBackend() {
    var stage = Stage(KeyHash(load: 1.5), weights: [1, 1, 1, 1])
    let key = Self.keys[5]
    let own = stage.choose(key: key)!
    stage.count(10, own)
    let next = stage.choose(key: key)!
    #expect(next != own)
    for _ in 0..<10 { #expect(stage.choose(key: key) == next) }
    stage.count(-10, own)
    #expect(stage.choose(key: key) == own)
  }
}

@Suite struct PeakEWMATests {
  private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

  private func milliseconds(_ scheduler: PeakEWMA, _ slot: Int) -> Double { scheduler.latency(of: slot) / 1e6 }

  @Test func aPeakCountsAtOnceAndFallsSlowly() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    stage.scheduler.answered(0, after: .milliseconds(10), now: at(1))
    #expect(milliseconds(stage.scheduler, 0) == 10)
    stage.scheduler.answered(0, after: .milliseconds(200), now: at(1))
    #expect(milliseconds(stage.scheduler, 0) == 200)
    // Half a life later: halfway between the peak and what is measured, by the weight of the time.
    stage.scheduler.answered(0, after: .milliseconds(20), now: at(11))
    #expect(milliseconds(stage.scheduler, 0) == 110)
    stage.scheduler.answered(0, after: .milliseconds(20), now: at(1000))
    #expect(milliseconds(stage.scheduler, 0) == 20)
  }

  @Test func itFallsWhileNothingIsHeardDownToTheFloor() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    stage.scheduler.answered(0, after: .milliseconds(80), now: at(1))
    for (seconds, expected) in [(1.0, 80.0), (6, 60), (11, 40), (21, 20), (31, 10), (1000, 1), (100_000, 1)] {
      stage.scheduler.answered(1, after: .milliseconds(5), now: at(seconds))
      #expect(milliseconds(stage.scheduler, 0) == expected, "after \(seconds) s")
    }
  }

  @Test func latencyTimesLoadDecides() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    stage.scheduler.answered(0, after: .milliseconds(10), now: at(1))
    stage.scheduler.answered(1, after: .milliseconds(30), now: at(1))
    // 10 ms × 3 is as long as 30 ms × 1.
    stage.count(1, 0)
    for _ in 0..<20 { #expect(stage.choose() == 0) }
    stage.count(2, 0)
    for _ in 0..<20 { #expect(stage.choose() == 1) }
  }

  @Test func aNewBackendIsAskedOnceUntilItAnswers() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    stage.scheduler.answered(0, after: .milliseconds(50), now: at(1))
    #expect(stage.open() == 1)
    for _ in 0..<10 { #expect(stage.open() == 0) }
    // Its own first answer replaces what was assumed.
    stage.scheduler.answered(1, after: .milliseconds(4), now: at(1))
    #expect(milliseconds(stage.scheduler, 1) == 4)
    #expect(stage.open() == 1)
  }

  @Test func aBackendThatNeverAnswersIsAskedAgainInTime() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    stage.scheduler.answered(0, after: .milliseconds(50), now: at(1))
    #expect(stage.choose() == 1)
    #expect(stage.choose() == 0)
    // A second of latency has fallen below 50 ms after five halves.
    stage.scheduler.answered(0, after: .milliseconds(50), now: at(52))
    #expect(stage.choose() == 1)
  }

  @Test func belowTheFloorAllAreAlike() {
    var stage = Stage(PeakEWMA(), weights: [1, 3, 1])
    for (slot, latency) in [10, 100, 900].enumerated() {
      stage.scheduler.answered(slot, after: .microseconds(latency), now: at(1))
    }
    var counts = [0, 0, 0]
    for _ in 0..<50_000 { counts[stage.choose()!] += 1 }
    for (count, expected) in zip(counts, [10_000, 30_000, 10_000]) { #expect(abs(count - expected) < 700) }
  }

  @Test func whatIsKnownOfABackendOutlivesAReload() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    stage.scheduler.answered(1, after: .milliseconds(70), now: at(1))
    stage.scheduler.reset(members: [
      ScheduledMember(name: 1, weight: 2, sessions: 0, former: 1), ScheduledMember(name: 0, weight: 1, sessions: 0),
    ])
    #expect(milliseconds(stage.scheduler, 0) == 70)
    #expect(milliseconds(stage.scheduler, 1) == 1)
  }

  @Test func oddTimesTrapNothing() {
    var stage = Stage(PeakEWMA(), weights: [1, 1])
    for latency in [Duration.zero, .seconds(-5), .seconds(Int64.max), .nanoseconds(1)] {
      for now in [Instant.zero, Instant(nanoseconds: .max), at(5)] {
        stage.scheduler.answered(0, after: latency, now: now)
        #expect(stage.choose() != nil)
      }
    }
  }
}
