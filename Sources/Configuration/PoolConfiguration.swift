import Base

public struct PoolConfiguration: Equatable, Sendable {
  public struct Timeouts: Equatable, Sendable {
    public var connect: Duration = .seconds(3)
    /// Silence after which a session ends; nil is never.
    public var server: Duration? = .seconds(300)
    /// How long a session waits for a backend when all are full.
    public var queue: Duration = .seconds(10)
    /// http: from the request to the head of its response.
    public var response: Duration = .seconds(60)
    /// http: silence of a connection that was upgraded.
    public var tunnel: Duration = .seconds(3600)

    public init() {}
  }

  /// http: connections to the backends that wait for the next request.
  public struct KeepAlive: Equatable, Sendable {
    /// For each worker and backend; 0 is none.
    public var idle = 32
    /// How long one may wait.
    public var ttl: Duration = .seconds(60)
    /// Requests on one connection; nil is no limit.
    public var requests: Int?

    public init() {}
  }

  /// What happens to the sessions of a backend that went down.
  public enum SessionFate: Equatable, Sendable {
    case keep
    /// `.zero` is at once.
    case close(after: Duration)
  }

  /// Which PROXY header the backends get.
  public enum SendProxy: String, CaseIterable, Equatable, Sendable {
    case off, v1, v2
  }

  /// The local address of connections to the backends.
  public enum Source: Equatable, Sendable {
    case address(IPAddress)
    /// The client's own: transparent.
    case client
  }

  public var name = ""
  public var backends: [BackendConfiguration] = []
  public var scheduler = SchedulerConfiguration.roundRobin
  /// nil is no active checks: every backend counts as up.
  public var health: HealthConfiguration? = HealthConfiguration()
  /// nil is off.
  public var outlier: OutlierConfiguration?
  /// With a smaller percentage of healthy backends all are used; 0 is never.
  public var panic = 0
  public var timeouts = Timeouts()
  /// Further connects after the first failed one.
  public var retries = 2
  /// Sessions that may wait for a backend when all are full; 0 is none.
  public var queue = 1024
  /// Retries under way, in percent of the pool's open sessions; a few are always allowed.
  public var retryBudget = 20
  /// How long the weight of a backend that came up grows; zero is not at all.
  public var slowStart: Duration = .zero
  public var sticky: StickyConfiguration?
  public var onDown = SessionFate.keep
  public var onRemove = SessionFate.keep
  public var sendProxy = SendProxy.off
  /// nil leaves it to the kernel.
  public var source: Source?
  /// Idle time before the kernel asks whether a backend is still there; nil is never.
  public var tcpKeepAlive: Duration? = .seconds(120)
  public var fastOpen = false
  public var mptcp = false
  /// Spare connections that each worker keeps ready for each backend.
  public var prewarm = 0
  /// nil is without.
  public var tls: BackendTLS?
  public var keepAlive = KeepAlive()

  public init() {}

  /// The keys that `defaults` has as well.
  static let inheritedFields: [Field<Self>] = [
    Field("scheduler", \.scheduler, SchedulerConfiguration.shape, "How a backend is picked for a new session."),
    Field(
      "health", \.health,
      .either(
        .words([("off", nil)], besides: "an object"), or: .optional(HealthConfiguration.shape),
        "\"off\" or an object"),
      "Active checks of the backends; \"off\": every backend counts as up."),
    Field("timeouts", \.timeouts, Timeouts.shape, "How long things may take."),
    Field(
      "retries", \.retries, .integer(0...10),
      "Further connects after a failed one, each to another backend while there is one."),
  ]

  static let settingsFields =
    inheritedFields + [
      Field(
        "queue", \.queue, .integer(0...1_000_000),
        "Sessions that may wait, first come first served, when all backends have as many as their connections allow; 0: none."
      ),
      Field(
        "retryBudget", \.retryBudget, .integer(0...100),
        "Retries under way, in percent of the pool's open sessions; 3 at once are always allowed."),
      Field(
        "slowStart", \.slowStart, .durationOrZero,
        "A backend that came up gets its weight in ten steps over this time; \"0s\": at once."),
      Field(
        "sticky", \.sticky, .optional(StickyConfiguration.shape),
        "A client that comes back gets the backend that it had."),
      Field(
        "onDown", \.onDown, .sessionFate,
        "The sessions of a backend that went down: keep leaves them alone, close ends them at once, { \"close\": \"30s\" } after that time."
      ),
      Field(
        "onRemove", \.onRemove, .sessionFate,
        "The same for the sessions of a backend that a reload has removed."),
      Field(
        "sendProxy", \.sendProxy, .word,
        "The PROXY header that tells the backends who the client is; they have to expect it."),
      Field("tls", \.tls, .optional(.backendTLS), "TLS to the backends; {}: with the defaults. Default: \"off\"."),
      Field(
        "source", \.source, .optional(.source),
        "The local address of connections to backends of its family; client: the client's own, which needs CAP_NET_ADMIN and a route back through this machine. Default: the kernel's choice."
      ),
      Field(
        "tcpKeepAlive", \.tcpKeepAlive, .durationOrOff,
        "Silence after which the kernel asks whether a backend is still there; one that is not is found within twice that. At most 9 hours hold."
      ),
      Field(
        "fastOpen", \.fastOpen, .boolean,
        "TCP Fast Open towards the backends: data with the first packet. Needs bit 1 of net.ipv4.tcp_fastopen."),
      Field("mptcp", \.mptcp, .boolean, "Multipath TCP towards backends that have it (RFC 8684)."),
      Field(
        "keepAlive", \.keepAlive, KeepAlive.shape, "http: connections to the backends that wait for the next request."),
      Field(
        "prewarm", \.prewarm, .integer(0...1024),
        "Connections to each backend that each worker keeps ready for sessions to come; 0: none. Not with sendProxy or source client."
      ),
      Field(
        "outlier", \.outlier,
        .either(
          .words([("off", nil)], besides: "an object"), or: .optional(OutlierConfiguration.shape),
          "\"off\" or an object"),
        "Passive checks: a backend that fails with real traffic is ejected for a time."),
      Field(
        "panic", \.panic, .integer(0...100),
        "With a smaller percentage of healthy backends sessions go to all of them; 0: never."),
    ]

  /// Everything but the backends.
  static let settingsShape = Shape<Self>.object(Self(), settingsFields)

  static let shape = Shape<Self>.object(
    Self(), definition: "pool",
    [
      .required(
        "backends", \.backends,
        .array("backend", of: BackendConfiguration.shape, check: BackendConfiguration.checkNames),
        "The servers of this pool: addresses, or objects that say more.")
    ] + settingsFields
  ).checking { pool, json, reading in pool.checkServerNames(json, reading) }

  /// A unix socket has no name that a certificate could be for.
  private func checkServerNames(_ json: JSONValue, _ reading: Reading) {
    guard case .array(let elements)? = json["backends"]?.kind, elements.count == backends.count else { return }
    for (index, backend) in backends.enumerated() {
      guard case .unix = backend.address,
        [tls(of: backend), healthTLS(of: backend)].contains(where: { $0?.verifies == true && $0?.serverName == nil })
      else { continue }
      reading.fail(
        at: elements[index].location, path: "\(reading.path).backends[\(index)]",
        "a unix socket has no host name that a certificate could be verified for: give \"tls\" a \"serverName\"")
    }
  }
}

extension PoolConfiguration.Timeouts {
  static let shape = Shape<Self>.object(
    Self(), definition: "poolTimeouts",
    [
      Field("connect", \.connect, .duration, "How long a backend may take to accept a connection."),
      Field("queue", \.queue, .duration, "How long a session waits for a backend when all are full."),
      Field(
        "server", \.server, .durationOrOff,
        "Silence of the backend after which a session ends; \"off\" or \"0s\": never."),
      Field(
        "response", \.response, .duration,
        "http: how long a backend may take from a request to the head of its response; then the client gets 504."),
      Field(
        "tunnel", \.tunnel, .duration, "http: silence after which an upgraded connection, such as a WebSocket, ends."),
    ])
}

extension PoolConfiguration.KeepAlive {
  static let shape = Shape<Self>.object(
    Self(), definition: "keepAlive",
    [
      Field(
        "idle", \.idle, .integer(0...100_000),
        "Connections that wait, for each worker and backend; 0: a new one each time."),
      Field("ttl", \.ttl, .duration, "How long one waits before it is closed; shorter than the backend's own time."),
      Field("requests", \.requests, .limit(upTo: 1_000_000_000), "Requests on one connection; 0: no limit."),
    ])
}

extension Shape where Value == PoolConfiguration.SessionFate {
  /// `"keep"`, `"close"`, or `{ "close": "30s" }`.
  static var sessionFate: Shape {
    .either(
      .words([("keep", .keep), ("close", .close(after: .zero))], besides: "an object"),
      or: Shape<Duration>.object(
        .zero, [.required("close", \.self, .durationOrZero, "The time that the sessions have left.")]
      ).map(
        { .close(after: $0) },
        { fate in
          switch fate {
          case .keep: .zero
          case .close(let delay): delay
          }
        }),
      "\"keep\", \"close\" or an object")
  }
}

public struct BackendConfiguration: Equatable, Sendable {
  public var address = Endpoint.any(port: 1)
  /// The address, unless the file names it.
  public var name = ""
  /// 0 is no new sessions.
  public var weight = 1
  /// Sessions at once; 0 is no limit.
  public var connections = 0
  /// Used only when no other backend can be.
  public var backup = false
  /// Where checks go; nil is the backend itself.
  public var check: Endpoint?
  public var labels: [String: String] = [:]
  /// nil is the pool's.
  public var tls: BackendTLS?

  public init() {}

  /// An address alone, or an object.
  static let shape = Shape<Self>.either(
    Shape<Endpoint>.backendAddress.map(Self.init(address:), \.address),
    or: objectShape.map(\.named, { $0 }),
    "an address such as \"127.0.0.1:8080\" or an object")

  private init(address: Endpoint) {
    self.address = address
    name = address.description
  }

  private var named: Self {
    var backend = self
    if name.isEmpty { backend.name = address.description }
    return backend
  }

  static let objectShape = Shape<Self>.object(
    Self(), definition: "backend",
    [
      .required("address", \.address, .backendAddress, "host:port, [IPv6]:port or unix:/path."),
      Field("name", \.name, .name, "What the log calls this backend. Default: its address."),
      Field(
        "weight", \.weight, .integer(0...256),
        "Its share of the sessions in relation to the others' weights; 0: no new sessions."),
      Field(
        "connections", \.connections, .integer(0...LimitsConfiguration.mostConnections),
        "Sessions at once; 0: no limit."),
      Field("backup", \.backup, .boolean, "Used only when no other backend can be."),
      Field(
        "check", \.check, .optional(.backendAddress),
        "Where checks of this backend go, when that is not its address: host:port, [IPv6]:port or unix:/path."),
      Field(
        "tls", \.tls, .optional(.backendTLS),
        "TLS to this backend: what stands here comes before what the pool's tls says; \"off\": none."),
      Field(
        "labels", \.labels, .texts(atMost: 64, longest: 256), "Texts by name that the log shows with this backend."),
    ])

  /// A backend is known by its pool and its name.
  @Sendable
  static func checkNames(_ backends: [(index: Int, json: JSONValue, value: Self)], _ reading: Reading) {
    var first: [String: Location] = [:]
    for (index, json, backend) in backends {
      let given = json["name"]?.location
      guard let earlier = first[backend.name] else {
        first[backend.name] = given ?? json.location
        continue
      }
      reading.inside(index) {
        reading.fail(
          at: given ?? json.location,
          "a backend of this pool is named \(backend.name.quoted) already, at \(earlier.line):\(earlier.column)"
            + (given == nil ? "; give one of them a \"name\"" : ""))
      }
    }
  }
}
