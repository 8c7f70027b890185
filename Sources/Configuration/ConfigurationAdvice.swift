import Base

/// What is allowed and yet is hardly meant: for `balancer check` and the start of the program.
public struct ConfigurationAdvice: Sendable {
  public struct Warning: Hashable, Sendable, CustomStringConvertible {
    public let file: String
    public let location: Location
    /// Where in the document, such as `pools.web.health.timeout`.
    public let path: String
    public let message: String

    /// `balancer.json:9:5: warning: pools.old: no listener uses this pool`
    public var description: String {
      "\(file):\(location.line):\(location.column): warning: \(path): \(message)"
    }
  }

  /// In the order of the file.
  public private(set) var warnings: [Warning] = []

  private let configuration: Configuration

  /// - Parameters:
  ///   - workers: the worker threads that would run.
  ///   - descriptors: how many files this process may have open.
  public init(_ configuration: Configuration, workers: Int, descriptors: Int) {
    self.configuration = configuration
    checkConnections(workers: workers, descriptors: descriptors)
    checkUse()
    for listener in configuration.listeners {
      checkClients(listener)
      switch listener.mode {
      case .tcp: checkServerNames(listener)
      case .http:
        for (path, message) in RouteAdvice.warnings(listener) { warn(path, message) }
        checkMirrors(listener)
      }
      checkTLS(listener)
    }
    for pool in configuration.pools {
      checkBackends(pool)
      checkLoop(pool)
      checkTLS(pool)
      checkHealth(pool)
    }
    // A pool that inherits a mistake is no second mistake.
    var told = Set<Warning>()
    warnings = warnings.enumerated().filter { told.insert($0.element).inserted }
      .sorted { ($0.element.location, $0.offset) < ($1.element.location, $1.offset) }.map(\.element)
  }

  private mutating func warn(_ path: String, _ message: String) {
    let places = configuration.places
    warnings.append(
      Warning(file: places.file, location: places.location(of: path), path: path, message: message))
  }

  // MARK: Limits

  private mutating func checkConnections(workers: Int, descriptors: Int) {
    let carried = DescriptorBudget.connectionsCarried(
      byDescriptors: descriptors, for: configuration, workers: workers)
    func shortage(_ connections: Int) -> String {
      let needed = DescriptorBudget.descriptorsNeeded(
        forConnections: connections, for: configuration, workers: workers)
      return
        "\(connections) need \(needed) open files, but this process may have \(descriptors), which carry \(carried):"
        + " raise that limit (ulimit -n, LimitNOFILE= of systemd)"
    }
    if let connections = configuration.limits.connections, connections > carried {
      warn("limits.connections", shortage(connections))
    } else if carried == 0 {
      warn("limits.connections", shortage(1))
    }
    for listener in configuration.listeners {
      guard let connections = listener.connections else { continue }
      let path = "listeners.\(listener.name).connections"
      if let limit = configuration.limits.connections, connections > limit {
        warn(path, "\(connections) is never reached: limits.connections is \(limit)")
      } else if configuration.limits.connections == nil, connections > carried {
        warn(path, shortage(connections))
      }
    }
  }

  // MARK: Listeners

  private mutating func checkClients(_ listener: ListenerConfiguration) {
    let path = "listeners.\(listener.name)"
    if listener.proxyProtocol == .off {
      if !listener.trustedProxies.isEmpty, listener.mode == .tcp {
        warn("\(path).trustedProxies", "no PROXY header is read: proxyProtocol is off")
      }
      if listener.listen.allSatisfy({ $0.port == nil }) {
        let keys = [
          ("allow", listener.allow != nil), ("deny", !listener.deny.isEmpty),
          ("perClient", listener.perClient != ListenerConfiguration.PerClient()),
        ]
        for (key, isSet) in keys where isSet {
          warn("\(path).\(key)", "the clients of a unix socket have no address: this holds for none of them")
        }
      }
    }
    checkBlocks(listener.deny, "deny", others: nil, path)
    checkBlocks(listener.allow ?? [], "allow", others: listener.deny, path)
  }

  /// Blocks that change nothing, because another one has all of their addresses.
  /// - Parameter others: those of `deny`, which is read first.
  private mutating func checkBlocks(_ blocks: [CIDR], _ key: String, others: [CIDR]?, _ path: String) {
    let own = Set(blocks)
    let denied = Set(others ?? [])
    /// Told in one line each, however long the list is.
    var refused: [String] = []
    var covered: [String] = []
    for block in blocks {
      if let wider = block.covering(in: denied) {
        refused.append("\(block) (by \(wider))")
      } else if let wider = block.covering(in: own, besidesItself: true) {
        covered.append("\(block) (in \(wider))")
      }
    }
    if let first = refused.first {
      warn("\(path).\(key)", "deny refuses all of \(first)\(Self.andMore(refused)), so that it never matches")
    }
    if let first = covered.first {
      warn("\(path).\(key)", "another block has all of \(first)\(Self.andMore(covered)), so that it changes nothing")
    }
  }

  private static func andMore(_ texts: [String]) -> String {
    texts.count > 1 ? " and \(texts.count - 1) more" : ""
  }

  private mutating func checkServerNames(_ listener: ListenerConfiguration) {
    for unreachable in SNITable(listener.routes.map(\.match.sni)).unreachable {
      warn(
        "listeners.\(listener.name).routes",
        "routes[\(unreachable.route)] never gets \(unreachable.pattern): routes[\(unreachable.takenBy)] takes it first")
    }
  }

  private mutating func checkMirrors(_ listener: ListenerConfiguration) {
    for (index, route) in listener.routes.enumerated() {
      guard let mirror = route.mirror else { continue }
      let path = "listeners.\(listener.name).routes[\(index)].mirror"
      if route.pools.contains(where: { $0.pool == mirror && $0.weight > 0 }) {
        warn(path, "the route's own pool gets the copies as well: each request reaches \(mirror.quoted) twice")
      }
      if let pool = configuration.pools.first(where: { $0.name == mirror }),
        pool.backends.allSatisfy({ $0.weight == 0 })
      {
        warn(path, "every backend of \(mirror.quoted) has weight 0: every copy is dropped")
      }
    }
  }

  private mutating func checkTLS(_ listener: ListenerConfiguration) {
    guard let tls = listener.tls else { return }
    let path = "listeners.\(listener.name).tls"
    if tls.clientAuth == .off, !tls.clientCA.isEmpty {
      warn("\(path).clientCA", "clients are not asked for a certificate: clientAuth is off")
    }
    let older = (tls.ciphers ?? []).filter { !$0.hasPrefix("TLS_") }
    if tls.minVersion == .tls13, let first = older.first {
      warn("\(path).ciphers", "\(first) is of TLS 1.2, which minVersion keeps out")
    }
    if tls.maxVersion == .tls12, let first = tls.ciphers?.first(where: { $0.hasPrefix("TLS_") }) {
      warn("\(path).ciphers", "\(first) is of TLS 1.3, which maxVersion keeps out")
    }
  }

  private mutating func checkUse() {
    let used = Set(configuration.listeners.flatMap(\.pools))
    for pool in configuration.pools where !used.contains(pool.name) {
      warn("pools.\(pool.name)", "no listener uses this pool")
    }
  }

  // MARK: Pools

  private mutating func checkBackends(_ pool: PoolConfiguration) {
    let path = "pools.\(pool.name).backends"
    if pool.backends.allSatisfy({ $0.weight == 0 }) {
      warn(path, "every backend has weight 0: no session will be served")
    } else if pool.backends.allSatisfy(\.backup) {
      warn(path, "every backend is a backup: they are used as if none were")
    }
    var first: [Endpoint: String] = [:]
    for backend in pool.backends {
      if let earlier = first[backend.address] {
        warn(path, "\(earlier.quoted) and \(backend.name.quoted) have the same address, \(backend.address)")
      } else {
        first[backend.address] = backend.name
      }
    }
  }

  /// A backend that is one of the program's own listeners sends each session round and round.
  private mutating func checkLoop(_ pool: PoolConfiguration) {
    for listener in configuration.listeners where listener.pools.contains(pool.name) {
      for backend in pool.backends {
        if let endpoint = listener.listen.first(where: { $0.receives(from: backend.address) }) {
          warn(
            "pools.\(pool.name).backends",
            "\(backend.name.quoted) is the listener \(listener.name.quoted) (\(endpoint)) itself: sessions would go round in circles"
          )
        }
      }
    }
  }

  private mutating func checkTLS(_ pool: PoolConfiguration) {
    let path = "pools.\(pool.name)"
    let consequence = "whoever answers under a backend's address is believed, and may read and change everything"
    if case .on(let tls) = pool.tls, tls.verify == false { warn("\(path).tls.verify", consequence) }
    for (index, backend) in pool.backends.enumerated() {
      if case .on(let tls) = backend.tls, tls.verify == false {
        warn("\(path).backends[\(index)].tls", "\(backend.name.quoted) is not verified: \(consequence)")
      }
    }
  }

  private mutating func checkHealth(_ pool: PoolConfiguration) {
    guard let health = pool.health else {
      if pool.backends.contains(where: { $0.check != nil }) {
        warn("pools.\(pool.name).backends", "a \"check\" is of no use with \"health\": \"off\"")
      }
      if pool.onDown != .keep {
        warn("pools.\(pool.name).onDown", "without health checks no backend goes down")
      }
      return
    }
    /// Where the pool says it, or else where all pools do.
    func path(_ keys: String...) -> String {
      let places = configuration.places.locations
      let own = keys.map { "pools.\(pool.name).health.\($0)" }
      let inherited = keys.map { "defaults.health.\($0)" }
      return (own + inherited).first { places[$0] != nil } ?? own[0]
    }
    if health.timeout > health.interval {
      warn(
        path("timeout", "interval"),
        "a check may take \(health.timeout.written), longer than the interval of \(health.interval.written) to the next one"
      )
    }
    if health.port != nil,
      let backend = pool.backends.first(where: { backend in
        if case .unix = backend.address { backend.check == nil } else { false }
      })
    {
      warn(path("port"), "\(backend.name.quoted) is a unix socket, which has no port: it is checked itself")
    }
    if health.type == .mysql, health.user == nil, pool.backends.contains(where: { !$0.isCheckedLocally }) {
      warn(
        path("type"),
        "MySQL and MariaDB count each check as a failed login of this machine, and after max_connect_errors (100) of them "
          + "in a row refuse it, and with it all sessions: give the check a \"user\", or the server skip_name_resolve")
    }
    if health.type == .mysql, pool.prewarm > 0, pool.backends.contains(where: { !$0.address.isLocal }) {
      warn(
        "pools.\(pool.name).prewarm",
        "MySQL and MariaDB count each spare connection that no session takes (after connect_timeout, 10s) as a failed login of "
          + "this machine, and after max_connect_errors (100) of them in a row refuse it, and with it all sessions: "
          + "set prewarm to 0, or give the server skip_name_resolve")
    }
    if let fast = health.fastInterval, fast > health.interval {
      warn(
        path("fastInterval", "interval"), "\(fast.written) is slower than the interval of \(health.interval.written)")
    }
  }
}

extension CIDR {
  /// The widest of some blocks that has all of this one's addresses.
  fileprivate func covering(in blocks: Set<CIDR>, besidesItself: Bool = false) -> CIDR? {
    if blocks.isEmpty { return nil }
    return (0...prefixLength).lazy.map { CIDR(self.network, prefixLength: $0) }
      .first { blocks.contains($0) && !(besidesItself && $0 == self) }
  }
}

extension BackendConfiguration {
  fileprivate var isCheckedLocally: Bool { (check ?? address).isLocal }
}

extension Endpoint {
  /// An address of this machine, which MySQL does not count the errors of.
  fileprivate var isLocal: Bool {
    switch self {
    case .ip(let address, _): address == .loopbackIPv4 || address == .loopbackIPv6
    case .unix: true
    case .name(let name, _): name.lowercased() == "localhost"
    case .any: false
    }
  }
}

extension Endpoint {
  /// The address that is bound, where it needs no look-up.
  fileprivate var ipAddress: (ip: IPAddress, port: UInt16)? {
    if case .ip(let address, let port) = socketAddress { (address, port) } else { nil }
  }

  /// A connection to `address` arrives at this listening address.
  fileprivate func receives(from address: Endpoint) -> Bool {
    if self == address { return true }
    guard let here = ipAddress, let there = address.ipAddress, here.port == there.port, there.ip.isLoopback else {
      return false
    }
    return here.ip == .anyIPv6 || here.ip == .anyIPv4 && there.ip.isIPv4
  }
}
