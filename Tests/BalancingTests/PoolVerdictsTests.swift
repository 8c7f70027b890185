import Base
import Testing

@testable import Balancing

private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

@Suite struct PoolVerdictsTests {
  private func verdicts(
    _ count: Int = 4, flap: FlapDamper.Settings? = nil, outlier: OutlierDetector.Settings? = nil, panic: Int = 0,
    initial: BackendHealth? = .up
  ) -> PoolVerdicts {
    PoolVerdicts(.init(initial: initial, flap: flap, outlier: outlier, panic: panic), count: count)
  }

  private func healths(_ verdicts: PoolVerdicts) -> [BackendHealth] {
    (0..<verdicts.count).map { verdicts.health(of: $0) }
  }

  @Test func withoutFurtherAdoChecksDecide() {
    var verdicts = verdicts(3, initial: .checking)
    #expect(healths(verdicts) == [.checking, .checking, .checking])
    #expect(verdicts.checked(0, .up, now: at(1)) == false)
    #expect(verdicts.checked(1, .down, now: at(1)) == false)
    #expect(healths(verdicts) == [.up, .down, .checking])
    #expect(verdicts.unhealthy == 1)
    #expect(verdicts.nextRelease == nil)
  }

  @Test func withoutChecksAllAreUp() { #expect(healths(verdicts(2, initial: nil)) == [.up, .up]) }

  @Test func whoIsAbsentIsDownInAPanicToo() {
    var verdicts = PoolVerdicts(.init(initial: nil, panic: 60), count: 3, absent: [1])
    #expect(healths(verdicts) == [.up, .down, .up])
    #expect(verdicts.unhealthy == 1 && verdicts.isDown(1))
    verdicts.reset(.init(initial: nil, panic: 80), former: [0, 1, 2], absent: [1, 2])
    let panics = verdicts.reviewPanic()
    #expect(panics && verdicts.isPanicking)
    #expect(healths(verdicts) == [.up, .down, .down])
    verdicts.reset(.init(initial: nil, panic: 80), former: [0, nil, nil])
    #expect(healths(verdicts) == [.up, .up, .up])
  }

  @Test func aHeldBackendIsDownWhateverItsChecksSay() throws {
    var verdicts = verdicts(flap: .init(hold: 2, release: 1, halfLife: .seconds(10)))
    #expect(verdicts.checked(1, .down, now: at(1)) == false)
    #expect(verdicts.checked(1, .up, now: at(1)) == false)
    #expect(verdicts.checked(1, .down, now: at(1)) == true)
    #expect(verdicts.checked(1, .up, now: at(2)) == false)
    #expect(verdicts.isHeld(1) && verdicts.isDown(1))
    #expect(healths(verdicts) == [.up, .down, .up, .up])
    let release = try #require(verdicts.nextRelease)
    let early = verdicts.release(now: release + .milliseconds(-1))
    #expect(early.isEmpty)
    let released = verdicts.release(now: release)
    #expect(released.map(\.member) == [1])
    #expect(released.first?.hold.changes == 1)
    #expect(healths(verdicts) == [.up, .up, .up, .up])
  }

  @Test func theFirstResultIsNoFlip() {
    var verdicts = verdicts(flap: .init(hold: 1, release: 1), initial: .checking)
    #expect(verdicts.checked(0, .down, now: at(1)) == false)
    #expect(verdicts.checked(0, .up, now: at(1)) == false)
    #expect(verdicts.checked(0, .down, now: at(1)) == true)
  }

  @Test func anEjectedBackendComesBackByChecksAlone() {
    var verdicts = verdicts(outlier: .init(failures: 3, eject: .seconds(30), passes: 2))
    #expect(verdicts.traffic(2, succeeded: false, failures: 2, now: at(1)) == .none)
    // A success begins the row anew.
    #expect(verdicts.traffic(2, succeeded: true, failures: 2, now: at(2)) == .none)
    let verdict = verdicts.traffic(2, succeeded: false, failures: 9, now: at(3))
    #expect(verdict == .ejected(.init(failures: 3, span: .seconds(1), duration: .seconds(30), inARow: 1)))
    #expect(verdicts.isEjected(2) && !verdicts.isDown(2))
    #expect(verdicts.health(of: 2) == .down)
    #expect(verdicts.probed(2, passed: true, now: at(32)) == nil)
    #expect(verdicts.probed(2, passed: true, now: at(33)) == nil)
    #expect(verdicts.probed(2, passed: true, now: at(34)) == .seconds(31))
    #expect(verdicts.health(of: 2) == .up)
  }

  @Test func whoIsSparedIsToldOnce() {
    var verdicts = verdicts(2, outlier: .init(failures: 1))
    #expect(verdicts.traffic(0, succeeded: false, failures: 1, now: at(1)) != .none)
    #expect(verdicts.traffic(1, succeeded: false, failures: 1, now: at(1)) == .spared(out: 1, total: 2))
    #expect(verdicts.traffic(1, succeeded: false, failures: 5, now: at(1)) == .none)
    #expect(verdicts.health(of: 1) == .up)
    #expect(verdicts.traffic(1, succeeded: true, failures: 1, now: at(1)) == .spared(out: 1, total: 2))
  }

  @Test func withoutOutlierNobodyIsEjected() {
    var verdicts = verdicts()
    #expect(verdicts.traffic(0, succeeded: false, failures: 1000, now: at(1)) == .none)
  }

  @Test func trustBeforeAFailureForgivesNothing() {
    var verdicts = verdicts(flap: .init(hold: 5, release: 1))
    for health in [BackendHealth.down, .up] { _ = verdicts.checked(0, health, now: at(1)) }
    verdicts.trust(0, true, now: at(1))
    #expect(verdicts.penalty(of: 0, now: at(1)) == 2)
  }

  @Test func aTrustedBackendIsUsedAndItsChangesDoNotCount() {
    var verdicts = verdicts(flap: .init(hold: 1, release: 1))
    #expect(verdicts.checked(0, .down, now: at(1)) == false)
    verdicts.trust(0, true, now: at(1))
    #expect(verdicts.health(of: 0) == .up && !verdicts.isDown(0))
    for _ in 0..<5 {
      #expect(verdicts.checked(0, .up, now: at(1)) == false)
      #expect(verdicts.checked(0, .down, now: at(1)) == false)
    }
    verdicts.trust(0, false, now: at(1))
    #expect(verdicts.health(of: 0) == .down && verdicts.isDown(0))
  }

  @Test func aPoolThatPanicsUsesAll() {
    var verdicts = verdicts(4, panic: 50)
    func fail(_ member: Int) -> Bool {
      _ = verdicts.checked(member, .down, now: at(1))
      return verdicts.reviewPanic()
    }
    #expect(fail(0) == false)
    #expect(fail(1) == false)
    #expect(healths(verdicts) == [.down, .down, .up, .up])
    // 25 % are fewer than 50 %.
    #expect(fail(2) == true)
    #expect(healths(verdicts) == [.up, .up, .up, .up])
    #expect(fail(3) == false)
    #expect(verdicts.unhealthy == 4)
    _ = verdicts.checked(0, .up, now: at(2))
    #expect(verdicts.reviewPanic() == false)
    _ = verdicts.checked(1, .up, now: at(2))
    #expect(verdicts.reviewPanic() == true)
    #expect(healths(verdicts) == [.up, .up, .down, .down])
  }

  @Test func whoIsStillCheckedIsNoReasonToPanic() {
    var verdicts = verdicts(4, panic: 100, initial: .checking)
    #expect(verdicts.reviewPanic() == false)
    #expect(healths(verdicts) == [.checking, .checking, .checking, .checking])
  }

  @Test func aReloadKeepsWhatIsKnown() {
    let flap = FlapDamper.Settings(hold: 1, release: 1)
    let outlier = OutlierDetector.Settings(failures: 1)
    var verdicts = verdicts(4, flap: flap, outlier: outlier)
    for health in [BackendHealth.down, .up] { _ = verdicts.checked(0, health, now: at(1)) }
    _ = verdicts.traffic(1, succeeded: false, failures: 1, now: at(1))
    _ = verdicts.checked(2, .down, now: at(1))
    var settings = verdicts.settings
    settings.initial = .checking
    verdicts.reset(settings, former: [nil, 2, 1, 0])
    #expect(healths(verdicts) == [.checking, .down, .down, .down])
    #expect(verdicts.isEjected(2) && verdicts.isHeld(3))

    // What is switched off no longer holds anybody back.
    settings.flap = nil
    settings.outlier = nil
    verdicts.reset(settings, former: [0, 1, 2, 3])
    let released = verdicts.release(now: at(1))
    #expect(released.map(\.member) == [3])
    #expect(healths(verdicts) == [.checking, .down, .up, .up])
    settings.initial = nil
    verdicts.reset(settings, former: [0, 1, 2, 3])
    #expect(healths(verdicts) == [.up, .up, .up, .up])
  }
}
