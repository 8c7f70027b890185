import Base
import Logging

/// A check failed and that changed nothing: not yet, or because the backend is down already.
public struct FailedCheckEvent: LoggedEvent, Equatable {
  public static let name = "check"

  public var backend: BackendDetails
  public var health: HealthEvent.Health
  public var check: CheckDetails

  public init(backend: BackendDetails, health: HealthEvent.Health, check: CheckDetails) {
    self.backend = backend
    self.health = health
    self.check = check
  }

  public var level: Logger.Level { .debug }

  public var description: String {
    let count = health == .down ? "\(check.streak) failed in a row" : check.count
    return "\(backend) still \(health.inCapitals): \(check.result), \(count)"
  }

  public func addFields(to object: inout JSONObject) {
    backend.addFields(to: &object)
    object.add("health", health.rawValue)
    check.addFields(to: &object)
  }
}
