import Base
import Testing

@testable import Health

struct ProbeScheduleTests {
  @Test
  func checksAreNeverLateAndAtMostATenthEarly() {
    let seed: UInt64 = 0x5EED_0001
    var random = SeededGenerator(seed: seed)
    for interval in [Duration.milliseconds(1), .milliseconds(50), .seconds(2), .seconds(3600)] {
      var least = Duration.seconds(1_000_000)
      for _ in 0..<10_000 {
        let delay = ProbeSchedule.delay(interval: interval, random: random.next())
        #expect(delay <= interval && delay >= interval * 0.9, "seed \(seed)")
        least = min(least, delay)
      }
      #expect(least < interval * 0.91, "seed \(seed)")
    }
  }

  @Test
  func firstChecksAreSpreadOverTheInterval() {
    let seed: UInt64 = 0x5EED_0002
    var random = SeededGenerator(seed: seed)
    var tenths = [Int](repeating: 0, count: 10)
    for _ in 0..<10_000 {
      let offset = ProbeSchedule.spread(interval: .seconds(2), random: random.next())
      tenths[Int(offset.nanoseconds / 200_000_000)] += 1
    }
    #expect(tenths.allSatisfy { (850...1150).contains($0) }, "seed \(seed): \(tenths)")
  }
}
