import Logging

/// A backend is down because its host name has no address.
public struct UnresolvedEvent: LoggedEvent, Equatable {
  public static let name = "unresolved"

  /// Its address is as the file has it: `db1.internal:5432`.
  public var backend: BackendDetails
  /// `"db1.internal" cannot be resolved: Name or service not known`.
  public var cause: String
  public var standing: StandingDetails

  public init(backend: BackendDetails, cause: String, standing: StandingDetails) {
    self.backend = backend
    self.cause = cause
    self.standing = standing
  }

  public var level: Logger.Level { HealthEvent.level(of: .down, standing) }

  public var description: String { "\(backend) DOWN: \(cause); \(standing)" }

  public func addFields(to object: inout JSONObject) {
    backend.addFields(to: &object)
    object.add("to", HealthEvent.Health.down.rawValue)
    object.add("cause", cause)
    standing.addFields(to: &object)
  }
}
