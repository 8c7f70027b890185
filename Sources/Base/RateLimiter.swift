/// A token bucket whose whole state is one instant for each key (GCRA: ITU-T I.371, annex A).
///
/// The state is when the bucket would be full again had nothing else happened. A bucket is full at first, holds
/// `burst` events, and refills evenly at the rate. So any span of time t sees at most burst + t × rate events.
public struct RateLimiter: Hashable, Sendable, BitwiseCopyable {
  /// Nanoseconds that one event takes out of the bucket. Rounded down: never stricter than what was asked for.
  private let cost: UInt64
  /// Nanoseconds that a bucket with room for one event less than a full one is ahead of the clock.
  private let tolerance: UInt64

  /// - Parameter burst: events at once; without it, those of one unit of the rate: 100 for `100/s`, 6000 for `6000/m`.
  public init(_ rate: Rate, burst: Int? = nil) {
    cost = max(1, rate.unit.length / UInt64(rate.count))
    let burst = UInt64(max(1, burst ?? rate.count))
    let (product, overflow) = cost.multipliedReportingOverflow(by: burst - 1)
    tolerance = overflow ? .max : product
  }

  /// The state of a bucket that nothing was taken from.
  public static let full = Instant.zero

  /// Takes one event out of the bucket; false leaves it as it is.
  @discardableResult
  public func take(from state: inout Instant, now: Instant) -> Bool {
    let emptier = max(state, now)
    guard emptier.nanoseconds - now.nanoseconds <= tolerance else { return false }
    let (sum, overflow) = emptier.nanoseconds.addingReportingOverflow(cost)
    state = Instant(nanoseconds: overflow ? .max : sum)
    return true
  }

  /// How long until the next event has room: what a Retry-After says.
  public func wait(_ state: Instant, now: Instant) -> Duration {
    let (ready, underflow) = state.nanoseconds.subtractingReportingOverflow(tolerance)
    guard !underflow, ready > now.nanoseconds else { return .zero }
    return .nanoseconds(Int64(clamping: ready - now.nanoseconds))
  }
}

extension Duration {
  /// As a Retry-After says it (RFC 9110, 10.2.3): whole seconds, at least one.
  public var retryAfter: Int {
    let (seconds, attoseconds) = components
    return max(1, Int(seconds) + (attoseconds > 0 ? 1 : 0))
  }
}
