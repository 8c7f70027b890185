import Base

public struct ListenerConfiguration: Equatable, Sendable {
  public enum Mode: String, CaseIterable, Equatable, Sendable {
    case tcp, http
  }

  public struct Timeouts: Equatable, Sendable {
    /// Silence after which a session ends; nil is never.
    public var client: Duration? = .seconds(300)
    /// The longest life of a session, give or take a tenth; nil is no limit.
    public var session: Duration?
    /// How long a client has for its PROXY header and its ClientHello or handshake.
    public var handshake: Duration = .seconds(10)
    /// http: how long a client has for the whole head of a request.
    public var request: Duration = .seconds(10)
    /// http: silence between two requests.
    public var keepAlive: Duration = .seconds(60)
    /// http: silence within the content of a request.
    public var body: Duration = .seconds(60)

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
    /// http: requests; nil is no limit.
    public var requests: Rate?

    public init() {}
  }

  public var name = ""
  public var listen: [Endpoint] = []
  public var mode = Mode.tcp
  /// The name of a pool in the same file; nil only where routes say where to go.
  public var pool: String?
  /// Open connections at once; nil is no limit of the listener's own.
  public var connections: Int?
  public var backlog = 4096
  public var timeouts = Timeouts()
  /// First match wins; the listener's pool takes the rest.
  public var routes: [RouteConfiguration] = []
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
  /// nil passes on what comes.
  public var tls: TLSConfiguration?
  /// Only with `mode: "http"`.
  public var http = HTTPConfiguration()

  public init() {}

  /// The names of all pools that its clients may come to, those that get copies of requests too.
  public var pools: [String] {
    var names: [String] = []
    var known = Set<String>()
    let all = (pool.map { [$0] } ?? []) + routes.flatMap { $0.pools.map(\.pool) + ($0.mirror.map { [$0] } ?? []) }
    for name in all where known.insert(name).inserted { names.append(name) }
    return names
  }

  static let shape = Shape<Self>.object(
    Self(), definition: "listener", oneOf: ["pool", "routes", "http"],
    [
      .required(
        "listen", \.listen, .listenAddresses,
        "One or more addresses: host:port, [IPv6]:port, :port (all IPv4 and IPv6 addresses) or unix:/path. A range of ports, such as :8000-8010, is several."
      ),
      Field(
        "mode", \.mode, .word,
        "tcp: bytes are passed on as they are. http: requests are read, routed and passed on one by one."),
      Field(
        "pool", \.pool, .optional(.pool),
        "The name of the pool that serves what no route takes. Required without routes, unless redirectHTTPS answers everybody."
      ),
      Field(
        "routes", \.routes, .array("route", of: RouteConfiguration.shape),
        "What becomes of the requests that match; the first that does. tcp: other pools for TLS clients, by the server name that they ask for; nothing is decrypted."
      ),
      Field("tls", \.tls, .optional(TLSConfiguration.shape), "TLS ends here, and the pool gets what it held."),
      Field(
        "proxyProtocol", \.proxyProtocol, .word,
        "The PROXY header that every connection has to begin with; any: either version."),
      Field(
        "trustedProxies", \.trustedProxies, .cidrsOrNone,
        "Whose PROXY header is believed; of others it is read and dropped. Empty: everyone's. http: also whose X-Forwarded-For, Forwarded and request's name are; empty: nobody's."
      ),
      Field("allow", \.allow, .optional(.cidrs), "Clients that are served; all others are refused. Default: everyone."),
      Field("deny", \.deny, .cidrsOrNone, "Clients that are refused; read before allow."),
      Field("perClient", \.perClient, PerClient.shape, "What one client may have, by its address; of IPv6 by its /64."),
      Field(
        "connections", \.connections, .limit(upTo: LimitsConfiguration.mostConnections),
        "Connections at once; more wait in the kernel's backlog. 0: no limit of this listener's own."),
      Field(
        "backlog", \.backlog, .integer(1...1_000_000),
        "Connections that wait in the kernel to be accepted; net.core.somaxconn caps it."),
      Field(
        "tcpKeepAlive", \.tcpKeepAlive, .durationOrOff,
        "Silence after which the kernel asks whether a client is still there; one that is not is found within twice that. At most 9 hours hold."
      ),
      Field(
        "fastOpen", \.fastOpen, .boolean,
        "TCP Fast Open: a client that was here before may send data with its first packet. Needs bit 2 of net.ipv4.tcp_fastopen."
      ),
      Field("mptcp", \.mptcp, .boolean, "Multipath TCP for clients that have it (RFC 8684)."),
      Field("timeouts", \.timeouts, Timeouts.shape, "How long things may take."),
      Field("http", \.http, HTTPConfiguration.shape, "With mode http: what holds for every request."),
    ]
  ).checking { listener, json, reading in
    guard listener.mode == .tcp, listener.tls != nil, case .object(let members) = json.kind,
      let member = members.first(where: { $0.key == "routes" })
    else { return }
    reading.inside(member) {
      reading.fail(
        at: member.location,
        "routes by server name pass TLS on as it is, and \"tls\" ends it: use two listeners, leave one of them out, or route requests with \"mode\": \"http\""
      )
    }
  }.noting(checkMode)
}

extension ListenerConfiguration.PerClient {
  static let shape = Shape<Self>.object(
    Self(), definition: "perClient",
    [
      Field(
        "connections", \.connections, .limit(upTo: LimitsConfiguration.mostConnections),
        "Connections at once; the next is closed, http: answered with 429 and Retry-After. 0: no limit."),
      Field(
        "rate", \.rate, .optional(.rate),
        "New connections; those that come faster are closed, http: answered with 429 and Retry-After. As many as that may come at once. Default: no limit."
      ),
      Field(
        "requests", \.requests, .optional(.rate),
        "http: requests; those that come faster are answered with 429 and Retry-After. As many as that may come at once. Default: no limit."
      ),
    ])
}

extension ListenerConfiguration.Timeouts {
  static let shape = Shape<Self>.object(
    Self(),
    [
      Field(
        "client", \.client, .durationOrOff,
        "Silence of the client after which a session ends, http: nothing of a response is read; "
          + "tcp: \"off\" or \"0s\" is never."),
      Field(
        "session", \.session, .durationOrOff,
        "The longest life of a session, give or take 10 %; http: then it has no further request; "
          + "\"off\" or \"0s\": no limit."),
      Field(
        "handshake", \.handshake, .duration,
        "How long a client has for its PROXY header and its TLS ClientHello or handshake, where they are expected."),
      Field(
        "request", \.request, .duration,
        "http: how long a client has for the whole head of a request; then it gets 408."),
      Field("keepAlive", \.keepAlive, .duration, "http: how long a connection may rest between two requests."),
      Field(
        "body", \.body, .duration,
        "http: silence of the client within the content of a request after which it gets 408."),
    ])
}
