import Base
import Testing

@testable import Balancing

@Suite struct LeastConnectionsTests {
  @Test(arguments: [
    ([1, 1, 1], "0 1 2 0 1 2 0"),
    // (sessions + 1) / weight: a takes 1/3, 2/3; then 3/3 draws with b, which was never picked.
    ([3, 1], "0 0 1 0 0 0 1 0"),
    ([1, 2], "1 0 1 1 0 1"),
    ([1, 0, 1], "0 2 0 2"),
    ([1], "0 0 0"),
  ])
  func followsTheExactSequenceOfOpenSessions(weights: [Int], sequence: String) {
    let members = zip(makeBackends(weights.count), weights).map { Member(backend: $0, weight: $1) }
    #expect(makePool(.leastConnections, members).openSequence((sequence.count + 1) / 2) == sequence)
  }

  @Test func drawsAreBrokenInTurn() {
    let pool = makePool(.leastConnections, makeBackends(3).map { Member(backend: $0) })
    // Each session ends at once: all are always equal.
    #expect(pool.sequence(7) == "0 1 2 0 1 2 0")
  }

  @Test func theIdlestTakesTheNext() {
    let backends = makeBackends(3)
    let pool = makePool(.leastConnections, backends.map { Member(backend: $0) })
    _ = pool.openSequence(9)
    pool.release(backends[1])
    pool.release(backends[1])
    #expect(pool.openSequence(3) == "1 1 0")
  }

  @Test func sessionsFromBeforeAReloadCount() {
    let backends = makeBackends(3)
    let pool = makePool(.roundRobin, backends[0..<2].map { Member(backend: $0) })
    _ = pool.openSequence(4)
    pool.apply(
      scheduler: .leastConnections, members: backends.map { Member(backend: $0) }, initialHealth: { _ in .up })
    #expect(pool.openSequence(4) == "2 2 0 1")
  }
}
