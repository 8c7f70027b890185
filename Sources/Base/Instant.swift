/// A point on the monotonic clock, in nanoseconds since some start that means nothing by itself.
///
/// Pure code never reads a clock: it is handed an `Instant` (CLOCK_MONOTONIC, clock_gettime(2)).
public struct Instant: Comparable, Hashable, Sendable, BitwiseCopyable {
  public var nanoseconds: UInt64

  @inlinable
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  @inlinable
  public static var zero: Instant { Instant(nanoseconds: 0) }

  @inlinable
  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Later by `duration`; stops at the ends of the clock instead of overflowing.
  @inlinable
  public static func + (instant: Instant, duration: Duration) -> Instant {
    let span = duration.nanoseconds
    if span >= 0 {
      let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(UInt64(span))
      return Instant(nanoseconds: overflow ? .max : sum)
    }
    let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(span.magnitude)
    return Instant(nanoseconds: overflow ? 0 : difference)
  }

  /// Later by so many nanoseconds; stops at the end of the clock.
  @inlinable
  public func later(_ nanoseconds: UInt64) -> Instant {
    let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
    return Instant(nanoseconds: overflow ? .max : sum)
  }

  /// The time from `start` to `end`; negative when `end` is the earlier one.
  @inlinable
  public static func - (end: Instant, start: Instant) -> Duration {
    end >= start
      ? .nanoseconds(Int64(clamping: end.nanoseconds - start.nanoseconds))
      : .nanoseconds(-Int64(clamping: start.nanoseconds - end.nanoseconds))
  }
}

extension Duration {
  /// Whole nanoseconds, held at the ends of `Int64` (about 292 years).
  @inlinable
  public var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, overflow2) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    if overflow2 { return seconds < 0 ? .min : .max }
    return sum
  }

  /// Whole milliseconds, rounded towards zero.
  @inlinable
  public var milliseconds: Int64 { nanoseconds / 1_000_000 }

  /// Seconds as a floating-point number, for logs and ratios.
  @inlinable
  public var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
