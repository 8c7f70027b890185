import Base
import Synchronization
import Testing

@testable import Balancing

/// Sessions that wait for a backend of a pool.
struct PoolQueueTests {
  /// Who was served by which backend, in order.
  private final class Served: Sendable {
    private let list = Mutex<[(session: UInt32, backend: String)]>([])

    func waiter(_ session: UInt32) -> Waiter {
      Waiter(session: Handle(slot: session, generation: 1)) { _, backend, session in
        self.list.withLock { $0.append((session.slot, backend.name)) }
      }
    }

    func take() -> [String] {
      list.withLock { list in
        defer { list = [] }
        return list.map { "\($0.session) \($0.backend)" }
      }
    }
  }

  private func backend(_ name: String) -> Backend {
    Backend(pool: "web", name: name, address: .ip(.loopbackIPv4, port: 1))
  }

  private func pool(_ members: [Member], queue: Int, health: BackendHealth = .up) -> Pool {
    Pool(name: "web", scheduler: .roundRobin, members: members, queue: queue, initialHealth: { _ in health })
  }

  private func isQueued(_ pick: Pick) -> Handle? { if case .queued(let place) = pick { place } else { nil } }

  @Test
  func whoWaitsLongestIsServedFirst() throws {
    let a = backend("a")
    let pool = pool([Member(backend: a, connections: 1)], queue: 10)
    let served = Served()
    guard case .backend = pool.pick() else {
      Issue.record("the first session gets the backend")
      return
    }
    for session: UInt32 in [1, 2, 3] { #expect(isQueued(pool.pick(orWait: served.waiter(session))) != nil) }
    #expect(pool.waiting == 3)
    #expect(served.take().isEmpty)
    pool.release(a)
    #expect(served.take() == ["1 a"])
    pool.release(a)
    pool.release(a)
    #expect(served.take() == ["2 a", "3 a"])
    #expect(a.sessions.load(ordering: .relaxed) == 1)
    pool.release(a)
    #expect(a.sessions.load(ordering: .relaxed) == 0)
  }

  @Test
  func whoLeavesIsNotServed() throws {
    let a = backend("a")
    let pool = pool([Member(backend: a, connections: 1)], queue: 10)
    let served = Served()
    _ = pool.pick()
    let first = try #require(isQueued(pool.pick(orWait: served.waiter(1))))
    _ = pool.pick(orWait: served.waiter(2))
    pool.leave(first)
    pool.release(a)
    #expect(served.take() == ["2 a"])
    // Too late: the place is gone, and whoever had it has to release the backend.
    pool.leave(first)
    #expect(pool.waiting == 0)
  }

  @Test
  func theQueueIsBoundedAndMayBeOff() {
    let a = backend("a")
    let served = Served()
    let bounded = pool([Member(backend: a, connections: 1)], queue: 1)
    _ = bounded.pick()
    #expect(isQueued(bounded.pick(orWait: served.waiter(1))) != nil)
    guard case .none(.queueFull(1)) = bounded.pick(orWait: served.waiter(2)) else {
      Issue.record("a full queue takes nobody")
      return
    }
    let b = backend("b")
    let off = pool([Member(backend: b, connections: 1)], queue: 0)
    _ = off.pick()
    guard case .none(.allFull(1)) = off.pick(orWait: served.waiter(3)) else {
      Issue.record("without a queue nobody waits")
      return
    }
  }

  @Test
  func nobodyWaitsForBackendsThatAreDown() {
    let pool = pool([Member(backend: backend("a"), connections: 1)], queue: 10, health: .down)
    guard case .none(.allDown(1)) = pool.pick(orWait: Served().waiter(1)) else {
      Issue.record("a queue is for full backends")
      return
    }
  }

  @Test
  func aBackendThatComesUpAndAHigherLimitServeTheQueue() {
    let a = backend("a")
    let b = backend("b")
    let pool = pool([Member(backend: a, connections: 1), Member(backend: b, connections: 1)], queue: 10)
    pool.setHealth(.down, of: b)
    let served = Served()
    _ = pool.pick()
    for session: UInt32 in [1, 2, 3, 4] { _ = pool.pick(orWait: served.waiter(session)) }
    pool.setHealth(.up, of: b)
    #expect(served.take() == ["1 b"])
    pool.apply(
      scheduler: .roundRobin, members: [Member(backend: a, connections: 3), Member(backend: b, connections: 1)],
      queue: 10, initialHealth: { _ in .up })
    #expect(served.take() == ["2 a", "3 a"])
    #expect(pool.waiting == 1)
  }
}
