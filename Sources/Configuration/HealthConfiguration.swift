public struct HealthConfiguration: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Equatable, Sendable {
    case tcp
  }

  /// What a backend is before its first result.
  public enum Initial: String, CaseIterable, Equatable, Sendable {
    case up, down, checking
  }

  public var type = Kind.tcp
  public var interval: Duration = .seconds(2)
  public var timeout: Duration = .seconds(1)
  /// Between up and down; nil is a quarter of the interval.
  public var fastInterval: Duration?
  /// While down; nil is the interval.
  public var downInterval: Duration?
  public var fall = 3
  public var rise = 2
  public var initial = Initial.checking

  public init() {}
}
