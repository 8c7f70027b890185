import Base

public struct ListenerConfiguration: Equatable, Sendable {
  public enum Mode: String, CaseIterable, Equatable, Sendable {
    case tcp
  }

  public struct Timeouts: Equatable, Sendable {
    /// Silence after which a session ends; nil is never.
    public var client: Duration? = .seconds(300)

    public init() {}
  }

  public var name = ""
  public var listen: [Endpoint] = []
  public var mode = Mode.tcp
  /// The name of a pool in the same file.
  public var pool = ""
  /// Open connections at once; nil is no limit of the listener's own.
  public var connections: Int?
  public var backlog = 4096
  public var timeouts = Timeouts()

  public init() {}
}
