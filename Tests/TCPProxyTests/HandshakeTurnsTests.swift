import Base
import Testing

@testable import TCPProxy

@Suite struct HandshakeTurnsTests {
  private func token(_ number: Int) -> Token { Token(.client, Handle(slot: UInt32(number), generation: 1)) }

  /// As the worker uses it: whoever finds no step left waits, and is served in the order of arrival.
  @Test func nobodyIsForgottenOrOvertaken() {
    let most = HandshakeTurns.stepsPerTurn
    var turns = HandshakeTurns()
    var served: [Int] = []
    var arrived = 0
    for round in 0..<2000 {
      turns.renew()
      var steps = 0
      // In bursts, and for a while none.
      for _ in 0..<(round % 7 == 0 && round < 1000 ? 40 : 0) {
        if turns.take() {
          served.append(arrived)
          steps += 1
        } else {
          turns.wait(token(arrived))
        }
        arrived += 1
      }
      while let token = turns.takeFirst() {
        served.append(Int(token.handle.slot))
        steps += 1
      }
      #expect(steps <= most)
      #expect(turns.isEmpty || steps == most)
    }
    #expect(turns.isEmpty)
    #expect(served == Array(0..<arrived))
  }

  @Test func whatIsGivenBackIsForTheNext() {
    var turns = HandshakeTurns()
    for _ in 0..<100 {
      let isTaken = turns.take()
      #expect(isTaken)
      turns.giveBack()
    }
  }
}
