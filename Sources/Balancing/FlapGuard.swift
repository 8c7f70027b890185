import Base

/// Keeps one backend that goes up and down all the time from flooding the log.
///
/// Changes are logged one by one until the third within a minute, which announces that the backend flaps. From then on
/// they are counted, and summed up once a minute at most. A whole minute without a change ends it.
public struct FlapGuard: Equatable, Sendable {
  /// What to log.
  public enum Notice: Equatable, Sendable {
    /// The change, in a line of its own.
    case change
    /// That it flaps: so many changes within the span, this one the last of them.
    case started(changes: Int, span: Duration)
    /// That it still flaps: so many changes since the last line.
    case continuing(changes: Int, span: Duration)
    /// That it has stopped: so many changes in all, from the first to the last of them.
    case ended(changes: Int, span: Duration)
  }

  public static let window: Duration = .seconds(60)
  /// Changes within the window that make it flapping.
  public static let threshold = 3

  /// The latest changes that may still lie in one window, oldest first; at most `threshold`.
  private var recent: [Instant] = []
  private var flapping: Flapping?

  private struct Flapping: Equatable, Sendable {
    var first: Instant
    var changes: Int
    var lastLine: Instant
    var changesSinceLine = 0
  }

  public init() {}

  public var isFlapping: Bool { flapping != nil }

  /// When to call `tick`, if no change comes before.
  public var nextTick: Instant? {
    guard let flapping, let last = recent.last else { return nil }
    let end = last + Self.window
    return flapping.changesSinceLine > 0 ? min(end, flapping.lastLine + Self.window) : end
  }

  /// Takes a change from up to down or back; the first result of a backend that was being checked is none.
  /// - Returns: what to log, in this order: at most two.
  public mutating func handleChange(now: Instant) -> [Notice] {
    var notices: [Notice] = []
    if let due = tick(now: now) { notices.append(due) }
    recent.append(now)
    recent.removeAll { now - $0 > Self.window }
    if recent.count > Self.threshold { recent.removeFirst() }
    if var flapping {
      flapping.changes += 1
      flapping.changesSinceLine += 1
      self.flapping = flapping
    } else if recent.count == Self.threshold {
      flapping = Flapping(first: recent[0], changes: Self.threshold, lastLine: now)
      notices.append(.started(changes: Self.threshold, span: now - recent[0]))
    } else {
      notices.append(.change)
    }
    return notices
  }

  /// What is due by now without a change.
  public mutating func tick(now: Instant) -> Notice? {
    guard var flapping, let last = recent.last, let nextTick, now >= nextTick else { return nil }
    if now >= last + Self.window {
      self.flapping = nil
      recent = []
      return .ended(changes: flapping.changes, span: last - flapping.first)
    }
    defer {
      flapping.lastLine = now
      flapping.changesSinceLine = 0
      self.flapping = flapping
    }
    return .continuing(changes: flapping.changesSinceLine, span: now - flapping.lastLine)
  }
}
