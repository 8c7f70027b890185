/// How a number is spread, such as the time until the first byte: workers record, whoever reads takes a snapshot.
public final class Histogram: Sendable {
  private let cells: Cells
  private static let sum = HistogramScale.buckets

  /// - Parameter workers: how many record; each takes 5 KiB.
  public init(workers: Int) { cells = Cells(workers: workers, count: HistogramScale.buckets + 1) }

  /// Records one value; for the worker's own thread.
  public func record(_ value: UInt64, worker: Int) {
    cells.add(1, to: HistogramScale.bucket(value), worker: worker)
    cells.add(value, to: Self.sum, worker: worker)
  }

  /// What was recorded so far. Sum and buckets may differ by what is being recorded meanwhile.
  public var snapshot: HistogramSnapshot {
    HistogramSnapshot(counts: (0..<HistogramScale.buckets).map { cells.sum($0) }, sum: cells.sum(Self.sum))
  }
}

/// A histogram at one moment. Values that can be added and subtracted: several histograms together, or one over a while.
public struct HistogramSnapshot: Equatable, Sendable {
  /// Of each bucket of `HistogramScale`.
  public private(set) var counts: [UInt64]
  /// Of all values; wraps around.
  public private(set) var sum: UInt64

  public init() {
    counts = Array(repeating: 0, count: HistogramScale.buckets)
    sum = 0
  }

  init(counts: [UInt64], sum: UInt64) {
    self.counts = counts
    self.sum = sum
  }

  public var count: UInt64 { counts.reduce(0, &+) }

  /// Nil without values.
  public var mean: Double? { count == 0 ? nil : Double(sum) / Double(count) }

  public static func += (left: inout HistogramSnapshot, right: HistogramSnapshot) {
    for bucket in left.counts.indices { left.counts[bucket] &+= right.counts[bucket] }
    left.sum &+= right.sum
  }

  /// What came after an earlier snapshot of the same histogram.
  public func since(_ earlier: HistogramSnapshot) -> HistogramSnapshot {
    HistogramSnapshot(counts: zip(counts, earlier.counts).map { $0 &- $1 }, sum: sum &- earlier.sum)
  }

  /// The value that this share of all values does not exceed: the middle of the bucket that it lies in, so at most a
  /// thirty-second of it away. Nil without values.
  /// - Parameter share: 0…1, such as 0.99; held at the ends.
  public func quantile(_ share: Double) -> UInt64? {
    let count = count
    guard count > 0 else { return nil }
    let share = share > 0 ? min(share, 1) : 0
    let rank = min(max(UInt64((share * Double(count)).rounded(.up)), 1), count)
    var seen: UInt64 = 0
    for bucket in counts.indices {
      seen += counts[bucket]
      if seen >= rank {
        let (low, next) = (HistogramScale.lowest(bucket), HistogramScale.lowest(bucket + 1))
        return low + (next - 1 - low) / 2
      }
    }
    return nil
  }

  /// How many values lie below `bound`. Exact where a bucket begins there, as at every power of two.
  public func count(below bound: UInt64) -> UInt64 {
    var sum: UInt64 = 0
    for bucket in counts.indices {
      if HistogramScale.lowest(bucket) >= bound { break }
      sum += counts[bucket]
    }
    return sum
  }
}
