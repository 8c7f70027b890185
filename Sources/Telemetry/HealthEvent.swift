import Base
import Logging

/// The health of a backend changed. The one event everybody watches: docs/health-log.md describes it.
public struct HealthEvent: LoggedEvent, Equatable {
  public enum Health: String, Sendable {
    case checking, up, down

    /// In capitals, as it catches the eye in a line.
    var inCapitals: String { rawValue.uppercased() }
  }

  /// What becomes of the sessions of a backend that went down.
  public enum SessionFate: Equatable, Sendable {
    case keep
    /// `.zero` is at once.
    case close(after: Duration)

    /// As the JSON has it.
    var inWords: String {
      switch self {
      case .keep: "keep"
      case .close(after: .zero): "close"
      case .close(let delay): "close after \(delay.text)"
      }
    }
  }

  public static let name = "health"

  public var backend: BackendDetails
  public var from: Health
  public var to: Health
  /// The check that tipped it.
  public var check: CheckDetails
  /// How long `from` had lasted.
  public var formerDuration: Duration
  /// Sessions open on the backend now.
  public var sessions: Int
  public var onDown: SessionFate
  public var standing: StandingDetails

  public init(
    backend: BackendDetails, from: Health, to: Health, check: CheckDetails, formerDuration: Duration, sessions: Int,
    onDown: SessionFate, standing: StandingDetails
  ) {
    self.backend = backend
    self.from = from
    self.to = to
    self.check = check
    self.formerDuration = formerDuration
    self.sessions = sessions
    self.onDown = onDown
    self.standing = standing
  }

  public var level: Logger.Level { Self.level(of: to, standing) }

  /// A pool that loses its last backend is an error, any other loss a warning.
  static func level(of health: Health, _ standing: StandingDetails) -> Logger.Level {
    health != .down ? .notice : standing.isLost ? .error : .warning
  }

  public var description: String {
    let former = from == .checking ? "at its first check" : "after \(formerDuration.text) \(from.inCapitals)"
    return "\(backend) \(to.inCapitals) \(former): \(check); \(consequences)"
  }

  /// What the change means for sessions and for the pool.
  var consequences: String {
    guard to == .down else { return standing.description }
    let sessions = self.sessions == 1 ? "1 session" : "\(self.sessions) sessions"
    let fate =
      switch onDown {
      case .keep: "kept"
      case .close(after: .zero): "closed"
      case .close(let delay): "to be closed in \(delay.text)"
      }
    return "\(sessions) \(fate); \(standing) left"
  }

  public func addFields(to object: inout JSONObject) {
    backend.addFields(to: &object)
    object.add("from", from.rawValue)
    object.add("to", to.rawValue)
    check.addFields(to: &object)
    object.add("former_seconds", seconds: formerDuration)
    object.add("sessions", sessions)
    object.add("on_down", onDown.inWords)
    standing.addFields(to: &object)
  }
}
