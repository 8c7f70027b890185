import Base
import Testing

@testable import Balancing

@Suite struct PoolTests {
  @Test func aPickCountsASessionUntilItsRelease() {
    let backend = makeBackends(1)[0]
    let pool = makePool(.roundRobin, [Member(backend: backend)])
    #expect(pool.pickBackend() === backend)
    #expect(pool.pickBackend() === backend)
    #expect(backend.sessions.load(ordering: .relaxed) == 2)
    pool.release(backend)
    #expect(backend.sessions.load(ordering: .relaxed) == 1)
  }

  @Test(arguments: SchedulerKind.allCases)
  func neverAboveTheLimit(scheduler: SchedulerKind) {
    let backends = makeBackends(2)
    let pool = makePool(
      scheduler, [Member(backend: backends[0], connections: 1), Member(backend: backends[1], connections: 2)])
    #expect(pool.openSequence(4).split(separator: " ").sorted() == ["-", "0", "1", "1"])
    #expect(pool.pick().unavailability == .allFull(2))
    pool.release(backends[1])
    #expect(pool.openSequence(2) == "1 -")
  }

  @Test(arguments: [SchedulerKind.roundRobin, .leastConnections])
  func backupsOnlyWhenNobodyElseCan(scheduler: SchedulerKind) {
    let backends = makeBackends(3)
    let pool = makePool(
      scheduler,
      [
        Member(backend: backends[0], backup: true), Member(backend: backends[1], connections: 1),
        Member(backend: backends[2], backup: true),
      ])
    #expect(pool.pick().reason == PickReason(scheduler: scheduler, isBackup: false, isTriedAgain: false))
    // 1 is full now; both backups take their turn.
    #expect(pool.pick().reason == PickReason(scheduler: scheduler, isBackup: true, isTriedAgain: false))
    #expect(pool.openSequence(2) == "2 0")
    pool.release(backends[1])
    #expect(pool.openSequence(2) == "1 2")
    pool.setHealth(.down, of: backends[1])
    #expect(pool.openSequence(2) == "0 2")
  }

  @Test(arguments: [SchedulerKind.roundRobin, .leastConnections])
  func triedBackendsAreAvoidedWhileAnotherIsEligible(scheduler: SchedulerKind) {
    let backends = makeBackends(4)
    let pool = makePool(
      scheduler, backends[0..<3].map { Member(backend: $0) } + [Member(backend: backends[3], backup: true)])
    var tried: [Backend] = []
    for _ in 0..<4 {
      let backend = pool.pickBackend(avoiding: tried)!
      #expect(!tried.contains { $0 === backend })
      pool.release(backend)
      tried.append(backend)
    }
    // The backup came last of all.
    #expect(tried.last === backends[3])
    let again = pool.pick(avoiding: tried + tried)
    #expect(again.reason == PickReason(scheduler: scheduler, isBackup: false, isTriedAgain: true))
    if case .backend(let backend, _) = again { pool.release(backend) }
    // Having been avoided leaves no trace.
    #expect(Set(pool.sequence(3).split(separator: " ")) == ["0", "1", "2"])
  }

  @Test func strangersAmongTheTriedChangeNothing() {
    let backends = makeBackends(2)
    let pool = makePool(.roundRobin, backends.map { Member(backend: $0) })
    let strangers = makeBackends(2, pool: "other")
    _ = makePool(.roundRobin, strangers.map { Member(backend: $0) })
    #expect(pool.pickBackend(avoiding: strangers) === backends[0])
    #expect(pool.setHealth(.down, of: strangers[0]).eligible == 2)
    #expect(pool.health(of: strangers[0]) == nil)
  }

  @Test func aSessionWaitsOnlyForFirstResults() {
    let backends = makeBackends(3)
    let pool = makePool(.roundRobin, backends.map { Member(backend: $0) }, health: .checking)
    #expect(pool.pick().isWait)
    pool.setHealth(.down, of: backends[0])
    #expect(pool.pick().isWait)
    #expect(pool.standing == PoolStanding(eligible: 0, up: 0, checking: 2, total: 3, weightShare: 0))
    #expect(!pool.standing.isLost)
    pool.setHealth(.up, of: backends[1])
    #expect(pool.pickBackend() === backends[1])
    pool.setHealth(.down, of: backends[1])
    pool.setHealth(.down, of: backends[2])
    #expect(pool.pick().unavailability == .allDown(3))
    #expect(pool.standing.isLost)
  }

  @Test func aDrainedBackendIsNotWaitedFor() {
    let backends = makeBackends(2)
    let pool = makePool(
      .roundRobin, [Member(backend: backends[0], weight: 0), Member(backend: backends[1])], health: .checking)
    #expect(pool.pick().isWait)
    pool.setHealth(.down, of: backends[1])
    #expect(pool.pick().unavailability == .mixed(total: 2, down: 1, full: 0, drained: 1, checking: 0))
  }

  @Test func whereAllOthersAreFullTheOneThatIsBeingCheckedIsWaitedFor() {
    let backends = makeBackends(2)
    let pool = makePool(
      .roundRobin, [Member(backend: backends[0], connections: 1), Member(backend: backends[1])], health: .checking)
    pool.setHealth(.up, of: backends[0])
    #expect(pool.pickBackend() === backends[0])
    #expect(pool.pick().isWait)
    pool.setHealth(.down, of: backends[1])
    #expect(pool.pick().unavailability == .mixed(total: 2, down: 1, full: 1, drained: 0, checking: 0))
  }

  @Test(arguments: [
    (Unavailability.noBackends, "there are no backends"),
    (.allDown(3), "all 3 backends are down"),
    (.allDown(1), "the only backend is down"),
    (.allFull(2), "all 2 backends are full"),
    (.allDrained(2), "all 2 backends are drained (weight 0)"),
    (
      .mixed(total: 6, down: 2, full: 1, drained: 3, checking: 0),
      "of 6 backends 2 are down, 1 is full, 3 are drained (weight 0)"
    ),
  ])
  func unavailabilityInWords(reason: Unavailability, words: String) {
    #expect(reason.description == words)
  }

  @Test func emptyAndDrainedPools() {
    #expect(makePool(.leastConnections, []).pick().unavailability == .noBackends)
    let drained = makePool(.roundRobin, makeBackends(2).map { Member(backend: $0, weight: 0) })
    #expect(drained.pick().unavailability == .allDrained(2))
    #expect(drained.standing == PoolStanding(eligible: 0, up: 0, checking: 0, total: 2, weightShare: 0))
  }

  @Test func theStandingFollowsHealthAndLoad() {
    let backends = makeBackends(3)
    let pool = makePool(
      .roundRobin,
      [
        Member(backend: backends[0], weight: 2), Member(backend: backends[1], connections: 1),
        Member(backend: backends[2], backup: true),
      ])
    #expect(pool.standing == PoolStanding(eligible: 3, up: 3, checking: 0, total: 3, weightShare: 1))
    #expect(
      pool.setHealth(.down, of: backends[0])
        == PoolStanding(eligible: 2, up: 2, checking: 0, total: 3, weightShare: 0.5))
    _ = pool.pick()
    #expect(pool.standing == PoolStanding(eligible: 1, up: 2, checking: 0, total: 3, weightShare: 0.25))
  }

  @Test func aReloadKeepsHealthAndSessionsOfThoseThatStay() {
    let backends = makeBackends(4)
    let pool = makePool(.leastConnections, backends[0..<3].map { Member(backend: $0) })
    pool.setHealth(.down, of: backends[1])
    _ = pool.openSequence(4)
    var asked: [String] = []
    pool.apply(
      scheduler: .leastConnections,
      members: [backends[3], backends[1], backends[0], backends[0]].map { Member(backend: $0, weight: 3) },
      initialHealth: { backend in
        asked.append(backend.name)
        return .checking
      })
    #expect(asked == ["b3"])
    #expect(pool.standing.total == 3)
    #expect(pool.health(of: backends[1]) == .down)
    #expect(pool.health(of: backends[0]) == .up)
    #expect(pool.health(of: backends[2]) == nil)
    #expect(pool.openSequence(1) == "0")
    // The one that was removed keeps its sessions and gets nothing new.
    #expect(backends[2].sessions.load(ordering: .relaxed) == 2)
    pool.release(backends[2])
    #expect(backends[2].sessions.load(ordering: .relaxed) == 1)
    #expect(pool.setHealth(.up, of: backends[2]).eligible == 1)
  }

  @Test func weightsAndLimitsOutOfRangeAreHeldAtItsEnds() {
    let backends = makeBackends(2)
    let pool = makePool(
      .roundRobin, [Member(backend: backends[0], weight: .max), Member(backend: backends[1], weight: -3)])
    #expect(pool.sequence(3) == "0 0 0")
    #expect(pool.standing.weightShare == 1)
  }

  /// Workers on several threads: turns are exact over all of them and no limit is ever exceeded.
  @Test(arguments: SchedulerKind.allCases)
  func isExactOverManyThreads(scheduler: SchedulerKind) async {
    let backends = makeBackends(4)
    let pool = makePool(scheduler, backends.map { Member(backend: $0, connections: 5) })
    let rounds = 5000
    let exceeded = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          var exceeded = 0
          var open: [Backend] = []
          for round in 0..<rounds {
            if let backend = pool.pickBackend() {
              if backend.sessions.load(ordering: .relaxed) > 5 { exceeded += 1 }
              open.append(backend)
            }
            if open.count > round % 7 { pool.release(open.removeFirst()) }
          }
          for backend in open { pool.release(backend) }
          return exceeded
        }
      }
      return await group.reduce(0, +)
    }
    #expect(exceeded == 0)
    #expect(backends.allSatisfy { $0.sessions.load(ordering: .relaxed) == 0 })
    #expect(pool.standing.eligible == 4)
  }

  @Test func roundRobinIsExactOverManyThreads() async {
    let backends = makeBackends(3)
    let pool = makePool(.roundRobin, zip(backends, [1, 2, 3]).map { Member(backend: $0, weight: $1) })
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<3000 { _ = pool.pick() } }
      }
    }
    #expect(backends.map { $0.sessions.load(ordering: .relaxed) } == [2000, 4000, 6000])
  }
}
