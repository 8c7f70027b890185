import Base
import Testing

@testable import Balancing

private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

@Suite struct QueueTests {
  @Test func firstComeFirstServed() {
    var queue = Queue<Int>(limit: 3)
    for number in 1...3 {
      let place = queue.join(number, deadline: at(10))
      #expect(place != nil)
    }
    let fourth = queue.join(4, deadline: at(10))
    #expect(fourth == nil)
    #expect(queue.count == 3)
    let served = [queue.next(), queue.next(), queue.next(), queue.next()]
    #expect(served == [1, 2, 3, nil])
    #expect(queue.isEmpty)
  }

  @Test func whoLeavesIsGone() {
    var queue = Queue<Int>(limit: 10)
    let places = (1...4).map { queue.join($0, deadline: at(10))! }
    let left = [queue.leave(places[1]), queue.leave(places[1]), queue.leave(places[3])]
    #expect(left == [2, nil, 4])
    let next = queue.next()
    #expect(next == 1)
    // A place whose owner was served is nobody's, even when somebody else has the same node.
    _ = queue.join(5, deadline: at(10))
    _ = queue.join(6, deadline: at(10))
    let again = queue.leave(places[0])
    #expect(again == nil)
    let stranger = queue.leave(Handle(slot: 99, generation: 1))
    #expect(stranger == nil)
    let served = [queue.next(), queue.next(), queue.next(), queue.next()]
    #expect(served == [3, 5, 6, nil])
  }

  @Test func whoWaitsTooLongIsTurnedAway() {
    var queue = Queue<Int>(limit: 10)
    #expect(queue.nextDeadline == nil)
    _ = queue.join(1, deadline: at(10))
    _ = queue.join(2, deadline: at(20))
    // After a reload that shortened the time: not before those ahead.
    _ = queue.join(3, deadline: at(15))
    #expect(queue.nextDeadline == at(10))
    let early = queue.nextExpired(now: at(9))
    let late = queue.nextExpired(now: at(10))
    #expect(early == nil)
    #expect(late == 1)
    #expect(queue.nextDeadline == at(20))
    let between = queue.nextExpired(now: at(19))
    #expect(between == nil)
    let rest = [queue.nextExpired(now: at(20)), queue.nextExpired(now: at(20)), queue.nextExpired(now: at(99))]
    #expect(rest == [2, 3, nil])
  }

  @Test func theLimitMayChange() {
    var queue = Queue<Int>(limit: 0)
    let refused = queue.join(1, deadline: at(1))
    #expect(refused == nil)
    queue.limit = 2
    _ = queue.join(1, deadline: at(1))
    _ = queue.join(2, deadline: at(1))
    queue.limit = 1
    #expect(queue.count == 2)
    _ = queue.next()
    let full = queue.join(3, deadline: at(1))
    #expect(full == nil)
    let next = queue.next()
    #expect(next == 2)
  }

  @Test(arguments: UInt64(0)..<30)
  func agreesWithAList(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limit = random.below(20)
    var queue = Queue<Int>(limit: limit)
    var list: [(element: Int, deadline: Instant, place: Handle)] = []
    var places: [Handle] = []
    var now: UInt64 = 0
    for step in 0..<2000 {
      now += UInt64(random.below(3))
      switch random.below(5) {
      case 0, 1:
        let place = queue.join(step, deadline: at(now + UInt64(random.below(20))))
        #expect((place == nil) == (list.count >= limit), "seed \(seed) step \(step)")
        guard let place else { continue }
        let deadline = max(at(now), list.last?.deadline ?? .zero)
        list.append((step, deadline, place))
        places.append(place)
      case 2 where !places.isEmpty:
        let place = places[random.below(places.count)]
        let index = list.firstIndex { $0.place == place }
        let left = queue.leave(place)
        #expect(left == index.map { list[$0].element }, "seed \(seed) step \(step)")
        if let index { list.remove(at: index) }
      case 3:
        let next = queue.next()
        #expect(next == list.first?.element, "seed \(seed) step \(step)")
        if !list.isEmpty { list.removeFirst() }
      default:
        while let expired = queue.nextExpired(now: at(now)) {
          #expect(expired == list.first?.element, "seed \(seed) step \(step)")
          list.removeFirst()
        }
        #expect(queue.nextDeadline.map { $0 > at(now) } ?? list.isEmpty, "seed \(seed) step \(step)")
      }
      #expect(queue.count == list.count, "seed \(seed) step \(step)")
    }
  }
}
