/// How times are put into buckets: so many of the same width between a power of two and the next (log-linear), from 4 µs to
/// 9.5 hours, so that one scale serves a connect on the same machine and a session that lasts a day's work.
public struct HistogramScale: Equatable, Sendable, BitwiseCopyable {
  /// Buckets between a power of two and the next, as a power of two.
  public let stepBits: Int

  @inlinable
  init(stepBits: Int) { self.stepBits = stepBits }

  /// Eight steps: the middle of a bucket is at most a sixteenth away from what it stands for. 2 KiB.
  @inlinable
  public static var fine: HistogramScale { HistogramScale(stepBits: 3) }
  /// Four steps, an eighth away, in half the memory: for backends, of which there may be a thousand, each with cells for
  /// every worker.
  @inlinable
  public static var coarse: HistogramScale { HistogramScale(stepBits: 2) }

  /// Times are told apart from 4 µs on; the smallest buckets are as wide, or twice that.
  @usableFromInline static var unitBits: Int { 2 }
  /// In units. Times from 2^35 µs on are counted in the last bucket.
  @usableFromInline static var topBits: Int { 33 }

  @inlinable
  public var buckets: Int { (Self.topBits - HistogramScale.fine.stepBits + 1) << stepBits }

  /// The bucket of a time in microseconds.
  @inlinable
  public func bucket(_ microseconds: UInt64) -> Int { bucket(fine: Self.fineBucket(microseconds)) }

  /// The same from the bucket of the fine scale: two neighbours of that make one of the coarse.
  @inlinable
  @inline(__always)
  public func bucket(fine bucket: Int) -> Int { bucket >> (HistogramScale.fine.stepBits &- stepBits) }

  @inlinable
  public static func fineBucket(_ microseconds: UInt64) -> Int {
    let value = microseconds >> UInt64(unitBits)
    let bits = HistogramScale.fine.stepBits
    if value < 1 << UInt64(bits) { return Int(truncatingIfNeeded: value) }
    let exponent = 63 &- value.leadingZeroBitCount
    guard exponent < topBits else { return HistogramScale.fine.buckets &- 1 }
    let step = Int(truncatingIfNeeded: value >> UInt64(exponent &- bits)) & ((1 << bits) &- 1)
    return (exponent &- bits &+ 1) << bits | step
  }

  /// The smallest time of a bucket, in microseconds; of the one behind the last, 2^35.
  public func lowest(_ bucket: Int) -> UInt64 {
    let bits = HistogramScale.fine.stepBits
    let bucket = bucket << (bits - stepBits)
    if bucket < 1 << bits { return UInt64(bucket) << UInt64(Self.unitBits) }
    let exponent = bucket >> bits + bits - 1
    let mantissa = UInt64(1 << bits | bucket & ((1 << bits) - 1))
    return mantissa << UInt64(exponent - bits + Self.unitBits)
  }
}
