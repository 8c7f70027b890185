import Base
import Testing

@testable import TCPProxy

@Suite struct SpareShelfTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)
  private static let second: UInt64 = 1_000_000_000

  private func handle(_ number: Int) -> Handle { Handle(slot: UInt32(number), generation: 1) }

  /// A shelf with so many ready.
  private func shelf(of target: Int, ready: Int) -> SpareShelf {
    var shelf = SpareShelf(target: target)
    for number in 0..<ready {
      shelf.began(handle(number))
      shelf.connected(handle(number))
    }
    return shelf
  }

  @Test func aShelfIsFilledAFewAtATime() {
    var shelf = SpareShelf(target: 6)
    var begun = 0
    while shelf.shortage(now: start) > 0 {
      shelf.began(handle(begun))
      begun += 1
    }
    #expect(begun == SpareShelf.connectsAtOnce)
    // The next event tells.
    #expect(shelf.nextLook(now: start, pause: 1) == nil)
    shelf.connected(handle(0))
    #expect(shelf.shortage(now: start) == 1)
    for number in 1..<4 { shelf.connected(handle(number)) }
    #expect(shelf.shortage(now: start) == 2)
    #expect(shelf.nextLook(now: start, pause: 1) == start.later(1))
  }

  @Test func aFullShelfWantsNothing() {
    let shelf = shelf(of: 3, ready: 3)
    #expect(shelf.shortage(now: start) == 0)
    #expect(shelf.nextLook(now: start, pause: 1) == nil)
  }

  @Test func theOldestIsTakenOrSurrendered() {
    var shelf = shelf(of: 3, ready: 3)
    #expect(shelf.take() == handle(0))
    #expect(shelf.surrender() == handle(1))
    #expect(shelf.take() == handle(2))
    #expect(shelf.take() == nil)
    shelf.began(handle(7))
    #expect(shelf.take() == nil, "one on its way is of no use yet")
    #expect(shelf.surrender() == handle(7))
    #expect(shelf.surrender() == nil)
  }

  @Test func failuresMakeLongerAndLongerRests() {
    var shelf = SpareShelf(target: 2)
    var now = start
    var rest = SpareShelf.firstRest
    for _ in 0..<30 {
      #expect(shelf.shortage(now: now) > 0)
      shelf.began(handle(1))
      shelf.connectFailed(handle(1), now: now)
      #expect(shelf.count == 0)
      #expect(shelf.shortage(now: now.later(rest - 1)) == 0)
      #expect(shelf.nextLook(now: now, pause: 1) == now.later(rest))
      now = now.later(rest)
      rest = min(rest * 2, SpareShelf.longestRest)
    }
    #expect(rest == SpareShelf.longestRest)
    shelf.forgive()
    #expect(shelf.shortage(now: now) > 0)
  }

  @Test func whatFailsTogetherFailedOnce() {
    var shelf = SpareShelf(target: 4)
    for number in 0..<4 { shelf.began(handle(number)) }
    for number in 0..<4 { shelf.connectFailed(handle(number), now: start) }
    #expect(shelf.failures == 1)
    #expect(shelf.shortage(now: start.later(SpareShelf.firstRest)) == 4)
  }

  @Test func aBackendThatClosesAtOnceIsLeftAlone() {
    var shelf = shelf(of: 1, ready: 1)
    shelf.closed(handle(0), since: start, now: start.later(Self.second / 2))
    #expect(shelf.failures == 1)
    #expect(shelf.shortage(now: start.later(Self.second / 2)) == 0)
  }

  @Test func oneThatClosesWhatWasIdleIsAskedAgain() {
    var shelf = shelf(of: 2, ready: 1)
    shelf.connectFailed(nil, now: start)
    shelf.closed(handle(0), since: start, now: start.later(2 * Self.second))
    #expect(shelf.failures == 0)
    #expect(shelf.shortage(now: start.later(2 * Self.second)) == 2)
  }

  @Test func aSessionThatTakesOneEndsTheRowOfFailures() {
    var shelf = shelf(of: 2, ready: 1)
    shelf.connectFailed(nil, now: start)
    #expect(shelf.failures == 1)
    _ = shelf.take()
    #expect(shelf.failures == 0)
  }

  /// Whatever happens in whatever order, a spare is in one place at most and there are never more than the target.
  @Test func theCountsHold() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    var shelf = SpareShelf(target: 5)
    var connecting: [Handle] = []
    var ready: [Handle] = []
    var now = start
    var next = 0
    for _ in 0..<20_000 {
      now = now.later(random.next() % 400_000_000)
      switch random.next() % 6 {
      case 0, 1:
        for _ in 0..<shelf.shortage(now: now) {
          shelf.began(handle(next))
          connecting.append(handle(next))
          next += 1
        }
      case 2:
        guard let first = connecting.first else { continue }
        connecting.removeFirst()
        shelf.connected(first)
        ready.append(first)
      case 3:
        guard let last = connecting.popLast() else { continue }
        shelf.connectFailed(last, now: now)
      case 4:
        #expect(shelf.take() == (ready.isEmpty ? nil : ready.removeFirst()), "seed \(seed)")
      default:
        guard !ready.isEmpty else { continue }
        shelf.closed(ready.remove(at: Int(random.next() % UInt64(ready.count))), since: start, now: now)
      }
      #expect(shelf.ready == ready && shelf.connecting == connecting, "seed \(seed)")
      #expect(shelf.count <= 5 && connecting.count <= SpareShelf.connectsAtOnce, "seed \(seed)")
    }
  }
}
