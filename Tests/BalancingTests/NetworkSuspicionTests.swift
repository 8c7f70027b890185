import Base
import Testing

@testable import Balancing

private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

@Suite struct NetworkSuspicionTests {
  private let backends = makeBackends(9)

  @Test func moreThanHalfWithinAnIntervalRaiseIt() {
    var suspicion = NetworkSuspicion()
    for index in 0..<2 {
      #expect(
        suspicion.failed(backends[index], interval: .seconds(2), total: 4, now: at(1000 * Int64(index))) == nil)
    }
    #expect(suspicion.suspects.isEmpty)
    #expect(suspicion.end == nil)
    let grounds = suspicion.failed(backends[2], interval: .seconds(2), total: 4, now: at(2000))
    #expect(grounds == NetworkSuspicion.Grounds(failed: 3, total: 4, span: .seconds(2)))
    #expect(suspicion.suspects.map(\.name) == ["b0", "b1", "b2"])
    #expect(suspicion.end == at(12_000))
    // Once.
    #expect(suspicion.failed(backends[3], interval: .seconds(2), total: 4, now: at(2100)) == nil)
    #expect(suspicion.suspects.count == 4)
  }

  @Test func halfIsNotMoreThanHalf() {
    var suspicion = NetworkSuspicion()
    for index in 0..<4 {
      #expect(suspicion.failed(backends[index], interval: .seconds(2), total: 8, now: at(10)) == nil)
    }
    #expect(suspicion.failed(backends[4], interval: .seconds(2), total: 8, now: at(10)) != nil)
  }

  @Test func failuresFurtherApartDoNotAddUp() {
    var suspicion = NetworkSuspicion()
    for index in 0..<9 {
      #expect(
        suspicion.failed(backends[index], interval: .seconds(2), total: 3, now: at(2001 * Int64(index))) == nil)
    }
  }

  @Test func oneThatFailsAgainAndAgainIsOne() {
    var suspicion = NetworkSuspicion()
    for time in 0..<20 {
      #expect(suspicion.failed(backends[0], interval: .seconds(60), total: 2, now: at(Int64(time))) == nil)
    }
  }

  @Test func theOnlyBackendIsNoMajority() {
    var suspicion = NetworkSuspicion()
    #expect(suspicion.failed(backends[0], interval: .seconds(2), total: 1, now: at(0)) == nil)
  }

  @Test func aCheckThatPassesEndsIt() {
    var suspicion = NetworkSuspicion()
    #expect(suspicion.passed(now: at(0)) == nil)
    for index in 0..<2 { _ = suspicion.failed(backends[index], interval: .seconds(2), total: 2, now: at(100)) }
    #expect(suspicion.passed(now: at(3100)) == .passed(after: .seconds(3)))
    #expect(suspicion.since == nil)
    #expect(suspicion.tick(now: at(60_000)) == nil)
    // What was before it does not count again.
    #expect(suspicion.failed(backends[0], interval: .seconds(20), total: 2, now: at(3200)) == nil)
  }

  @Test func itEndsAfterTenSeconds() {
    var suspicion = NetworkSuspicion()
    for index in 0..<2 { _ = suspicion.failed(backends[index], interval: .seconds(2), total: 2, now: at(100)) }
    #expect(suspicion.tick(now: at(10_099)) == nil)
    #expect(suspicion.tick(now: at(10_100)) == .expired)
    #expect(suspicion.tick(now: at(10_100)) == nil)
  }

  @Test func aReloadForgetsWhoIsGone() {
    var suspicion = NetworkSuspicion()
    _ = suspicion.failed(backends[0], interval: .seconds(2), total: 3, now: at(0))
    suspicion.keep { $0 !== backends[0] }
    #expect(suspicion.failed(backends[1], interval: .seconds(2), total: 3, now: at(0)) == nil)
  }
}
