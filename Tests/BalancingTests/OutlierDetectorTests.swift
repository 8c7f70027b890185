import Base
import Testing

@testable import Balancing

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

@Suite struct OutlierDetectorTests {
  private func detector(
    failures: Int = 3, count: Int = 4, maxEjected: Int = 50, passes: Int = 2, eject: Duration = .seconds(30)
  ) -> OutlierDetector {
    OutlierDetector(
      OutlierDetector.Settings(
        failures: failures, window: .seconds(10), eject: eject, maxEjected: maxEjected, passes: passes),
      count: count)
  }

  /// Fails until there is a verdict.
  private func fail(
    _ detector: inout OutlierDetector, _ member: Int, at now: Instant
  ) -> OutlierDetector.Verdict {
    for _ in 0..<detector.settings.failures {
      let verdict = detector.failed(member, now: now)
      if verdict != .none { return verdict }
    }
    return .none
  }

  /// Lets a backend that is out come back.
  private func bringBack(_ detector: inout OutlierDetector, _ member: Int, at now: Instant) -> Bool {
    var isBack = false
    for _ in 0..<detector.settings.passes { isBack = detector.probed(member, passed: true, now: now) }
    return isBack
  }

  @Test func failuresInARowWithinTheWindowEject() {
    var detector = detector()
    let verdicts = [1.0, 4, 11].map { detector.failed(1, now: at($0)) }
    #expect(
      verdicts == [
        .none, .none,
        .ejected(OutlierDetector.Ejection(failures: 3, span: .seconds(10), duration: .seconds(30), inARow: 1)),
      ])
    #expect(detector.state(of: 1, now: at(11)) == .ejected(until: at(41)))
    #expect(detector.state(of: 0, now: at(11)) == .member)
    #expect(detector.out == 1)
  }

  @Test func successOrTimeForgives() {
    var detector = detector()
    for second in stride(from: 0.0, to: 100, by: 1) {
      let first = detector.failed(0, now: at(second))
      let second = detector.failed(0, now: at(second))
      #expect(first == .none && second == .none)
      detector.succeeded(0)
    }
    // Never three within ten seconds.
    for second in stride(from: 100.0, to: 300, by: 5.01) {
      let verdict = detector.failed(1, now: at(second))
      #expect(verdict == .none)
    }
    let late = detector.failed(1, now: at(306))
    #expect(late == .none)
    // Another backend's success is nothing to this one.
    _ = detector.failed(2, now: at(400))
    _ = detector.failed(2, now: at(400))
    detector.succeeded(3)
    let verdict = detector.failed(2, now: at(400))
    #expect(verdict != .none)
  }

  @Test func itComesBackOnlyAfterItsTimeAndPassedChecks() {
    var detector = detector()
    _ = fail(&detector, 0, at: at(0))
    var isBack = detector.probed(0, passed: true, now: at(29))
    #expect(!isBack)
    #expect(detector.state(of: 0, now: at(30)) == .onProbation(passes: 0))
    isBack = detector.probed(0, passed: true, now: at(30))
    #expect(!isBack)
    #expect(detector.state(of: 0, now: at(31)) == .onProbation(passes: 1))
    // A failed check begins it anew.
    isBack = detector.probed(0, passed: false, now: at(31))
    isBack = detector.probed(0, passed: true, now: at(32))
    #expect(!isBack)
    #expect(detector.out == 1)
    isBack = detector.probed(0, passed: true, now: at(33))
    #expect(isBack)
    #expect(detector.state(of: 0, now: at(33)) == .member)
    #expect(detector.out == 0)
    isBack = detector.probed(0, passed: true, now: at(34))
    #expect(!isBack)
  }

  @Test func lateFailuresOfABackendThatIsOutDoNotCount() {
    var detector = detector()
    _ = fail(&detector, 0, at: at(0))
    let verdicts = (0..<10).map { _ in detector.failed(0, now: at(1)) }
    #expect(verdicts.allSatisfy { $0 == .none })
    #expect(bringBack(&detector, 0, at: at(30)))
    let first = detector.failed(0, now: at(30))
    #expect(first == .none)
  }

  @Test func ejectionsInARowDouble() {
    var detector = detector()
    var now = 0.0
    var durations: [Int64] = []
    for _ in 0..<6 {
      guard case .ejected(let ejection) = fail(&detector, 0, at: at(now)) else {
        Issue.record("not ejected")
        return
      }
      durations.append(ejection.duration.components.seconds)
      #expect(ejection.inARow == durations.count)
      now += ejection.duration.inSeconds
      #expect(bringBack(&detector, 0, at: at(now)))
      now += 1
    }
    #expect(durations == [30, 60, 120, 240, 300, 300])
    // In for as long as it was out: forgiven.
    guard case .ejected(let ejection) = fail(&detector, 0, at: at(now + 300)) else {
      Issue.record("not ejected")
      return
    }
    #expect(ejection.duration == .seconds(30))
    #expect(ejection.inARow == 1)
  }

  @Test func aLongEjectionOfTheConfigurationIsKept() {
    var detector = detector(eject: .seconds(3600))
    var now = 0.0
    for _ in 0..<3 {
      guard case .ejected(let ejection) = fail(&detector, 0, at: at(now)) else {
        Issue.record("not ejected")
        return
      }
      #expect(ejection.duration == .seconds(3600))
      now += 3600
      #expect(bringBack(&detector, 0, at: at(now)))
    }
  }

  @Test(arguments: [(1, 50, 0), (2, 50, 1), (3, 50, 1), (4, 50, 2), (10, 33, 3), (10, 0, 0), (3, 100, 3), (100, 1, 1)])
  func neverMoreThanItsShareIsOut(count: Int, percent: Int, most: Int) {
    var detector = detector(count: count, maxEjected: percent)
    for member in 0..<count {
      let verdict = fail(&detector, member, at: at(1))
      if member < most {
        #expect(detector.state(of: member, now: at(1)) != .member)
      } else {
        #expect(verdict == .spared(out: most, total: count))
      }
    }
    #expect(detector.out == most)
    guard most > 0, most < count else { return }
    // As soon as one is back, the next that goes on failing goes.
    #expect(bringBack(&detector, 0, at: at(31)))
    let verdict = fail(&detector, count - 1, at: at(31))
    #expect(detector.state(of: count - 1, now: at(31)) == .ejected(until: at(61)), "\(verdict)")
  }

  @Test func aReloadKeepsWhatIsKnown() {
    var detector = detector()
    _ = fail(&detector, 0, at: at(0))
    _ = fail(&detector, 1, at: at(0))
    _ = detector.failed(2, now: at(0))
    _ = detector.failed(2, now: at(0))
    // 1 is gone, 3 is new, the others changed places.
    detector.reset(detector.settings, former: [2, nil, 0])
    #expect(detector.out == 1)
    #expect(detector.state(of: 2, now: at(0)) == .ejected(until: at(30)))
    #expect(detector.state(of: 1, now: at(0)) == .member)
    let third = detector.failed(0, now: at(1))
    #expect(third == .spared(out: 1, total: 3))
    // Another number of failures counts from the start.
    var settings = detector.settings
    settings.failures = 2
    settings.maxEjected = 100
    detector.reset(settings, former: [0, 1, 2])
    let verdicts = [detector.failed(0, now: at(1)), detector.failed(0, now: at(1))]
    #expect(verdicts[0] == .none && verdicts[1] != .none)
  }

  @Test func settingsAreHeldInRange() {
    let settings = OutlierDetector.Settings(
      failures: 0, window: .zero, eject: .seconds(-1), maxEjected: 1000, passes: 0)
    #expect(settings.failures == 1 && settings.maxEjected == 100 && settings.passes == 1 && settings.eject == .zero)
    var detector = OutlierDetector(settings, count: 1)
    let verdict = detector.failed(0, now: at(1))
    #expect(
      verdict == .ejected(OutlierDetector.Ejection(failures: 1, span: .zero, duration: .zero, inARow: 1)))
    let isBack = detector.probed(0, passed: true, now: at(1))
    #expect(isBack)
  }

  /// Every failure kept and searched from end to end.
  @Test(arguments: UInt64(0)..<20)
  func agreesWithTheModel(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let failures = 1 + random.below(6)
    let count = 1 + random.below(6)
    let maxEjected = random.below(101)
    let passes = 1 + random.below(3)
    var detector = detector(failures: failures, count: count, maxEjected: maxEjected, passes: passes)
    var runs = [[Double]](repeating: [], count: count)
    var until = [Double?](repeating: nil, count: count)
    var passed = [Int](repeating: 0, count: count)
    var now = 0.0
    for step in 0..<3000 {
      now += Double(random.below(400)) / 100
      let member = random.below(count)
      switch random.below(10) {
      case 0..<6:
        let verdict = detector.failed(member, now: at(now))
        guard until[member] == nil else {
          #expect(verdict == .none, "seed \(seed) step \(step)")
          continue
        }
        runs[member].append(now)
        let last = runs[member].suffix(failures)
        let out = until.count { $0 != nil }
        if last.count < failures || at(now) - at(last.first!) > .seconds(10) {
          #expect(verdict == .none, "seed \(seed) step \(step)")
        } else if out < count * maxEjected / 100 {
          guard case .ejected(let ejection) = verdict else {
            Issue.record("seed \(seed) step \(step): \(verdict)")
            return
          }
          until[member] = now + ejection.duration.inSeconds
          runs[member] = []
          passed[member] = 0
        } else {
          #expect(verdict == .spared(out: out, total: count), "seed \(seed) step \(step)")
        }
      case 6:
        detector.succeeded(member)
        runs[member] = []
      default:
        let hasPassed = random.below(4) > 0
        let isBack = detector.probed(member, passed: hasPassed, now: at(now))
        guard let end = until[member], at(now) >= at(end) else {
          #expect(!isBack, "seed \(seed) step \(step)")
          continue
        }
        passed[member] = hasPassed ? passed[member] + 1 : 0
        #expect(isBack == (passed[member] >= passes), "seed \(seed) step \(step)")
        if isBack { until[member] = nil }
      }
      #expect(detector.out == until.count { $0 != nil }, "seed \(seed) step \(step)")
    }
  }
}
