import Base

public struct PoolConfiguration: Equatable, Sendable {
  public enum Scheduler: String, CaseIterable, Equatable, Sendable {
    case roundRobin = "round-robin"
    case leastConnections = "least-connections"
  }

  public struct Timeouts: Equatable, Sendable {
    public var connect: Duration = .seconds(3)
    /// Silence after which a session ends; nil is never.
    public var server: Duration? = .seconds(300)

    public init() {}
  }

  /// What happens to the sessions of a backend that went down.
  public enum SessionFate: Equatable, Sendable {
    case keep
    /// `.zero` is at once.
    case close(after: Duration)
  }

  public var name = ""
  public var backends: [BackendConfiguration] = []
  public var scheduler = Scheduler.roundRobin
  /// nil is no active checks: every backend counts as up.
  public var health: HealthConfiguration? = HealthConfiguration()
  public var timeouts = Timeouts()
  /// Further connects after the first failed one.
  public var retries = 2
  public var onDown = SessionFate.keep

  public init() {}
}

public struct BackendConfiguration: Equatable, Sendable {
  public var address = Endpoint.any(port: 1)
  /// The address as written, unless the file names it.
  public var name = ""
  /// 0 is no new sessions.
  public var weight = 1
  /// Sessions at once; 0 is no limit.
  public var connections = 0
  /// Used only when no other backend can be.
  public var backup = false
  public var labels: [String: String] = [:]

  public init() {}
}
