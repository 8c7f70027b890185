import Base
import Testing

@testable import Balancing

@Suite struct RoundRobinTests {
  @Test(arguments: [
    // nginx, commit 52327e0627f4: the example its algorithm was introduced with.
    ([5, 1, 1], "0 0 1 0 2 0 0 0 0 1 0 2 0 0"),
    ([1, 1, 1], "0 1 2 0 1 2 0"),
    ([7, 7], "0 1 0 1 0"),
    ([3, 1], "0 0 1 0 0 0 1 0"),
    ([1, 2, 3], "2 1 0 2 1 2 2 1 0 2 1 2"),
    ([1, 0, 1], "0 2 0 2"),
    ([2, 0, 1], "0 2 0 0 2 0"),
    ([256, 1], "0 0 0 0 0 0"),
  ])
  func followsTheExactSequence(weights: [Int], sequence: String) {
    let members = zip(makeBackends(weights.count), weights).map { Member(backend: $0, weight: $1) }
    let pool = makePool(.roundRobin, members)
    #expect(pool.sequence((sequence.count + 1) / 2) == sequence)
  }

  /// Over one cycle of the sum of the weights, each has exactly its weight, wherever the cycle begins.
  @Test(arguments: [[5, 1, 1], [10, 20, 30], [1, 256, 17, 4], Array(1...130)])
  func everyCycleIsExact(weights: [Int]) {
    let backends = makeBackends(weights.count)
    let pool = makePool(.roundRobin, zip(backends, weights).map { Member(backend: $0, weight: $1) })
    let cycle = weights.reduce(0, +)
    for _ in 0..<3 {
      var counts = [String: Int]()
      for _ in 0..<cycle {
        let backend = pool.pickBackend()!
        counts[backend.name, default: 0] += 1
        pool.release(backend)
      }
      #expect(backends.map { counts[$0.name] ?? 0 } == weights)
    }
  }

  @Test func turnsGoOnWhenOneLeavesAndComesBack() {
    let backends = makeBackends(4)
    let pool = makePool(.roundRobin, backends.map { Member(backend: $0) })
    #expect(pool.sequence(2) == "0 1")
    pool.setHealth(.down, of: backends[2])
    #expect(pool.sequence(4) == "3 0 1 3")
    pool.setHealth(.up, of: backends[2])
    #expect(pool.sequence(4) == "0 1 2 3")
  }

  @Test func weightedTurnsGoOnWithoutOneThatLeft() {
    let backends = makeBackends(3)
    let pool = makePool(.roundRobin, zip(backends, [2, 1, 3]).map { Member(backend: $0, weight: $1) })
    pool.setHealth(.down, of: backends[0])
    #expect(pool.sequence(8) == "2 1 2 2 2 1 2 2")
    pool.setHealth(.down, of: backends[2])
    #expect(pool.sequence(3) == "1 1 1")
  }

  @Test func aReloadKeepsTheTurn() {
    let backends = makeBackends(5)
    let pool = makePool(.roundRobin, backends[0..<4].map { Member(backend: $0) })
    #expect(pool.sequence(2) == "0 1")
    // Another order, one gone, one new: 2 was next.
    let members = [backends[3], backends[4], backends[2], backends[0]].map { Member(backend: $0) }
    pool.apply(scheduler: .roundRobin, members: members, initialHealth: { _ in .up })
    #expect(pool.sequence(5) == "2 0 3 4 2")
  }

  @Test func aReloadKeepsTheCredits() {
    let backends = makeBackends(3)
    let members = zip(backends, [5, 1, 1]).map { Member(backend: $0, weight: $1) }
    let pool = makePool(.roundRobin, members)
    #expect(pool.sequence(3) == "0 0 1")
    pool.apply(scheduler: .roundRobin, members: members, initialHealth: { _ in .down })
    #expect(pool.sequence(4) == "0 2 0 0")
  }

  @Test func aReloadThatCutsTheWeightsStarvesNobody() {
    let backends = makeBackends(3)
    let pool = makePool(.roundRobin, zip(backends, [256, 1, 1]).map { Member(backend: $0, weight: $1) })
    _ = pool.sequence(200)
    pool.apply(
      scheduler: .roundRobin, members: [(1, 2), (2, 1)].map { Member(backend: backends[$0], weight: $1) },
      initialHealth: { _ in .up })
    let picks = pool.sequence(12).split(separator: " ")
    #expect((6...10).contains(picks.count { $0 == "1" }))
  }
}
