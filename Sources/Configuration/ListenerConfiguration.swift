import Base

public struct ListenerConfiguration: Equatable, Sendable {
  public enum Mode: String, CaseIterable, Equatable, Sendable {
    case tcp
  }

  public struct Timeouts: Equatable, Sendable {
    /// Silence after which a session ends; nil is never.
    public var client: Duration? = .seconds(300)
    /// The longest life of a session, give or take a tenth; nil is no limit.
    public var session: Duration?
    /// How long a client has for its PROXY header and its ClientHello.
    public var handshake: Duration = .seconds(10)

    public init() {}
  }

  /// Which PROXY header every connection begins with.
  public enum ProxyProtocol: String, CaseIterable, Equatable, Sendable {
    case off, v1, v2, any
  }

  public struct PerClient: Equatable, Sendable {
    /// Connections at once; nil is no limit.
    public var connections: Int?
    /// New connections; nil is no limit.
    public var rate: Rate?

    public init() {}
  }

  /// Where TLS connections go by the name that they ask for (SNI).
  public struct Route: Equatable, Sendable {
    /// At least one.
    public var sni: [SNIPattern] = []
    public var pool = ""

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
  /// First match wins; the listener's pool takes the rest.
  public var routes: [Route] = []
  public var proxyProtocol = ProxyProtocol.off
  /// Whose PROXY header is believed; empty is everyone's.
  public var trustedProxies: [CIDR] = []
  /// nil is everyone.
  public var allow: [CIDR]?
  /// Read before `allow`.
  public var deny: [CIDR] = []
  public var perClient = PerClient()
  /// Idle time before the kernel asks whether a client is still there; nil is never.
  public var tcpKeepAlive: Duration? = .seconds(120)
  public var fastOpen = false
  public var mptcp = false

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
