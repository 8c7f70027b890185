/// When a backend is checked and what its results mean, as the health checker works with it.
public struct HealthSettings: Equatable, Sendable {
  public enum Initial: Equatable, Sendable {
    case up, down, checking
  }

  public var interval: Duration
  public var timeout: Duration
  public var fastInterval: Duration
  public var downInterval: Duration
  /// Failures in a row to go down.
  public var fall: Int
  /// Successes in a row to come up.
  public var rise: Int
  public var initial: Initial

  public init(
    interval: Duration = .seconds(2), timeout: Duration = .seconds(1), fastInterval: Duration? = nil,
    downInterval: Duration? = nil, fall: Int = 3, rise: Int = 2, initial: Initial = .checking
  ) {
    self.interval = interval
    self.timeout = timeout
    self.fastInterval = fastInterval ?? interval / 4
    self.downInterval = downInterval ?? interval
    self.fall = fall
    self.rise = rise
    self.initial = initial
  }
}
