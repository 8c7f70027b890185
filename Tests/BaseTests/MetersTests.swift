import Testing

@testable import Base

struct MetersTests {
  @Test(arguments: [HistogramScale.fine, .coarse])
  func everyTimeLiesInItsBucket(_ scale: HistogramScale) {
    var random = SeededGenerator(seed: 1)
    var times: [UInt64] = [0, .max]
    for bits in 0...40 as ClosedRange<UInt64> {
      let power: UInt64 = 1 << bits
      times += [power - 1, power, power + 1]
    }
    for _ in 0..<10_000 { times.append(random.next() >> UInt64(random.below(64))) }
    for time in times {
      let bucket = scale.bucket(time)
      #expect(scale.lowest(bucket) <= time, "\(time)")
      if bucket < scale.buckets - 1 { #expect(time < scale.lowest(bucket + 1), "\(time)") }
    }
    #expect(scale.lowest(scale.buckets) == 1 << 35)
    let steps: UInt64 = 1 << UInt64(scale.stepBits)
    for bucket in 0..<scale.buckets {
      let lowest = scale.lowest(bucket)
      #expect(scale.bucket(lowest) == bucket)
      let width = scale.lowest(bucket + 1) - lowest
      #expect(width <= 8 || width * steps <= lowest)
    }
    // Prometheus' buckets end at powers of two.
    for bits in 3...34 as ClosedRange<UInt64> { #expect(scale.lowest(scale.bucket(1 << bits)) == 1 << bits) }
  }

  @Test
  func nothingIsThereBeforeItIsCounted() {
    let meters = Meters(workers: 3, scale: .coarse)
    let nothing = (meters.reading, meters.counts == nil, meters.sum(.sessions))
    #expect(nothing == (nil, true, 0))
    meters.row(1).add(to: .sessions)
    let one = (meters.reading?[.sessions], meters.sum(.sessions))
    #expect(one == (1, 1))
  }

  @Test
  func workersCountForThemselves() async {
    let meters = Shared()
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          for _ in 0..<50_000 {
            let row = meters.meters.row(worker)
            row.add(to: .requests)
            row.add(3, to: .bytesToClients)
          }
        }
      }
    }
    meters.meters.row(0).add(7, to: .requests)
    let (sum, counts, reading) = (meters.meters.sum(.requests), meters.meters.counts, meters.meters.reading)
    #expect(sum == 200_007)
    #expect(reading?[.bytesToClients] == 600_000)
    for meter in Meter.all { #expect(counts?[meter] == reading?[meter]) }
  }

  private final class Shared: Sendable {
    let meters = Meters(workers: 4, scale: .fine)
  }

  @Test
  func timesAreRecordedApart() throws {
    let meters = Meters(workers: 2, scale: .fine)
    meters.record(.connect, microseconds: 100, worker: 0)
    meters.record(.connect, microseconds: 100, worker: 1)
    meters.record(.handshake, microseconds: .max, worker: 1)
    let found = meters.reading
    let reading = try #require(found)
    #expect(reading.sum(.connect) == 200)
    #expect(reading.buckets(.connect).reduce(0, +) == 2)
    #expect(reading.buckets(.queue).allSatisfy { $0 == 0 })
    #expect(reading.buckets(.handshake).last == 1)
    for meter in Meter.all { #expect(reading[meter] == 0) }
  }

  /// The queue and clients' handshakes are no backend's: its rows have no room for them.
  @Test
  func coarseMetersKeepThreeTimes() throws {
    let meters = Meters(workers: 1, scale: .coarse)
    for timing in [Timing.connect, .firstByte, .session] { meters.record(timing, microseconds: 100, worker: 0) }
    let found = meters.reading
    let reading = try #require(found)
    for timing in [Timing.connect, .firstByte, .session] { #expect(reading.sum(timing) == 100) }
    for meter in Meter.all { #expect(reading[meter] == 0) }
    #expect(Timing.kept(on: .coarse) == [.connect, .firstByte, .session])
  }

  @Test
  func statusesHaveClasses() {
    let classes = [0, 100, 101, 200, 299, 304, 404, 500, 599, 999, 65535].map { Meter.responses($0) }
    let expected = [1, 1, 1, 2, 2, 3, 4, 5, 5, 5, 5].map { Meter.responses($0 * 100) }
    #expect(classes == expected)
  }
}

extension Meters {
  func record(_ timing: Timing, microseconds: UInt64, worker: Int) {
    row(worker).record(timing, microseconds: microseconds, in: scale.bucket(microseconds), of: scale)
  }
}
