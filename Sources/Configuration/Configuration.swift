import Base

/// balancer.json after every check: whatever holds one of these values may run from it.
///
/// Lists keep the order of the file.
public struct Configuration: Equatable, Sendable {
  public var workers: WorkerCount = .automatic
  public var listeners: [ListenerConfiguration] = []
  public var pools: [PoolConfiguration] = []
  public var log = LogConfiguration()
  public var limits = LimitsConfiguration()
  public var shutdown = ShutdownConfiguration()

  public init() {}
}

public enum WorkerCount: Equatable, Sendable {
  /// The processors this process may use: its affinity and its cgroup's quota.
  case automatic
  case fixed(Int)
}

public struct LimitsConfiguration: Equatable, Sendable {
  /// Open client connections at once; nil is what the descriptor limit allows.
  public var connections: Int?

  public init() {}
}

public struct ShutdownConfiguration: Equatable, Sendable {
  /// How long SIGTERM waits for open sessions.
  public var drain: Duration = .seconds(30)

  public init() {}
}
