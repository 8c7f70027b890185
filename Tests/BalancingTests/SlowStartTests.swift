import Base
import Testing

@testable import Balancing

@Suite struct SlowStartTests {
  @Test func growsInSteps() {
    let slowStart = SlowStart(duration: .seconds(30))!
    let steps = stride(from: 0, through: 33, by: 3).map { slowStart.step(at: .seconds($0)) }
    #expect(steps == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10])
    #expect(slowStart.step(at: .milliseconds(29_999)) == 9)
    #expect(slowStart.step(at: .seconds(-1)) == 1)
    #expect(slowStart.weight(1, at: .zero) == 1)
    #expect(slowStart.weight(256, at: .seconds(15)) == 256 * 5)
    #expect(slowStart.weight(256, at: .seconds(30)) == 256 * SlowStart.steps)
    #expect(slowStart.weight(0, at: .seconds(30)) == 0)
  }

  @Test func noneIsNone() {
    #expect(SlowStart(duration: .zero) == nil)
    #expect(SlowStart(duration: .seconds(-1)) == nil)
  }

  @Test(arguments: [
    Duration.milliseconds(1), .milliseconds(7), .seconds(1), .seconds(30), .seconds(86_400 * 365 * 100),
  ])
  func everyStepIsAnnounced(duration: Duration) {
    let slowStart = SlowStart(duration: duration)!
    var age = Duration.zero
    var steps: [Int] = [slowStart.step(at: age)]
    while let next = slowStart.nextStep(at: age) {
      #expect(next >= .milliseconds(1))
      age += next
      let step = slowStart.step(at: age)
      #expect(step >= steps.last!)
      if step != steps.last { steps.append(step) }
      guard age <= duration + .milliseconds(20) else {
        Issue.record("\(duration): still at step \(step)")
        return
      }
    }
    #expect(steps.last == SlowStart.steps)
    if duration >= .seconds(1) { #expect(steps == Array(1...SlowStart.steps)) }
  }
}
