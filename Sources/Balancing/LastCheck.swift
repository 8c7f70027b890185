import Base

/// How the last check of a backend ended, for whoever wants to know without having been told.
public struct LastCheck: Equatable, Sendable {
  /// As balancer.json names it: `tcp`.
  public let type: String
  public let result: ProbeResult
  public let at: WallTime
  /// Results like it in a row.
  public let streak: Int
  /// How many of them it takes to change the health.
  public let needed: Int

  public init(type: String, result: ProbeResult, at: WallTime, streak: Int, needed: Int) {
    self.type = type
    self.result = result
    self.at = at
    self.streak = streak
    self.needed = needed
  }
}
