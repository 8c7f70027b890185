import Base

/// Tells a failure of our own network from failures of backends: when more than half of all backends of all pools fail
/// within one interval of their checks, it is hardly they that have failed.
///
/// The suspicion ends as soon as any check passes, for then the network carries, and after a while in any case.
public struct NetworkSuspicion: Sendable {
  public static let longest: Duration = .seconds(10)
  /// One backend alone is no majority of anything.
  public static let fewest = 2

  /// What the suspicion rests on.
  public struct Grounds: Equatable, Sendable {
    public let failed: Int
    public let total: Int
    /// From the first to the last of these failures.
    public let span: Duration
  }

  public enum End: Equatable, Sendable {
    case passed(after: Duration)
    case expired
  }

  private struct Failure: Sendable {
    let backend: Backend
    let at: Instant
    /// How long it counts.
    let until: Instant
  }

  /// The failures that count, oldest first; all since the suspicion began while there is one.
  private var failures: [Failure] = []
  public private(set) var since: Instant?

  public init() {}

  /// The backends that failed for the reason that is suspected.
  public var suspects: [Backend] { since == nil ? [] : failures.map(\.backend) }

  /// When to call `tick`.
  public var end: Instant? { since.map { $0 + Self.longest } }

  /// A backend went from up to down by its checks.
  /// - Parameters:
  ///   - interval: of its checks: so long it counts.
  ///   - total: of all backends that are checked.
  /// - Returns: the grounds, when the suspicion begins with it.
  public mutating func failed(_ backend: Backend, interval: Duration, total: Int, now: Instant) -> Grounds? {
    failures.removeAll { $0.backend === backend || since == nil && $0.until < now }
    failures.append(Failure(backend: backend, at: now, until: now + interval))
    guard since == nil, failures.count >= Self.fewest, failures.count * 2 > total else { return nil }
    since = now
    return Grounds(failed: failures.count, total: total, span: now - failures[0].at)
  }

  /// A check passed.
  /// - Returns: how the suspicion ended, when it ends with it.
  public mutating func passed(now: Instant) -> End? {
    guard let since else { return nil }
    clear()
    return .passed(after: now - since)
  }

  public mutating func tick(now: Instant) -> End? {
    guard let end, end <= now else { return nil }
    clear()
    return .expired
  }

  /// Forgets backends that are no longer checked.
  public mutating func keep(where isKept: (Backend) -> Bool) { failures.removeAll { !isKept($0.backend) } }

  private mutating func clear() {
    since = nil
    failures = []
  }
}
