import Base
import Foundation
import Testing

@testable import Balancing

private func at(_ seconds: Double) -> Instant { .zero + .nanoseconds(Int64(seconds * 1e9)) }

@Suite struct FlapDamperTests {
  private let settings = FlapDamper.Settings()

  @Test func theSixthQuickChangeHoldsIt() {
    var damper = FlapDamper()
    for second in 0..<5 { #expect(damper.handleChange(settings, now: at(100 + Double(second))) == false) }
    #expect(damper.hold == nil)
    #expect(damper.releaseTime(settings) == nil)
    #expect(damper.handleChange(settings, now: at(105)) == true)
    #expect(damper.hold == FlapDamper.Hold(since: at(105)))
    // It is announced once.
    #expect(damper.handleChange(settings, now: at(106)) == false)
    #expect(damper.hold?.changes == 1)
  }

  @Test func aBackendThatIsRestartedNowAndThenIsNeverHeld() {
    var damper = FlapDamper()
    for minute in 0..<1000 {
      #expect(damper.handleChange(settings, now: at(Double(minute) * 60)) == false)
      #expect(damper.handleChange(settings, now: at(Double(minute) * 60 + 20)) == false)
    }
  }

  @Test func itIsLetGoBelowTheRelease() throws {
    var damper = FlapDamper()
    let settings = FlapDamper.Settings(hold: 3, release: 1, halfLife: .seconds(10))
    for _ in 0..<4 { _ = damper.handleChange(settings, now: at(50)) }
    // 4 is 1 after two half-lives.
    let release = try #require(damper.releaseTime(settings))
    #expect(abs((release - at(70)).inSeconds) < 1e-6)
    #expect(damper.tick(settings, now: at(69.999)) == nil)
    #expect(damper.tick(settings, now: release) == FlapDamper.Hold(since: at(50)))
    #expect(damper.hold == nil)
    #expect(damper.tick(settings, now: at(1000)) == nil)
  }

  @Test func changesWhileItIsHeldMakeItLonger() throws {
    var damper = FlapDamper()
    for _ in 0..<6 { _ = damper.handleChange(settings, now: at(50)) }
    let before = try #require(damper.releaseTime(settings))
    _ = damper.handleChange(settings, now: at(60))
    #expect(try #require(damper.releaseTime(settings)) > before)
  }

  @Test func thePenaltyHasACeiling() throws {
    var damper = FlapDamper()
    for _ in 0..<100_000 { _ = damper.handleChange(settings, now: at(50)) }
    #expect(damper.penalty(settings, now: at(50)) == 20)
    // 20 is below 2 after less than 3.33 minutes.
    #expect(try #require(damper.releaseTime(settings)) < at(250))
  }

  @Test func switchedOffItHoldsNobody() {
    var damper = FlapDamper()
    for _ in 0..<100 { #expect(damper.handleChange(nil, now: at(50)) == false) }
    for _ in 0..<6 { _ = damper.handleChange(settings, now: at(50)) }
    #expect(damper.tick(nil, now: at(50)) != nil)
  }

  @Test func aForgivenChangeDoesNotCount() {
    var damper = FlapDamper()
    for _ in 0..<20 {
      #expect(damper.handleChange(settings, now: at(50)) == false)
      damper.forgive(settings, now: at(50))
    }
  }

  @Test func powersAndLogarithmsAreRight() {
    for step in 0..<5000 {
      let x = Double(step) / 50
      #expect(abs(FlapDamper.halved(x) / exp2(-x) - 1) < 1e-9, "\(x)")
      let value = 1 + x * x
      #expect(abs(FlapDamper.logarithm(value) - log2(value)) < 1e-9, "\(value)")
    }
    #expect(FlapDamper.halved(-1) == 1)
    #expect(FlapDamper.halved(1e9) == 0)
    #expect(FlapDamper.logarithm(0) == 0)
    #expect(FlapDamper.logarithm(.infinity) == 0)
  }

  /// Beside a model that keeps every change and adds up what is left of it.
  @Test(arguments: 0..<40 as Range<UInt64>) func agreesWithTheModel(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let settings = FlapDamper.Settings(
      hold: Double(3 + random.below(4)), release: Double(1 + random.below(3)), halfLife: .seconds(10 + random.below(90))
    )
    var damper = FlapDamper()
    var changes: [Double] = []
    var isHeld = false
    var now = 1000.0

    func penalty(at time: Double) -> Double {
      changes.reduce(0) { $0 + exp2(-(time - $1) / settings.halfLife.inSeconds) }
    }

    for _ in 0..<2000 {
      now += Double(1 + random.below([2000, 60_000, 400_000][random.below(3)])) / 1000
      if isHeld, penalty(at: now) < settings.release * (1 - 1e-6) {
        #expect(damper.tick(settings, now: at(now)) != nil, "seed \(seed)")
        isHeld = false
      } else if !isHeld || penalty(at: now) > settings.release * (1 + 1e-6) {
        #expect(damper.tick(settings, now: at(now)) == nil, "seed \(seed)")
      }
      // The ceiling is not the model's business.
      guard penalty(at: now) < settings.hold * 3 else { continue }
      let began = damper.handleChange(settings, now: at(now))
      changes.append(now)
      let expected = !isHeld && penalty(at: now) > settings.hold
      // A penalty that is the threshold itself may fall on either side of it.
      if abs(penalty(at: now) - settings.hold) > 1e-6 { #expect(began == expected, "seed \(seed)") }
      isHeld = damper.hold != nil
      #expect(abs(damper.penalty(settings, now: at(now)) - penalty(at: now)) < 1e-6, "seed \(seed)")
    }
  }
}
