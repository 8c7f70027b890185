import Balancing
import Base
import Configuration
import Reactor
import Routing
import TCPProxy
import TLS

/// A listener at work, beside the part of the file that it came from.
struct RunningListener {
  let counters: ListenerCounters
  let configuration: ListenerConfiguration
  let service: Service
  /// What its names stand for.
  let addresses: [SocketAddress]
  /// Counts clients where `perClient` asks for it.
  private let clients: ClientTable?
  /// Counts their requests where `perClient` asks for that.
  private let requestLimit: RateLimit?
  /// That the configuration names.
  private let files: NamedFiles
  /// Of an http listener.
  private let routes: AssembledRoutes?

  /// - Parameters:
  ///   - pools: all of the configuration, by name.
  ///   - files: that the configuration names.
  ///   - workers: how many count what they do.
  init(
    _ configuration: ListenerConfiguration, pools: [String: RunningPool], tls: TLSContexts, files: NamedFiles,
    workers: Int, former: RunningListener?
  ) throws {
    var addresses: [SocketAddress] = []
    for endpoint in configuration.listen {
      for address in try HostLookup.addresses(of: endpoint) where !addresses.contains(address) {
        addresses.append(address)
      }
    }
    try self.init(
      configuration, addresses, pools, tls, files, former?.counters ?? ListenerCounters(workers: workers), former)
  }

  /// The same with what has become of its certificates.
  func renewed(pools: [String: RunningPool], tls: TLSContexts) -> RunningListener {
    // What could be assembled before can be assembled again.
    (try? RunningListener(configuration, addresses, pools, tls, files, counters, self)) ?? self
  }

  private init(
    _ configuration: ListenerConfiguration, _ addresses: [SocketAddress], _ pools: [String: RunningPool],
    _ tls: TLSContexts, _ files: NamedFiles, _ counters: ListenerCounters, _ former: RunningListener?
  ) throws {
    self.configuration = configuration
    self.files = files
    self.addresses = addresses
    self.counters = counters
    var settings = Service.Settings(configuration)
    settings.tls = tls.servers[configuration.name]?.context
    // Whoever was counted gives its ticket back to the table that it has it from, also where `perClient` has gone.
    clients = former?.clients ?? (settings.perClient == nil ? nil : ClientTable(seed: .random(in: 0...UInt64.max)))
    var routes: AssembledRoutes?
    // A tcp listener's routes have one pool each and nothing but server names to match.
    let routed = (configuration.mode == .tcp ? configuration.routes : []).compactMap { route in
      route.pools.first.flatMap { pools[$0.pool] }.map { (route.match.sni, $0.destination) }
    }
    if !routed.isEmpty { settings.routes = SNIRoutes(SNITable(routed.map(\.0)), routed.map(\.1)) }
    if configuration.mode == .http {
      let http = try HTTPService.Settings(
        configuration, addresses: addresses, pools: pools, files: files,
        former: former.map { ($0.configuration, $0.routes, $0.requestLimit) }, routes: &routes)
      requestLimit = http.requestLimit
      settings.http = HTTPService(http)
    } else {
      requestLimit = nil
    }
    service = Service(
      listener: configuration.name, counters: counters,
      destination: configuration.pool.flatMap { pools[$0] }?.destination,
      settings: settings, clients: clients)
    self.routes = routes
  }

  /// Options of the listening socket that a reload may change.
  func setOptions(of socket: SharedDescriptor) {
    SocketOption.keepAlive(socket.number, seconds: configuration.tcpKeepAlive.map(\.wholeSeconds) ?? 0)
    SocketOption.fastOpen(socket.number, queue: configuration.fastOpen ? Int32(min(configuration.backlog, 1024)) : 0)
  }
}

extension Service.Settings {
  init(_ listener: ListenerConfiguration) {
    self.init()
    maximumSessions = listener.connections
    clientIdle = listener.timeouts.client
    session = listener.timeouts.session
    handshake = listener.timeouts.handshake
    access = AccessList(allow: listener.allow, deny: listener.deny)
    if listener.perClient != ListenerConfiguration.PerClient() {
      perClient = ClientTable.Limits(connections: listener.perClient.connections, rate: listener.perClient.rate)
    }
    proxyHeader =
      switch listener.proxyProtocol {
      case .off: nil
      case .v1: .v1
      case .v2: .v2
      case .any: .any
      }
    if !listener.trustedProxies.isEmpty { trustedProxies = PrefixSet(listener.trustedProxies) }
  }
}

extension Destination.Settings {
  init(_ pool: PoolConfiguration) {
    self.init()
    retries = pool.retries
    retryBudget = pool.retryBudget
    connect = pool.timeouts.connect
    serverIdle = pool.timeouts.server
    // The first result of a check comes within its timeout; the rest is for a busy machine.
    wait = (pool.health?.timeout ?? .zero) + .seconds(1)
    queue = pool.timeouts.queue
    keepAlive = pool.tcpKeepAlive
    prewarm = pool.prewarm
    watchesOutcomes = pool.outlier != nil
    hashKey = SchedulerKind(pool.scheduler).hashKey
    http.response = pool.timeouts.response
    http.tunnel = pool.timeouts.tunnel
    http.idle = pool.keepAlive.idle
    http.ttl = pool.keepAlive.ttl
    http.requests = pool.keepAlive.requests
    sendProxy =
      switch pool.sendProxy {
      case .off: nil
      case .v1: ProxyHeaderWriter(version: .v1)
      case .v2: ProxyHeaderWriter(version: .v2)
      }
    options.fastOpen = pool.fastOpen
    options.multipath = pool.mptcp
    options.source =
      switch pool.source {
      case nil: nil
      case .client: .client
      case .address(let address): .address(address)
      }
  }
}

extension Duration {
  /// At least one.
  fileprivate var wholeSeconds: Int { max(1, Int(nanoseconds / 1_000_000_000)) }
}
