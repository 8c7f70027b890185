import Balancing
import Base
import Reactor

/// How sessions reach the backends of a pool: immutable, replaced as a whole by a reload.
public final class Destination: Sendable {
  public struct Settings: Sendable {
    /// Connects after the first one that failed.
    public var retries = 2
    /// Retries under way, in percent of the pool's open sessions.
    public var retryBudget = 20
    /// Which backend clients had, and for how long that counts; nil where it does not.
    public var sticky: (Stickiness, ttl: Duration)?
    /// Cookies by which clients are known again, of exchanges; nil where there are none.
    public var cookies: StickyCookies?
    /// How long one connect may take.
    public var connect: Duration = .seconds(3)
    /// Silence of a backend after which a session ends; nil is never.
    public var serverIdle: Duration?
    /// How long a session waits at most for the first check of the pool.
    public var wait: Duration = .seconds(2)
    /// How long a session waits at most for a backend when all are full.
    public var queue: Duration = .seconds(10)
    /// The PROXY header that backends get; nil is none.
    public var sendProxy: ProxyHeaderWriter?
    /// Which backends are spoken to by TLS; nil is none. The same object over all reloads of the pool, see there. The
    /// PROXY header goes before the handshake, in the clear.
    public var tls: TLSPeers?
    /// The pool ejects backends that fail: see `Outcomes`.
    public var watchesOutcomes = false
    public var options = ConnectOptions()
    /// What the scheduler goes by, where it wants to know something of a request.
    public var hashKey: SchedulerKind.HashKey?
    /// Of exchanges.
    public var http = HTTPDestination()
    /// Idle time before the kernel asks whether a backend is still there; nil is never.
    public var keepAlive: Duration?
    /// Spare connections that each worker keeps ready for each backend. None where a connection says whose it is: with
    /// a PROXY header, or the client's own address.
    public var prewarm = 0

    public init() {}
  }

  public let pool: Pool
  let retries: Int
  let retryBudget: Int
  private let sticky: (Stickiness, ttl: Duration)?
  let cookies: StickyCookies?
  let connectNanoseconds: UInt64
  /// `UInt64.max` is never.
  let serverIdleNanoseconds: UInt64
  let waitNanoseconds: UInt64
  let queueNanoseconds: UInt64
  let sendProxy: ProxyHeaderWriter?
  let tls: TLSPeers?
  let watchesOutcomes: Bool
  let options: ConnectOptions
  let http: HTTPDestination
  let hashKey: SchedulerKind.HashKey?
  /// The name of the field or cookie in it.
  let hashName: [UInt8]
  /// The pool's name.
  let poolName: [UInt8]
  let responseNanoseconds: UInt64
  let tunnelNanoseconds: UInt64
  /// How long a connection waits for the next exchange.
  let idleNanoseconds: UInt64
  /// 0 is never.
  let keepAliveSeconds: Int
  let prewarm: Int

  public init(pool: Pool, settings: Settings = Settings()) {
    self.pool = pool
    retries = settings.retries
    retryBudget = settings.retryBudget
    sticky = settings.sticky
    cookies = settings.cookies
    connectNanoseconds = Optional(settings.connect).wholeNanoseconds
    serverIdleNanoseconds = settings.serverIdle.wholeNanoseconds
    waitNanoseconds = Optional(settings.wait).wholeNanoseconds
    queueNanoseconds = Optional(settings.queue).wholeNanoseconds
    sendProxy = settings.sendProxy
    tls = settings.tls
    watchesOutcomes = settings.watchesOutcomes
    options = settings.options
    http = settings.http
    hashKey = settings.hashKey
    hashName =
      switch settings.hashKey {
      case .header(let name), .cookie(let name): Array(name.utf8)
      case .uri, .serverName, nil: []
      }
    poolName = Array(pool.name.utf8)
    tunnelNanoseconds = Optional(settings.http.tunnel).wholeNanoseconds
    idleNanoseconds = Optional(settings.http.ttl).wholeNanoseconds
    responseNanoseconds = Optional(settings.http.response).wholeNanoseconds
    keepAliveSeconds = settings.keepAlive.map { max(1, Int($0.nanoseconds / 1_000_000_000)) } ?? 0
    prewarm = settings.sendProxy == nil && settings.options.source != .client ? max(0, settings.prewarm) : 0
  }

  /// Spares that were made for the other one serve sessions of this one.
  func sharesSpares(with other: Destination) -> Bool {
    self === other || options == other.options && keepAliveSeconds == other.keepAliveSeconds
  }

  /// Whether the scheduler or the backend is to know the name that a client asks for.
  var wantsServerName: Bool { sendProxy != nil || pool.schedulerNeeds.contains(.serverName) }

  /// Connections carry the exchanges of any client.
  var sharesConnections: Bool { sendProxy == nil && options.source != .client }

  /// Connections wait for another exchange when one is done.
  var keepsConnections: Bool { http.idle > 0 && sharesConnections }

  /// Connections that were made for the other one serve exchanges of this one.
  func sharesConnections(with other: Destination) -> Bool { sharesSpares(with: other) }

  /// How long a spare waits at most: a silence that ends a session is too long for it as well.
  var spareLifeNanoseconds: UInt64 { min(SpareShelf.longestLife, serverIdleNanoseconds) }

  /// Chooses a backend for a session and counts the session on it.
  /// - Parameters:
  ///   - tried: backends that failed this session.
  ///   - client: whose session it is; nil for a unix socket.
  ///   - serverName: the name that the client asked for.
  ///   - key: what a request is hashed by.
  ///   - preferred: the hash of the name of the backend that its cookie names.
  func pick(
    avoiding tried: [Backend], client: IPAddress?, serverName: String?, key: UInt64? = nil, preferred: UInt64? = nil,
    random: inout SeededGenerator, now: Instant, orWait waiter: Waiter?
  ) -> Pick {
    var request = PickRequest(now: now)
    let needs = pool.schedulerNeeds
    if needs.contains(.random) { request.random = random.next() }
    if let key {
      request.key = key
    } else if needs.contains(.serverName), let serverName {
      request.key = StableHash.of(serverName)
    } else if !needs.isDisjoint(with: [.source, .serverName, .request]) {
      // A pool that hashes requests may have tcp sessions as well, which have none.
      request.key = PickKey.of(client: client)
    }
    request.preferred = preferred
    guard let (stickiness, ttl) = sticky, let client else {
      return pool.pick(avoiding: tried, for: request, orWait: waiter)
    }
    request.preferred = stickiness.backend(of: client, ttl: ttl, now: now)
    let pick = pool.pick(avoiding: tried, for: request, orWait: waiter)
    if case .backend(let backend, let reason) = pick, !reason.isSticky {
      stickiness.remember(client, backend: backend.nameHash, now: now)
    }
    return pick
  }
}
