/// Which exchanges are logged when not all are: of each thousand as many as asked for, evenly spread. Decided by counting, so
/// the same traffic leaves the same log. One for each worker.
public struct AccessSampling: Sendable {
  /// What one exchange adds, in parts of 2^32.
  private let step: UInt64
  private var sum: UInt64

  /// - Parameter share: 0…1; what lies outside, or is no number, is held at the ends.
  public init(share: Double) {
    let share = share > 0 ? min(share, 1) : 0
    step = UInt64((share * 4_294_967_296).rounded())
    // The first is logged, so that one request is enough to see that the log works.
    sum = step == 0 ? 0 : 4_294_967_296 - step
  }

  /// Whether the next exchange is logged.
  public mutating func next() -> Bool {
    sum += step
    guard sum >= 4_294_967_296 else { return false }
    sum -= 4_294_967_296
    return true
  }
}
