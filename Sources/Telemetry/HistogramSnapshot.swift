import Base

/// How times were spread, at one moment or over a while: values that can be added and subtracted.
public struct HistogramSnapshot: Equatable, Sendable {
  public let scale: HistogramScale
  /// Of each bucket of the scale.
  public private(set) var counts: [UInt64]
  /// Of all times, in microseconds; wraps around.
  public private(set) var sum: UInt64

  public init(scale: HistogramScale = .fine) {
    self.scale = scale
    counts = Array(repeating: 0, count: scale.buckets)
    sum = 0
  }

  public init(_ reading: MeterReading, _ timing: Timing) {
    scale = reading.scale
    counts = Array(reading.buckets(timing))
    sum = reading.sum(timing)
  }

  public var count: UInt64 { counts.reduce(0, &+) }

  /// Nil without values.
  public var mean: Double? { count == 0 ? nil : Double(sum) / Double(count) }

  public mutating func add(_ count: UInt64, at bucket: Int) { counts[bucket] &+= count }

  /// The time that this share of all does not exceed, in microseconds: the middle of the bucket that it lies in. Nil without
  /// values.
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
        let (low, next) = (scale.lowest(bucket), scale.lowest(bucket + 1))
        return low + (next - 1 - low) / 2
      }
    }
    return nil
  }

  /// How many times lie below `bound`, in microseconds. Exact where a bucket begins there, as at every power of two.
  public func count(below bound: UInt64) -> UInt64 {
    var sum: UInt64 = 0
    for bucket in counts.indices {
      if scale.lowest(bucket) >= bound { break }
      sum += counts[bucket]
    }
    return sum
  }
}
