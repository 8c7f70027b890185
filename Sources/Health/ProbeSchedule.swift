import Base

/// When a backend is checked next. Pure: the random word comes from outside.
enum ProbeSchedule {
  /// Checks of one kind start up to a tenth of the interval early, never late: what `balancer check` prints as the
  /// worst time to notice a dead backend holds.
  static let jitterPercent: UInt64 = 10

  /// How long after the start of this check the next one starts.
  static func delay(interval: Duration, random: UInt64) -> Duration {
    let whole = UInt64(max(1, interval.nanoseconds))
    let jitter = whole / 100 * jitterPercent
    return .nanoseconds(Int64(clamping: whole - (jitter == 0 ? 0 : random % (jitter + 1))))
  }

  /// How long after the first check, or the start, a backend's regular checks begin: anywhere in the interval, so
  /// that a thousand backends are not checked in the same millisecond.
  static func spread(interval: Duration, random: UInt64) -> Duration {
    .nanoseconds(Int64(clamping: random % UInt64(max(1, interval.nanoseconds))))
  }
}
