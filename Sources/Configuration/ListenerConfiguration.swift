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

  static let shape = Shape<Self>.object(
    Self(), definition: "listener",
    [
      .required(
        "listen", \.listen, .oneOrMore("address", of: .listenAddress),
        "One or more addresses: host:port, [IPv6]:port, :port (all IPv4 and IPv6 addresses) or unix:/path."),
      Field("mode", \.mode, .word, "tcp: bytes are passed on as they are."),
      .required("pool", \.pool, .pool, "The name of the pool that serves the clients."),
      Field(
        "connections", \.connections, .limit(upTo: LimitsConfiguration.mostConnections),
        "Connections at once; more wait in the kernel's backlog. 0: no limit of this listener's own."),
      Field(
        "backlog", \.backlog, .integer(1...1_000_000),
        "Connections that wait in the kernel to be accepted; net.core.somaxconn caps it."),
      Field("timeouts", \.timeouts, Timeouts.shape, "How long things may take."),
    ])
}

extension ListenerConfiguration.Timeouts {
  static let shape = Shape<Self>.object(
    Self(),
    [
      Field(
        "client", \.client, .durationOrOff,
        "Silence of the client after which a session ends; \"off\" or \"0s\": never.")
    ])
}
