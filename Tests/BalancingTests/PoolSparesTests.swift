import Base
import Testing

@testable import Balancing

/// How many spare connections a backend may have.
@Suite struct PoolSparesTests {
  @Test func onlyAnEligibleBackendHasSpares() {
    let backends = makeBackends(3)
    let pool = makePool(
      .roundRobin,
      [
        Member(backend: backends[0]), Member(backend: backends[1], weight: 0),
        Member(backend: backends[2], backup: true),
      ])
    #expect(pool.addSpare(backends[0]))
    #expect(!pool.addSpare(backends[1]), "drained")
    #expect(pool.addSpare(backends[2]), "a backup has to be quick when it is needed")
    #expect(!pool.addSpare(makeBackends(1)[0]), "no member")
    pool.setHealth(.down, of: backends[0])
    #expect(!pool.addSpare(backends[0]))
    #expect(pool.sparesAllowed(of: backends[0]) == 0)
    pool.setHealth(.checking, of: backends[0])
    #expect(!pool.addSpare(backends[0]))
    pool.setHealth(.up, of: backends[0])
    #expect(pool.addSpare(backends[0]))
    #expect(backends[0].spares.load(ordering: .relaxed) == 2)
    backends[0].removeSpare()
    #expect(backends[0].spares.load(ordering: .relaxed) == 1)
  }

  @Test func sessionsAndSparesStayWithinConnections() {
    let backend = makeBackends(1)[0]
    let pool = makePool(.roundRobin, [Member(backend: backend, connections: 3)])
    #expect(pool.addSpare(backend) && pool.addSpare(backend) && pool.addSpare(backend))
    #expect(!pool.addSpare(backend))
    // A spare is no session: it keeps nobody out.
    #expect(pool.pickBackend() === backend)
    #expect(pool.sparesAllowed(of: backend) == 2)
    #expect(pool.pickBackend() === backend && pool.pickBackend() === backend)
    #expect(pool.pickBackend() == nil)
    #expect(pool.sparesAllowed(of: backend) == 0)
    for _ in 0..<3 { backend.removeSpare() }
    pool.release(backend)
    #expect(pool.addSpare(backend))
    #expect(!pool.addSpare(backend))
  }
}
