import Base
import Testing

@testable import Balancing

@Suite struct OverridesTests {
  private let key = Overrides.Key(pool: "web", backend: "a")
  private func at(_ second: Int64) -> WallTime { WallTime(nanosecondsSinceEpoch: second * 1_000_000_000) }

  @Test func aStateIsSetAndTakenBack() throws {
    var overrides = Overrides()
    #expect(overrides["web", "a"] == nil)
    let drained = overrides.set(.drain, of: key, now: at(1))
    #expect(drained)
    #expect(overrides["web", "a"]?.state == .drain && overrides["web", "a"]?.since == at(1))
    // The same once more is no change, and does not move the time.
    let again = overrides.set(.drain, of: key, now: at(2))
    #expect(!again && overrides["web", "a"]?.since == at(1))
    let disabled = overrides.set(.disable, of: key, now: at(3))
    #expect(disabled && overrides["web", "a"]?.isDisabled == true && overrides["web", "a"]?.since == at(3))
    let enabled = overrides.set(nil, of: key, now: at(4))
    #expect(enabled && overrides == Overrides())
    let twice = overrides.set(nil, of: key, now: at(5))
    #expect(!twice)
  }

  @Test func theWeightCountsUnlessTheStateForbids() throws {
    var overrides = Overrides()
    _ = overrides.set(weight: 7, of: key, now: at(1))
    var override = try #require(overrides["web", "a"])
    #expect(override.weight(configured: 2) == 7 && override.effectiveWeight(configured: 2) == 7)
    _ = overrides.set(.drain, of: key, now: at(2))
    override = try #require(overrides["web", "a"])
    #expect(override.weight(configured: 2) == 7 && override.effectiveWeight(configured: 2) == 0)
    _ = overrides.set(weight: nil, of: key, now: at(3))
    override = try #require(overrides["web", "a"])
    #expect(override.weight(configured: 2) == 2 && override.effectiveWeight(configured: 2) == 0)
    _ = overrides.set(nil, of: key, now: at(4))
    #expect(overrides == Overrides())
  }

  @Test func weightsAreHeldWithinTheirRange() {
    var overrides = Overrides()
    _ = overrides.set(weight: 1000, of: key, now: at(1))
    #expect(overrides["web", "a"]?.weight == 256)
    _ = overrides.set(weight: -1, of: key, now: at(2))
    #expect(overrides["web", "a"]?.weight == 0)
  }

  @Test func theyAreListedInOrderAndForgottenWithTheirBackends() {
    var overrides = Overrides()
    for (pool, backend) in [("web", "b"), ("db", "z"), ("web", "a")] {
      _ = overrides.set(.drain, of: .init(pool: pool, backend: backend), now: at(1))
    }
    #expect(overrides.all.map { "\($0.key.pool)/\($0.key.backend)" } == ["db/z", "web/a", "web/b"])
    let gone = overrides.keep { $0.pool == "web" && $0.backend == "a" }
    #expect(gone == [.init(pool: "db", backend: "z"), .init(pool: "web", backend: "b")])
    #expect(overrides.all.count == 1)
    let none = overrides.keep { _ in true }
    #expect(none == [])
  }
}
