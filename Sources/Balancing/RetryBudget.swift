import Synchronization

/// Keeps retries from turning a slow pool into a dead one: those under way are at most a share of what runs.
///
/// A pool of which every other attempt fails would otherwise see its work doubled at the worst moment. Shared by the
/// workers.
public final class RetryBudget: Sendable {
  /// Retries that are always allowed at once, so that a quiet pool can retry at all.
  public static let minimum = 3

  private let retrying = Atomic<Int>(0)

  public init() {}

  /// Retries under way.
  public var count: Int { retrying.load(ordering: .relaxed) }

  /// Begins a retry, if there is room for one; `end` ends it, however it went.
  /// - Parameters:
  ///   - running: sessions (or requests) of the pool that are open now.
  ///   - percent: the share of them that may be retries.
  public func begin(running: Int, percent: Int) -> Bool {
    let (product, overflow) = max(running, 0).multipliedReportingOverflow(by: max(percent, 0))
    let limit = max(Self.minimum, overflow ? .max : product / 100)
    if retrying.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
    retrying.wrappingSubtract(1, ordering: .relaxed)
    return false
  }

  public func end() {
    let count = retrying.wrappingSubtract(1, ordering: .relaxed).newValue
    assert(count >= 0, "a retry ended twice")
  }
}
