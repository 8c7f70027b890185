import Base
import Logging

/// A backend that failed with real traffic is out of its pool for a time, or is back.
public struct EjectionEvent: LoggedEvent, Equatable {
  public enum Phase: Equatable, Sendable {
    /// For so long at least, the so manieth time in a row.
    case ejected(for: Duration, inARow: Int, span: Duration)
    /// It failed often enough, but so many of so many are out already.
    case spared(out: Int, total: Int)
    /// After so long; checks have passed.
    case returned(after: Duration, passes: Int)

    var inWords: String {
      switch self {
      case .ejected: "ejected"
      case .spared: "spared"
      case .returned: "returned"
      }
    }
  }

  public static let name = "ejection"

  public var backend: BackendDetails
  public var phase: Phase
  /// Why the last of the sessions failed; nil when it is back.
  public var cause: String?
  /// Failures in a row; 0 when it is back.
  public var failures: Int
  /// Sessions open on the backend now.
  public var sessions: Int
  public var standing: StandingDetails

  public init(
    backend: BackendDetails, phase: Phase, cause: String?, failures: Int, sessions: Int, standing: StandingDetails
  ) {
    self.backend = backend
    self.phase = phase
    self.cause = cause
    self.failures = failures
    self.sessions = sessions
    self.standing = standing
  }

  public var level: Logger.Level {
    switch phase {
    case .ejected: HealthEvent.level(of: .down, standing)
    case .spared: .warning
    case .returned: .notice
    }
  }

  public var description: String {
    let cause = self.cause ?? "unknown"
    switch phase {
    case .ejected(let duration, let inARow, let span):
      let again = inARow > 1 ? " (\(inARow) times in a row)" : ""
      let kept = sessions == 1 ? "1 session kept" : "\(sessions) sessions kept"
      return "\(backend) EJECTED for \(duration.text)\(again): \(count) in \(span.text), the last one: \(cause); "
        + "\(kept); \(standing) left"
    case .spared(let out, let total):
      return "\(backend) not ejected, \(out) of \(total) backends are out already (outlier.maxEjected): \(count), "
        + "the last one: \(cause); \(standing)"
    case .returned(let duration, let passes):
      return "\(backend) no longer ejected after \(duration.text): "
        + "\(passes) \(passes == 1 ? "check" : "checks") passed; \(standing)"
    }
  }

  private var count: String { failures == 1 ? "1 session failed" : "\(failures) sessions in a row failed" }

  public func addFields(to object: inout JSONObject) {
    backend.addFields(to: &object)
    object.add("phase", phase.inWords)
    object.add("cause", cause)
    object.add("failures", failures)
    switch phase {
    case .ejected(let duration, let inARow, _):
      object.add("eject_seconds", seconds: duration)
      object.add("in_a_row", inARow)
    case .spared:
      object.add("eject_seconds", 0.0)
      object.add("in_a_row", 0)
    case .returned(let duration, _):
      object.add("eject_seconds", seconds: duration)
      object.add("in_a_row", 0)
    }
    object.add("sessions", sessions)
    standing.addFields(to: &object)
  }
}
