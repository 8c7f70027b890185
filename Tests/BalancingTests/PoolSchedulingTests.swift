import Base
import Testing

@testable import Balancing

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

extension Pool {
  fileprivate func counts(_ sessions: Int, now: Instant, seed: UInt64 = 1) -> [String: Int] {
    var random = SeededGenerator(seed: seed)
    var counts: [String: Int] = [:]
    var open: [Backend] = []
    for _ in 0..<sessions {
      let request = PickRequest(key: random.next(), random: random.next(), now: now)
      guard case .backend(let backend, _) = pick(for: request) else { continue }
      counts[backend.name, default: 0] += 1
      open.append(backend)
    }
    for backend in open { release(backend) }
    return counts
  }
}

@Suite struct PoolSlowStartTests {
  private static let weighted: [SchedulerKind] = [
    .roundRobin, .leastConnections, .random, .sourceHash, .hash(.serverName, load: 1.25), .peakEWMA,
  ]

  /// A tenth of its weight at first, half of it halfway, all of it in the end.
  @Test(arguments: weighted) func aBackendThatCameUpGetsItsWeightInSteps(scheduler: SchedulerKind) {
    let backends = makeBackends(4)
    let pool = Pool(
      name: "web", scheduler: scheduler, members: backends.map { Member(backend: $0) },
      slowStart: SlowStart(duration: .seconds(30)), initialHealth: { _ in .up })
    func share(_ seconds: Double) -> Double {
      Double(pool.counts(4000, now: at(seconds))["b0"] ?? 0) / 4000
    }
    let full = share(1)
    #expect(abs(full - 0.25) < 0.03)
    pool.setHealth(.down, of: backends[0])
    #expect(share(2) == 0)
    pool.setHealth(.up, of: backends[0])
    let (first, halfway) = (share(100), share(115))
    // A bounded hash fills up to the mean of the weights that count; two choices favour the idler by little.
    #expect(first > 0.005 && first < 0.07, "\(scheduler): \(first)")
    #expect(halfway > 0.10 && halfway < 0.19, "\(scheduler): \(halfway)")
    #expect(abs(share(130) - full) < 0.02)
    #expect(abs(share(500) - full) < 0.02)
  }

  @Test func thoseThatAreThereFromTheStartBeginAlike() {
    let backends = makeBackends(2)
    let pool = Pool(
      name: "web", scheduler: .roundRobin, members: backends.map { Member(backend: $0) },
      slowStart: SlowStart(duration: .seconds(30)), initialHealth: { _ in .checking })
    pool.setHealth(.up, of: backends[0])
    #expect(pool.counts(10, now: at(1)) == ["b0": 10])
    pool.setHealth(.up, of: backends[1])
    #expect(pool.counts(10, now: at(2)) == ["b0": 5, "b1": 5])
  }

  @Test func oneThatAReloadAddsStartsSlowlyAndAReloadDoesNotEndIt() {
    let backends = makeBackends(2)
    let slowStart = SlowStart(duration: .seconds(30))
    let members = backends.map { Member(backend: $0) }
    let pool = Pool(
      name: "web", scheduler: .roundRobin, members: [members[0]], slowStart: slowStart, initialHealth: { _ in .up })
    pool.apply(scheduler: .roundRobin, members: members, slowStart: slowStart, initialHealth: { _ in .up })
    #expect(pool.counts(110, now: at(1)) == ["b0": 100, "b1": 10])
    pool.apply(scheduler: .roundRobin, members: members, slowStart: slowStart, initialHealth: { _ in .up })
    let halfway = pool.counts(150, now: at(16))
    #expect(halfway == ["b0": 100, "b1": 50])
    // Switched off, it is over at once.
    pool.apply(scheduler: .roundRobin, members: members, initialHealth: { _ in .up })
    #expect(pool.counts(100, now: at(17)) == ["b0": 50, "b1": 50])
  }

  @Test func oneThatFallsAgainBeginsAnew() {
    let backends = makeBackends(2)
    let pool = Pool(
      name: "web", scheduler: .roundRobin, members: backends.map { Member(backend: $0) },
      slowStart: SlowStart(duration: .seconds(30)), initialHealth: { _ in .up })
    for start in [100.0, 200] {
      pool.setHealth(.down, of: backends[0])
      pool.setHealth(.up, of: backends[0])
      #expect(pool.counts(110, now: at(start))["b0"] == 10)
      #expect(pool.counts(150, now: at(start + 15))["b0"] == 50)
    }
  }
}

@Suite struct PoolStickyTests {
  private func request(_ backend: Backend) -> PickRequest { PickRequest(preferred: backend.nameHash) }

  @Test func theBackendOfASessionIsTakenIfItMayBe() {
    let backends = makeBackends(3)
    let pool = makePool(.roundRobin, backends.map { Member(backend: $0, connections: 2) })
    for _ in 0..<2 {
      let pick = pool.pick(for: request(backends[2]))
      #expect(pick.reason?.isSticky == true)
      #expect(pick.reason?.description == "sticky")
    }
    // It is full now.
    #expect(pool.pick(for: request(backends[2])).reason?.isSticky == false)
    pool.release(backends[2])
    #expect(pool.pick(avoiding: [backends[2]], for: request(backends[2])).reason?.isSticky == false)
    pool.setHealth(.down, of: backends[2])
    #expect(pool.pick(for: request(backends[2])).reason?.isSticky == false)
    pool.setHealth(.up, of: backends[2])
    #expect(pool.pick(for: request(backends[2])).reason?.isSticky == true)
    #expect(pool.pick(for: PickRequest(preferred: 42)).reason?.isSticky == false)
  }

  @Test func aBackupIsLeftWhenOthersAreBack() {
    let backends = makeBackends(2)
    let pool = makePool(.roundRobin, [Member(backend: backends[0]), Member(backend: backends[1], backup: true)])
    #expect(pool.pick(for: request(backends[1])).reason?.isBackup == false)
    pool.setHealth(.down, of: backends[0])
    #expect(
      pool.pick(for: request(backends[1])).reason
        == PickReason(
          scheduler: .roundRobin, isBackup: true, isTriedAgain: false, isSticky: true))
  }
}

@Suite struct PoolRetryTests {
  @Test func theBudgetFollowsTheOpenSessions() {
    let backends = makeBackends(2)
    let pool = makePool(.roundRobin, backends.map { Member(backend: $0) })
    for _ in 0..<50 { _ = pool.pick() }
    #expect((0..<20).count { _ in pool.beginRetry(percent: 10) } == 5)
    for _ in 0..<5 { pool.endRetry() }
    // Sessions of a backend that has left count on until they end.
    pool.apply(scheduler: .roundRobin, members: [Member(backend: backends[0])], initialHealth: { _ in .up })
    #expect((0..<20).count { _ in pool.beginRetry(percent: 10) } == 5)
    for _ in 0..<5 { pool.endRetry() }
    for _ in 0..<25 { for backend in backends { pool.release(backend) } }
    #expect((0..<20).count { _ in pool.beginRetry(percent: 100) } == RetryBudget.minimum)
  }
}

@Suite struct PoolAnswerTests {
  @Test func peakEWMATurnsAwayFromTheSlowAndTheFailing() {
    let backends = makeBackends(3)
    let pool = makePool(.peakEWMA, backends.map { Member(backend: $0) })
    #expect(pool.schedulerNeeds == [.random, .answers])
    pool.answered(backends[0], after: .milliseconds(5), now: at(1))
    pool.answered(backends[1], after: .milliseconds(200), now: at(1))
    // It refuses at once: that is no speed.
    pool.answered(backends[2], after: .microseconds(50), failed: true, now: at(1))
    var random = SeededGenerator(seed: 7)
    var counts = [0, 0, 0]
    for _ in 0..<300 {
      guard case .backend(let backend, _) = pool.pick(for: PickRequest(random: random.next(), now: at(1))) else {
        return
      }
      counts[backends.firstIndex { $0 === backend }!] += 1
      pool.release(backend)
    }
    #expect(counts[0] > 180 && counts[1] > 60 && counts[2] == 0, "\(counts)")
    // In time the others are tried again: nobody starves.
    var later = 0
    for _ in 0..<300 {
      guard case .backend(let backend, _) = pool.pick(for: PickRequest(random: random.next(), now: at(300))) else {
        return
      }
      if backend === backends[2] { later += 1 }
      pool.release(backend)
    }
    #expect(later > 60)
  }
}
