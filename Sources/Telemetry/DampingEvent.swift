import Base
import Logging

/// A backend is held down because it flaps, or is let go again.
public struct DampingEvent: LoggedEvent, Equatable {
  public enum Phase: Equatable, Sendable {
    /// With the change that was one too many, and when it is let go at the earliest.
    case held(HealthEvent, above: Int, release: Int, in: Duration)
    /// After so long, with so many changes meanwhile.
    case released(after: Duration, changes: Int)
  }

  public static let name = "damping"

  public var backend: BackendDetails
  public var phase: Phase
  /// What the backend is now.
  public var health: HealthEvent.Health
  public var penalty: Double
  public var standing: StandingDetails

  public init(
    backend: BackendDetails, phase: Phase, health: HealthEvent.Health, penalty: Double, standing: StandingDetails
  ) {
    self.backend = backend
    self.phase = phase
    self.health = health
    self.penalty = penalty
    self.standing = standing
  }

  public var level: Logger.Level { HealthEvent.level(of: health, standing) }

  public var description: String {
    switch phase {
    case .held(let change, let hold, let release, let duration):
      "\(backend) DOWN, held down as it flaps: penalty \(roundedPenalty), above \(hold); the last change: "
        + "\(change.check); let go when the penalty is below \(release), in \(duration.text) without a change; "
        + change.consequences
    case .released(let duration, let changes):
      "\(backend) no longer held down after \(duration.text), now \(health.inCapitals): "
        + "\(changes) \(changes == 1 ? "change" : "changes") meanwhile; \(standing)"
    }
  }

  private var roundedPenalty: Double { (penalty * 10).rounded() / 10 }

  public func addFields(to object: inout JSONObject) {
    backend.addFields(to: &object)
    switch phase {
    case .held(let change, _, _, let duration):
      object.add("phase", "held")
      object.add("to", health.rawValue)
      change.check.addCause(to: &object)
      object.add("penalty", roundedPenalty)
      object.add("changes", 0)
      object.add("hold_seconds", seconds: duration)
    case .released(let duration, let changes):
      object.add("phase", "released")
      object.add("to", health.rawValue)
      for key in ["cause", "layer", "errno"] { object.add(key, nil as String?) }
      object.add("penalty", roundedPenalty)
      object.add("changes", changes)
      object.add("hold_seconds", seconds: duration)
    }
    standing.addFields(to: &object)
  }
}
