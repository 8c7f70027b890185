import Base
import Logging
import Testing

@testable import Telemetry

@Suite struct HealthEventTests {
  @Test(arguments: [
    (HealthEvent.Health.down, true, Logger.Level.error), (.down, false, .warning), (.up, false, .notice),
  ])
  func theLevelSaysHowBadItIs(to: HealthEvent.Health, isLost: Bool, level: Logger.Level) {
    var event = Examples.down
    event.to = to
    event.standing.isLost = isLost
    #expect(event.level == level)
  }

  @Test(
    arguments: [
      (0, "0%"), (0.0001, "1%"), (0.005, "1%"), (1.0 / 3, "33%"), (2.0 / 3, "67%"), (0.9999, "99%"), (1, "100%"),
    ] as [(Double, String)])
  func onlyNothingIsNoneAndOnlyEverythingIsAll(share: Double, percent: String) {
    let standing = StandingDetails(eligible: 1, total: 3, weightShare: share, isLost: false)
    #expect(standing.description == "1/3 backends eligible, \(percent) of weight")
  }

  @Test(arguments: [
    (FlappingEvent.Phase.continuing, HealthEvent.Health.up, false, Logger.Level.warning),
    (.continuing, .down, true, .error), (.ended, .up, false, .notice), (.ended, .down, false, .warning),
    (.ended, .down, true, .error),
  ])
  func flappingIsAWarningUntilItEnds(
    phase: FlappingEvent.Phase, health: HealthEvent.Health, isLost: Bool, level: Logger.Level
  ) {
    var event = Examples.stopped
    event.phase = phase
    event.health = health
    event.standing.isLost = isLost
    #expect(event.level == level)
  }

  @Test func anotherHandlerPrintsTheSentence() {
    #expect(Examples.down.description.hasPrefix("web/127.0.0.1:9002 DOWN after 3h12m UP: connection refused"))
  }

  @Test func metadataOfTheLoggerFollowsTheEvent() {
    let text = line(.json) {
      $0[metadataKey: "host"] = "lb1"
      $0.log(Examples.down)
    }
    #expect(text.hasSuffix(#""weight_share":0.6667,"host":"lb1"}"# + "\n"))
  }

  @Test func theSessionsOfABackendThatWentDown() {
    var event = Examples.down
    event.sessions = 1
    event.onDown = .close(after: .seconds(30))
    #expect(event.description.contains("; 1 session to be closed in 30s; "))
    #expect(line(.json) { $0.log(event) }.contains(#""on_down":"close after 30s""#))
    event.onDown = .close(after: .zero)
    #expect(event.description.contains("; 1 session closed; "))
    #expect(line(.json) { $0.log(event) }.contains(#""on_down":"close""#))
  }
}
