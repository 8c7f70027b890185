import Base
import Reactor
import Synchronization
import Testing

@testable import AccessLog

@Suite(.serialized)
struct RingTests {
  @Test
  func aRecordComesOutAsItWentIn() {
    let ring = AccessRing(capacity: 1 << 17)
    let example = Example.ordinary()
    example.record.user = example.text("")
    example.record.target = example.text(String(repeating: "x", count: 5000))
    var lines: [String] = []
    for format in [AccessFormat.text, .json, .combined] {
      #expect(example.write(to: ring))
      let count = ring.drain { record in
        var line = LineBuffer(capacity: 0)
        format.write(record, to: &line)
        lines.append(String(decoding: line.bytes, as: UTF8.self))
        return true
      }
      #expect(count == 1)
    }
    #expect(lines == [example.line(.text), example.line(.json), example.line(.combined)])
    #expect(ring.isEmpty && ring.dropped == 0)
  }

  @Test
  func aFullRingDropsAndCounts() {
    let ring = AccessRing(capacity: 1 << 17)
    let example = Example.ordinary()
    var taken = 0
    while example.write(to: ring) { taken += 1 }
    #expect(taken > 100)
    #expect(!example.write(to: ring))
    #expect(ring.dropped == 2)
    #expect(ring.drain { _ in true } == taken)
    #expect(example.write(to: ring))
    #expect(ring.drain { _ in true } == 1)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func anySizesPassInOrder(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let ring = AccessRing(capacity: 1 << 17)
    var next: UInt64 = 0
    var expected: [UInt64] = []
    for _ in 0..<2000 {
      if random.below(3) > 0 {
        let example = Example()
        example.record.facts.total = next
        example.record.target = example.text([UInt8](repeating: 0x61, count: random.below(5000)))
        example.record.host = example.text([UInt8](repeating: 0x62, count: random.below(60)))
        if example.write(to: ring) { expected.append(next) }
        next += 1
      } else {
        var most = random.below(20)
        _ = ring.drain { record in
          #expect(record.facts.total == expected.first, "seed \(seed)")
          #expect(record.target.bytes.allSatisfy { $0 == 0x61 } && record.host.bytes.allSatisfy { $0 == 0x62 })
          expected.removeFirst()
          most -= 1
          return most > 0
        }
      }
    }
    #expect(ring.drain { _ in true } == expected.count)
    #expect(ring.isEmpty)
  }

  /// One thread writes, another reads, at full speed: nothing is lost that was not counted, and nothing is out of order.
  @Test
  func twoThreadsAgree() throws {
    let ring = AccessRing(capacity: 1 << 17)
    let records: UInt64 = 200_000
    do {
      let done = Done()
      let writer = try Thread(name: "writer") {
        let example = Example.ordinary()
        for number in 0..<records {
          example.record.facts.total = number
          _ = example.write(to: ring)
        }
        done.flag.store(true, ordering: .releasing)
      }
      var seen: UInt64 = 0
      var last: UInt64?
      while true {
        let wasDone = done.flag.load(ordering: .acquiring)
        let count = ring.drain { record in
          if let last, record.facts.total <= last { Issue.record("\(record.facts.total) after \(last)") }
          last = record.facts.total
          return true
        }
        seen += UInt64(count)
        if wasDone, count == 0 { break }
      }
      writer.join()
      #expect(seen + ring.dropped == records)
      #expect(seen > 0)
    }
  }

  private final class Done: Sendable {
    let flag = Atomic<Bool>(false)
  }
}
