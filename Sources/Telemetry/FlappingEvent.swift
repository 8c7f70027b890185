import Base
import Logging

/// A backend goes up and down all the time: instead of a line for each change there is one when it starts, one a minute
/// while it lasts, and one when it has stopped.
public struct FlappingEvent: LoggedEvent, Equatable {
  public enum Phase: Equatable, Sendable {
    /// With the change that gave it away.
    case started(HealthEvent)
    case continuing, ended

    var inWords: String {
      switch self {
      case .started: "started"
      case .continuing: "continuing"
      case .ended: "ended"
      }
    }
  }

  public static let name = "flapping"

  public var backend: BackendDetails
  public var phase: Phase
  /// What the backend is now.
  public var health: HealthEvent.Health
  /// Changes that led to it (started), since the last line (continuing), or in all (ended).
  public var changes: Int
  /// The time they took.
  public var span: Duration
  public var standing: StandingDetails

  public init(
    backend: BackendDetails, phase: Phase, health: HealthEvent.Health, changes: Int, span: Duration,
    standing: StandingDetails
  ) {
    self.backend = backend
    self.phase = phase
    self.health = health
    self.changes = changes
    self.span = span
    self.standing = standing
  }

  /// Where it is up at the moment, the flapping itself is still worth a warning.
  public var level: Logger.Level {
    let level = HealthEvent.level(of: health, standing)
    return phase == .ended ? level : max(level, .warning)
  }

  public var description: String {
    let changes = "\(changes) \(changes == 1 ? "change" : "changes") in \(span.text)"
    return switch phase {
    case .started(let change):
      "\(backend) \(health.inCapitals), flapping: \(changes), the last one: \(change.check); "
        + "further changes are summed up once a minute; \(change.consequences)"
    case .continuing:
      "\(backend) \(health.inCapitals), still flapping: \(changes); \(standing)"
    case .ended:
      "\(backend) stopped flapping after \(changes), now \(health.inCapitals); \(standing)"
    }
  }

  public func addFields(to object: inout JSONObject) {
    backend.addFields(to: &object)
    object.add("phase", phase.inWords)
    object.add("to", health.rawValue)
    if case .started(let change) = phase {
      change.check.addCause(to: &object)
    } else {
      for key in ["cause", "layer", "errno"] { object.add(key, nil as String?) }
    }
    object.add("changes", changes)
    object.add("span_seconds", seconds: span)
    standing.addFields(to: &object)
  }
}
