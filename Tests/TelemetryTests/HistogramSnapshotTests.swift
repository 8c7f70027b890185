import Base
import Testing

@testable import Telemetry

struct HistogramSnapshotTests {
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func quantilesAreThoseOfTheTimes(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let scale = seed % 2 == 0 ? HistogramScale.fine : .coarse
    let meters = Meters(workers: 3, scale: scale)
    var times: [UInt64] = []
    for _ in 0..<5000 {
      let time = UInt64(random.below(1 << (1 + random.below(33))))
      times.append(time)
      meters.record(.session, microseconds: time, worker: random.below(3))
    }
    times.sort()
    let reading = meters.reading
    let snapshot = HistogramSnapshot(try #require(reading), .session)
    #expect(snapshot.count == 5000)
    #expect(snapshot.sum == times.reduce(0, +))
    let mean = try #require(snapshot.mean)
    #expect(abs(mean - Double(snapshot.sum) / 5000) < 1)
    for share in [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = times[max(Int((share * 5000).rounded(.up)), 1) - 1]
      let found = try #require(snapshot.quantile(share))
      let tolerance = Double(exact) / Double(scale == .fine ? 16 : 8) + 8
      #expect(abs(Double(found) - Double(exact)) <= tolerance, "\(share), seed \(seed)")
    }
    for bits in 3..<34 as Range<UInt64> {
      #expect(snapshot.count(below: 1 << bits) == UInt64(times.count { $0 < 1 << bits }))
    }
  }

  @Test
  func nothingHasNoQuantile() {
    let nothing = HistogramSnapshot()
    #expect(nothing.count == 0 && nothing.quantile(0.5) == nil && nothing.mean == nil)
  }
}

extension Meters {
  func record(_ timing: Timing, microseconds: UInt64, worker: Int) {
    row(worker).record(timing, microseconds: microseconds, in: scale.bucket(microseconds), of: scale)
  }
}
