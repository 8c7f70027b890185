import Base
import Testing

@testable import Telemetry

struct HistogramTests {
  @Test
  func everyValueLiesInItsBucket() {
    var random = SeededGenerator(seed: 1)
    var values: [UInt64] = [0, .max]
    for bits in 0...41 as ClosedRange<UInt64> {
      let power: UInt64 = 1 << bits
      values += [power - 1, power, power + 1]
    }
    for _ in 0..<10_000 { values.append(random.next() >> UInt64(random.below(64))) }
    for value in values {
      let bucket = HistogramScale.bucket(value)
      if bucket < HistogramScale.buckets - 1 {
        #expect(HistogramScale.lowest(bucket) <= value && value < HistogramScale.lowest(bucket + 1), "\(value)")
      } else {
        #expect(HistogramScale.lowest(bucket) <= value, "\(value)")
      }
    }
    #expect(HistogramScale.lowest(HistogramScale.buckets) == 1 << 40)
    for bucket in 0..<HistogramScale.buckets {
      #expect(HistogramScale.bucket(HistogramScale.lowest(bucket)) == bucket)
      let width = HistogramScale.lowest(bucket + 1) - HistogramScale.lowest(bucket)
      #expect(width == 1 || width * 16 <= HistogramScale.lowest(bucket))
    }
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func quantilesAreThoseOfTheValues(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let histogram = Histogram(workers: 3)
    var values: [UInt64] = []
    for _ in 0..<5000 {
      let value = UInt64(random.below(1 << (1 + random.below(30))))
      values.append(value)
      histogram.record(value, worker: random.below(3))
    }
    values.sort()
    let snapshot = histogram.snapshot
    #expect(snapshot.count == 5000)
    #expect(snapshot.sum == values.reduce(0, +))
    for share in [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = values[max(Int((share * 5000).rounded(.up)), 1) - 1]
      let found = try #require(snapshot.quantile(share))
      #expect(abs(Double(found) - Double(exact)) <= Double(exact) / 32 + 1, "\(share), seed \(seed)")
    }
    for bits in 0..<31 as Range<UInt64> {
      #expect(snapshot.count(below: 1 << bits) == UInt64(values.count { $0 < 1 << bits }))
    }
  }

  @Test
  func snapshotsAddUpAndAreTakenApart() {
    let histogram = Histogram(workers: 1)
    #expect(histogram.snapshot == HistogramSnapshot())
    #expect(histogram.snapshot.quantile(0.5) == nil && histogram.snapshot.mean == nil)
    histogram.record(10, worker: 0)
    let earlier = histogram.snapshot
    histogram.record(20, worker: 0)
    let later = histogram.snapshot.since(earlier)
    #expect(later.count == 1 && later.sum == 20 && later.mean == 20)
    var both = earlier
    both += later
    #expect(both == histogram.snapshot)
  }

  @Test
  func workersCountForThemselves() async {
    let counter = Counter(workers: 4)
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask { for _ in 0..<50_000 { counter.add(worker: worker) } }
      }
    }
    counter.add(7, worker: 0)
    #expect(counter.value == 200_007)
  }
}
