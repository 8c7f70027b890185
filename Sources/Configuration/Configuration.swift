import Base

/// balancer.json after every check: whatever holds one of these values may run from it.
///
/// Lists keep the order of the file.
public struct Configuration: Equatable, Sendable {
  public var workers: WorkerCount = .automatic
  public var listeners: [ListenerConfiguration] = []
  public var pools: [PoolConfiguration] = []
  /// nil is no admin server.
  public var admin: AdminConfiguration? = AdminConfiguration()
  public var log = LogConfiguration()
  public var limits = LimitsConfiguration()
  public var shutdown = ShutdownConfiguration()
  /// Where the keys stand in the file; takes no part in comparing.
  public var places = Places()

  public init() {}
}

public enum WorkerCount: Equatable, Sendable {
  /// The processors this process may use: its affinity and its cgroup's quota.
  case automatic
  case fixed(Int)
}

extension Shape where Value == WorkerCount {
  static var workers: Shape {
    Shape<Int?>.integer(1...1024, or: "auto").map(
      { $0.map(WorkerCount.fixed) ?? .automatic },
      { workers in
        switch workers {
        case .automatic: nil
        case .fixed(let count): count
        }
      })
  }
}

public struct LimitsConfiguration: Equatable, Sendable {
  /// Open client connections at once; nil is what the descriptor limit allows.
  public var connections: Int?
  /// Memory of the process past which nobody is let in; nil is no limit.
  public var memory: ByteSize?

  public init() {}

  /// More than any machine carries today.
  static let mostConnections = 100_000_000

  static let shape = Shape<Self>.object(
    Self(),
    [
      Field(
        "connections", \.connections, .integer(1...mostConnections, or: "auto"),
        "Client connections at once; more wait in the kernel's backlog. auto: what the limit of open files allows."),
      Field(
        "memory", \.memory, .optional(.size(atLeast: ByteSize(bytes: 16 << 20))),
        "Memory of the process past which new clients wait in the kernel's backlog; the program itself takes about 12MiB of it."
      ),
    ])
}

public struct ShutdownConfiguration: Equatable, Sendable {
  /// How long SIGTERM waits for open sessions.
  public var drain: Duration = .seconds(30)

  public init() {}

  static let shape = Shape<Self>.object(
    Self(),
    [
      Field(
        "drain", \.drain, .durationOrZero,
        "How long SIGTERM waits for open sessions before it closes them; \"0s\" does not wait.")
    ])
}
