/// How values are put into buckets: 16 of the same width between a power of two and the next (log-linear), so that the error is
/// at most a sixteenth of the value, from 1 up to 2^40, with 592 buckets.
public enum HistogramScale {
  static let stepBits = 4
  static let steps = 1 << stepBits
  /// Values from 2^40 on are counted in the last bucket: in microseconds that is 12 days, in bytes 1 TiB.
  static let topBits = 40
  public static let buckets = (topBits - stepBits + 1) * steps

  /// The bucket of a value. Values below 16 have buckets of their own.
  public static func bucket(_ value: UInt64) -> Int {
    if value < UInt64(steps) { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    guard exponent < topBits else { return buckets - 1 }
    let step = Int(truncatingIfNeeded: value >> UInt64(exponent - stepBits)) & (steps - 1)
    return (exponent - stepBits + 1) * steps + step
  }

  /// The smallest value of a bucket; of the one behind the last, 2^40.
  public static func lowest(_ bucket: Int) -> UInt64 {
    if bucket < steps { return UInt64(bucket) }
    let exponent = bucket / steps + stepBits - 1
    return (UInt64(steps) + UInt64(bucket % steps)) << UInt64(exponent - stepBits)
  }
}
