import Base
import Testing

@testable import Balancing

private let passed = ProbeResult.passed(took: .microseconds(300))
private let failed = ProbeResult.failed(.system("ECONNREFUSED", took: .microseconds(400)))

private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

@Suite struct HealthTrackerTests {
  let settings = HealthSettings(
    interval: .seconds(2), timeout: .seconds(1), fastInterval: .milliseconds(500), downInterval: .seconds(5))

  /// Each mark is a result (P or F) and, behind it, the health it leads to where that changes (U or D).
  @Test(
    arguments: [
      (.checking, "PU P F P F F P FFFD F F P F PPU"),
      (.checking, "FD F P PU F FFD"),
      (.up, "P FFFD PPU"),
      (.up, "FFPFFPFFFD"),
      (.down, "F PPU FFFD"),
      (.down, "PFPFPPU"),
    ] as [(HealthSettings.Initial, String)])
  func followsTheTable(initial: HealthSettings.Initial, script: String) {
    var tracker = HealthTracker(initial: initial, now: .zero)
    let marks = script.filter { $0 != " " }
    for (index, mark) in marks.enumerated() where mark == "P" || mark == "F" {
      let transition = tracker.handle(mark == "P" ? passed : failed, settings: settings, now: .zero)
      let next = marks.dropFirst(index + 1).first
      let expected: BackendHealth? = next == "U" ? .up : next == "D" ? .down : nil
      #expect(transition?.to == expected, "\(script) at \(index)")
    }
  }

  @Test func aTransitionSaysWhatLedToIt() {
    var tracker = HealthTracker(initial: .checking, now: at(10))
    #expect(
      tracker.handle(passed, settings: settings, now: at(11))
        == HealthTransition(
          from: .checking, to: .up, result: passed, streak: 1, needed: 1, formerDuration: .seconds(1)))
    for second: Int64 in [20, 30] { #expect(tracker.handle(failed, settings: settings, now: at(second)) == nil) }
    #expect(
      tracker.handle(failed, settings: settings, now: at(40))
        == HealthTransition(
          from: .up, to: .down, result: failed, streak: 3, needed: 3, formerDuration: .seconds(29)))
    #expect(tracker.since == at(40))
  }

  @Test func theIntervalFollowsTheState() {
    var tracker = HealthTracker(initial: .checking, now: .zero)
    func step(_ result: ProbeResult) -> Duration {
      _ = tracker.handle(result, settings: settings, now: .zero)
      return tracker.nextInterval(settings)
    }
    #expect(tracker.nextInterval(settings) == .zero)
    #expect(step(passed) == .seconds(2))
    #expect(step(failed) == .milliseconds(500))
    #expect(step(passed) == .seconds(2))
    #expect([step(failed), step(failed), step(failed)] == [.milliseconds(500), .milliseconds(500), .seconds(5)])
    #expect(step(failed) == .seconds(5))
    #expect(step(passed) == .milliseconds(500))
    #expect(step(passed) == .seconds(2))
    #expect(HealthTracker(initial: .up, now: .zero).nextInterval(settings) == .seconds(2))
    #expect(HealthTracker(initial: .down, now: .zero).nextInterval(settings) == .seconds(5))
  }

  @Test func theStreakLivesOnWhenTheSettingsChange() {
    var tracker = HealthTracker(initial: .up, now: .zero)
    let patient = HealthSettings(fall: 10)
    for _ in 0..<4 { #expect(tracker.handle(failed, settings: patient, now: .zero) == nil) }
    let transition = tracker.handle(failed, settings: HealthSettings(fall: 2), now: .zero)
    #expect(transition?.streak == 5)
    #expect(transition?.needed == 2)
  }

  @Test func riseAndFallOfNothingCountAsOne() {
    var tracker = HealthTracker(initial: .up, now: .zero)
    let settings = HealthSettings(fall: 0, rise: -1)
    #expect(tracker.handle(failed, settings: settings, now: .zero)?.needed == 1)
    #expect(tracker.handle(passed, settings: settings, now: .zero)?.needed == 1)
  }

  /// A model that keeps every result and looks back over them.
  @Test(arguments: 0..<50 as Range<UInt64>)
  func agreesWithAModelThatRemembersEverything(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let initial: HealthSettings.Initial = [.up, .down, .checking][random.below(3)]
    var tracker = HealthTracker(initial: initial, now: .zero)
    var health: BackendHealth = initial == .up ? .up : initial == .down ? .down : .checking
    var since = Instant.zero
    var now = Instant.zero
    var history: [Bool] = []
    var settings = HealthSettings(fall: 1 + random.below(4), rise: 1 + random.below(4))
    var reliability = 50

    for step in 0..<500 {
      if random.below(40) == 0 { settings = HealthSettings(fall: 1 + random.below(4), rise: 1 + random.below(4)) }
      if random.below(20) == 0 { reliability = [10, 50, 90][random.below(3)] }
      now = now + .milliseconds(random.below(5000))
      let isPassed = random.below(100) < reliability
      history.append(isPassed)
      let run = history.reversed().prefix { $0 == isPassed }.count
      let needed = isPassed ? settings.rise : settings.fall
      let verdict: BackendHealth = isPassed ? .up : .down
      let changes = health == .checking || (health != verdict && run >= needed)

      let transition = tracker.handle(isPassed ? passed : failed, settings: settings, now: now)
      #expect((transition != nil) == changes, "seed \(seed) step \(step)")
      if changes {
        #expect(transition?.from == health, "seed \(seed) step \(step)")
        #expect(transition?.to == verdict, "seed \(seed) step \(step)")
        #expect(transition?.streak == run, "seed \(seed) step \(step)")
        #expect(transition?.needed == (health == .checking ? 1 : needed), "seed \(seed) step \(step)")
        #expect(transition?.formerDuration == now - since, "seed \(seed) step \(step)")
        health = verdict
        since = now
      }
      #expect(tracker.health == health && tracker.since == since, "seed \(seed) step \(step)")
      let interval =
        health != verdict ? settings.fastInterval : health == .up ? settings.interval : settings.downInterval
      #expect(tracker.nextInterval(settings) == interval, "seed \(seed) step \(step)")
    }
  }

  @Test(
    arguments: [
      (ProbeFailure.system("ECONNREFUSED", took: .zero), "connection refused (ECONNREFUSED)", "ECONNREFUSED"),
      (.system("EWHATEVER", took: .zero), "EWHATEVER", "EWHATEVER"),
      (.noAnswer(within: .milliseconds(1500), took: .zero), "no answer within 1.5s", nil),
    ] as [(ProbeFailure, String, String?)])
  func failuresInWords(failure: ProbeFailure, cause: String, errno: String?) {
    #expect(failure.cause == cause)
    #expect(failure.errno == errno)
    #expect(failure.layer == "L4")
  }
}
