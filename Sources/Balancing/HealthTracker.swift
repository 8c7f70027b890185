import Base

/// What a row of check results makes of one backend: `rise` and `fall` in a row, and the first result in full.
///
/// The settings come with each result, so that a reload may change them while the streak lives on.
public struct HealthTracker: Equatable, Sendable {
  public private(set) var health: BackendHealth
  /// When `health` became what it is.
  public private(set) var since: Instant
  /// The last results that were alike.
  public private(set) var streak = 0
  private var isStreakOfPasses = false

  public init(initial: HealthSettings.Initial, now: Instant) {
    health =
      switch initial {
      case .up: .up
      case .down: .down
      case .checking: .checking
      }
    since = now
  }

  /// Whether the last results speak against `health`, but are not yet enough of them.
  public var isBetweenStates: Bool {
    switch health {
    case .checking: false
    case .up: streak > 0 && !isStreakOfPasses
    case .down: streak > 0 && isStreakOfPasses
    }
  }

  /// From one check to the next, without jitter. Zero before the first result where there is to be one at once.
  public func nextInterval(_ settings: HealthSettings) -> Duration {
    if isBetweenStates { return settings.fastInterval }
    return switch health {
    case .checking: .zero
    case .up: settings.interval
    case .down: settings.downInterval
    }
  }

  /// How many results like the last one in a row it takes, or took, to change the state.
  public func needed(_ settings: HealthSettings) -> Int {
    max(isStreakOfPasses ? settings.rise : settings.fall, 1)
  }

  /// Takes the result of a check.
  /// - Returns: the change of health that follows from it, if one does.
  public mutating func handle(_ result: ProbeResult, settings: HealthSettings, now: Instant) -> HealthTransition? {
    if result.isPassed == isStreakOfPasses {
      streak = min(streak, .max - 1) + 1
    } else {
      isStreakOfPasses = result.isPassed
      streak = 1
    }
    let verdict: BackendHealth = result.isPassed ? .up : .down
    if health == verdict { return nil }
    let needed = health == .checking ? 1 : needed(settings)
    guard streak >= needed else { return nil }
    defer {
      health = verdict
      since = now
    }
    return HealthTransition(
      from: health, to: verdict, result: result, streak: streak, needed: needed, formerDuration: now - since)
  }
}

/// A change of a backend's health, and what led to it.
public struct HealthTransition: Equatable, Sendable {
  public let from: BackendHealth
  public let to: BackendHealth
  /// The result that tipped it.
  public let result: ProbeResult
  /// Results like it in a row. More than `needed` where a reload has lowered that.
  public let streak: Int
  public let needed: Int
  /// How long `from` had lasted.
  public let formerDuration: Duration
}
