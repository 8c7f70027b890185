import Balancing
import Base
import Synchronization
import TLS

/// What is counted for a listener over all workers, for as long as the file has a listener of its name.
public final class ListenerCounters: Sendable {
  /// Sessions open now.
  public let sessions = Atomic<Int>(0)
  /// What its sessions and requests have come to since the start.
  public let meters: Meters
  /// Clients turned away by `allow`, `deny` or `perClient` since the start.
  public let refused = Atomic<Int>(0)
  /// Clients whose PROXY header was missing or malformed since the start.
  public let malformed = Atomic<Int>(0)
  /// Where the listener terminates TLS.
  public let handshakes = HandshakeCounters()
  /// Set while a worker has stopped accepting because of a limit: whoever ends a session tells the workers.
  let paused = Atomic<Bool>(false)

  /// - Parameter workers: how many count in its meters.
  public init(workers: Int = 1) { meters = Meters(workers: workers, scale: .fine) }
}

/// How a listener serves its clients: immutable, replaced as a whole by a reload. A session keeps the one that it
/// began with.
public final class Service: Sendable {
  public struct Settings: Sendable {
    /// Open sessions at once; nil is no limit.
    public var maximumSessions: Int?
    /// Silence of a client after which its session ends; nil is never.
    public var clientIdle: Duration?
    /// The longest life of a session, give or take a tenth; nil is no limit.
    public var session: Duration?
    /// How long a client has for its PROXY header and its ClientHello.
    public var handshake: Duration = .seconds(10)
    /// Who may connect.
    public var access = AccessList()
    public var perClient: ClientTable.Limits?
    /// The PROXY header that every connection begins with; nil is none.
    public var proxyHeader: ProxyHeader.Accepted?
    /// Whose PROXY header is believed; nil is everyone's.
    public var trustedProxies: PrefixSet?
    /// Where the names go that clients ask for (SNI); nil when nobody looks. They are of no use beside `tls`.
    public var routes: SNIRoutes?
    /// The listener terminates TLS: its clients begin with a handshake, behind the PROXY header if there is one. Nil
    /// leaves their bytes as they are. New certificates come with a new context in a new service: sessions that run, and
    /// handshakes that have begun, keep the one they have.
    public var tls: TLSServerContext?

    /// How HTTP is spoken; nil relays bytes.
    public var http: HTTPService?

    public init() {}
  }

  /// The name of the listener in balancer.json.
  public let listener: String
  public let counters: ListenerCounters
  /// Where sessions go that no route takes; nil when there is no such place.
  public let destination: Destination?
  /// Open sessions at once; `Int.max` is no limit.
  let maximumSessions: Int
  /// `UInt64.max` is never.
  let clientIdleNanoseconds: UInt64
  /// `UInt64.max` is no limit.
  let sessionNanoseconds: UInt64
  let handshakeNanoseconds: UInt64
  let access: AccessList
  let perClient: ClientTable.Limits?
  /// Counts clients where `perClient` asks for it.
  let clients: ClientTable?
  let proxyHeader: ProxyHeader.Accepted?
  let http: HTTPService?
  let trustedProxies: PrefixSet?
  let routes: SNIRoutes?
  let tls: TLSServerContext?

  /// - Parameter clients: needed where the settings have `perClient`; it lives as long as the listener's name does.
  public init(
    listener: String, counters: ListenerCounters, destination: Destination?, settings: Settings = Settings(),
    clients: ClientTable? = nil
  ) {
    self.listener = listener
    self.counters = counters
    self.destination = destination
    maximumSessions = settings.maximumSessions ?? .max
    clientIdleNanoseconds = settings.clientIdle.wholeNanoseconds
    sessionNanoseconds = settings.session.wholeNanoseconds
    handshakeNanoseconds = Optional(settings.handshake).wholeNanoseconds
    access = settings.access
    perClient = settings.perClient
    self.clients = clients
    proxyHeader = settings.proxyHeader
    http = settings.http
    trustedProxies = settings.trustedProxies
    routes = settings.routes
    tls = settings.tls
  }

  /// Whether a client has to say something before it gets a backend.
  var hasGreeting: Bool { proxyHeader != nil || tls != nil || readsHello }

  /// What comes first, but for the PROXY header.
  var firstStage: Greeting.Stage { tls != nil ? .tls : .hello }

  /// Whether somebody wants to know the name that a client asks for, and nobody decrypts it: the routes, or the
  /// scheduler of the pool.
  var readsHello: Bool {
    if tls != nil { return false }
    return routes != nil || destination?.pool.schedulerNeeds.contains(.serverName) == true
  }
}

/// Where TLS connections go by the name that they ask for, which is read and never decrypted.
public struct SNIRoutes: Sendable {
  private let table: SNITable
  private let destinations: [Destination]

  /// - Parameters:
  ///   - table: gives the index of a route.
  ///   - destinations: of each route.
  public init(_ table: SNITable, _ destinations: [Destination]) {
    self.table = table
    self.destinations = destinations
  }

  func destination(of name: String) -> Destination? { table.route(of: name).map { destinations[$0] } }
}

extension Duration? {
  /// At least one; nil is `UInt64.max`.
  var wholeNanoseconds: UInt64 { map { UInt64(max(1, $0.nanoseconds)) } ?? .max }
}
