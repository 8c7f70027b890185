import Balancing
import Base
import Configuration
import HTTPProxy
import Health
import TCPProxy
import TLS

/// A pool at work, beside the part of the file that it came from.
struct RunningPool {
  let pool: Pool
  /// How sessions reach it.
  let destination: Destination
  var configuration: PoolConfiguration
  /// In the order of the file; those of one host name in the order of their addresses.
  var backends: [Backend]
  /// What they came from, by the same order.
  let resolved: [ResolvedBackend]
  /// What was said of them by hand, by the same order.
  let overrides: [Override?]
  /// What they are, and since when, by the same order.
  var notes: [BackendNote] = []
  /// Which backend clients had, where `sticky` asks for it.
  private let stickiness: Stickiness?
  /// How they are talked to by TLS.
  private var peers: BackendPeers
  /// The same for the workers; one object over all reloads. nil where no backend ever was.
  private let sessionPeers: TLSPeers?
  /// What they are, by the same order.
  var verdicts: PoolVerdicts

  /// Builds the pool of a configuration; backends that ran before are taken over from `former`.
  /// - Parameter workers: how many count what they do.
  init(
    _ configuration: PoolConfiguration, tls: TLSContexts, files: NamedFiles, names: NameBook,
    overrides all: Overrides, workers: Int, former: RunningPool?
  ) throws(TLSProblems) {
    resolved = configuration.resolved(by: names)
    let known = former?.places ?? [:]
    let backends = resolved.map { backend in
      let address: SocketAddress = if case .at(let address, _) = backend.place { address } else { .nowhere }
      let labels = backend.configuration.labels
      if let former, let place = known[backend.name], former.backends[place].address == address,
        former.backends[place].labels == labels
      {
        return former.backends[place]
      }
      return Backend(pool: configuration.name, name: backend.name, address: address, labels: labels, workers: workers)
    }
    self.configuration = configuration
    self.backends = backends
    peers = try BackendPeers(backends, resolved, of: configuration, tls, former: former?.peers)
    sessionPeers = former?.sessionPeers ?? (peers.isEmpty ? nil : TLSPeers(peers.forSessions(backends)))
    let overrides = backends.map { all[configuration.name, $0.name] }
    self.overrides = overrides
    let members = zip(zip(backends, resolved), overrides).map { running, override in
      let (backend, configured) = (running.0, running.1.configuration)
      return Member(
        backend: backend, weight: override?.effectiveWeight(configured: configured.weight) ?? configured.weight,
        connections: configured.connections, backup: configured.backup)
    }
    let absent = Set(backends.indices.filter { !backends[$0].isResolved })
    let initial = Self.initialHealth(configuration)
    let slowStart = SlowStart(duration: configuration.slowStart)
    let verdictSettings = PoolVerdicts.Settings(configuration)
    verdicts = former?.verdicts ?? PoolVerdicts(verdictSettings, count: backends.count, absent: absent)
    if let former {
      verdicts.reset(
        verdictSettings,
        former: backends.indices.map { index in
          let before = known[backends[index].name].flatMap { former.backends[$0] === backends[index] ? $0 : nil }
          // Nobody has looked at it while it was disabled: what is known of it is no longer true.
          let wasDisabled = before.map { former.overrides[$0]?.isDisabled == true } ?? false
          return wasDisabled && overrides[index]?.isDisabled != true ? nil : before
        },
        absent: absent)
    }
    if let former {
      pool = former.pool
      prepared = (SchedulerKind(configuration.scheduler), members, slowStart, initial)
    } else {
      pool = Pool(
        name: configuration.name, scheduler: SchedulerKind(configuration.scheduler), members: members,
        queue: configuration.queue, slowStart: slowStart, workers: workers,
        initialHealth: { $0.isResolved ? initial : .down })
      prepared = nil
    }
    stickiness = configuration.sticky.flatMap { sticky in
      guard sticky.key == .source else { return nil }
      guard let former = former?.stickiness else {
        return Stickiness(capacity: sticky.size, seed: .random(in: 0...UInt64.max))
      }
      return former.capacity == sticky.size ? former : Stickiness(copying: former, capacity: sticky.size)
    }
    var destinationSettings = Destination.Settings(configuration)
    if let stickiness, let sticky = configuration.sticky { destinationSettings.sticky = (stickiness, sticky.sourceTTL) }
    destinationSettings.tls = sessionPeers
    if let sticky = configuration.sticky, let cookie = StickyCookie(sticky) {
      var keys = files.cookieKeys(sticky)
      if keys.isEmpty, let own = Self.cookieKey { keys = [own] }
      if !keys.isEmpty {
        destinationSettings.cookies = StickyCookies(cookie, keys: keys, pool: configuration.name, backends: backends)
      }
    }
    destination = Destination(pool: pool, settings: destinationSettings)
    notes = notes(former: former)
  }

  /// Where backends are, by their names, of which no two are the same.
  var places: [String: Int] {
    Dictionary(backends.indices.map { (backends[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Of this process, where no file has one: cookies count through every reload, and until its end.
  private static let cookieKey = MessageKey.random()

  /// What a pool that already runs is to become: nothing changes before `commit`.
  private var prepared: (SchedulerKind, [Member], SlowStart?, BackendHealth)?

  mutating func commit() {
    guard let (scheduler, members, slowStart, initial) = prepared else { return }
    sessionPeers?.set(peers.forSessions(backends))
    pool.apply(
      scheduler: scheduler, members: members, queue: configuration.queue, slowStart: slowStart,
      initialHealth: { $0.isResolved ? initial : .down })
    prepared = nil
  }

  /// Files have changed, and contexts with them.
  mutating func renew(_ tls: TLSContexts) throws(TLSProblems) {
    peers = try BackendPeers(backends, resolved, of: configuration, tls, former: peers)
    sessionPeers?.set(peers.forSessions(backends))
  }

  private static func initialHealth(_ configuration: PoolConfiguration) -> BackendHealth {
    switch configuration.health?.initial {
    case nil, .up: .up
    case .down: .down
    case .checking: .checking
    }
  }

  /// Whether a backend is checked now.
  func isChecked(_ member: Int) -> Bool {
    guard case .at = resolved[member].place, overrides[member]?.isDisabled != true else { return false }
    return configuration.health != nil || verdicts.isEjected(member)
  }

  /// What the health checker has to do for this pool.
  /// - Parameter areWatched: each result of each of them is to be told.
  func healthTargets(areWatched: Bool) -> [HealthTarget] {
    // Without checks of its own, an ejected backend is still checked until it is back.
    let settings = configuration.health.map { HealthSettings($0) } ?? HealthSettings(initial: .down)
    return backends.indices.compactMap { member in
      guard case .at(_, let address) = resolved[member].place, isChecked(member) else { return nil }
      let isEjected = verdicts.isEjected(member)
      let tls = configuration.health == nil ? nil : peers.forChecks(of: backends[member])
      let check =
        configuration.health.map { HealthCheck($0, of: resolved[member].configuration, isSecure: tls != nil) } ?? .tcp()
      return HealthTarget(
        backend: backends[member], settings: settings, check: check, address: address,
        tls: tls, isWatched: areWatched || isEjected)
    }
  }
}

extension StickyCookie {
  /// Nil where clients are not known by a cookie. The configuration has checked what a cookie may be.
  fileprivate init?(_ sticky: StickyConfiguration) {
    guard case .cookie(let name) = sticky.key else { return nil }
    let sameSite: SameSite =
      switch sticky.sameSite {
      case .strict: .strict
      case .lax: .lax
      case .none: .none
      }
    do throws(Refused) {
      try self.init(
        name: name, lifetime: sticky.ttl, isSecure: sticky.secure, isHTTPOnly: sticky.httpOnly, sameSite: sameSite)
    } catch {
      return nil
    }
  }
}

extension SchedulerKind {
  init(_ scheduler: SchedulerConfiguration) {
    self =
      switch scheduler {
      case .roundRobin: .roundRobin
      case .leastConnections: .leastConnections
      case .random: .random
      case .first: .first
      case .sourceHash: .sourceHash
      case .hash(let key, let load): .hash(SchedulerKind.HashKey(key), load: load)
      case .peakEWMA: .peakEWMA
      }
  }
}

extension SchedulerKind.HashKey {
  init(_ key: SchedulerConfiguration.HashKey) {
    self =
      switch key {
      case .serverName: .serverName
      case .uri: .uri
      case .header(let name): .header(name)
      case .cookie(let name): .cookie(name)
      }
  }
}

extension HealthSettings {
  init(_ health: HealthConfiguration) {
    let initial: Initial =
      switch health.initial {
      case .up: .up
      case .down: .down
      case .checking: .checking
      }
    self.init(
      interval: health.interval, timeout: health.timeout, fastInterval: health.fastInterval,
      downInterval: health.downInterval, fall: health.fall, rise: health.rise, initial: initial)
  }
}

extension HealthCheck {
  init(_ health: HealthConfiguration, of backend: BackendConfiguration, isSecure: Bool) {
    self =
      switch health.type {
      case .tcp: .tcp(send: health.send ?? "", expect: health.expect ?? "")
      case .tls: .tls(send: health.send ?? "", expect: health.expect ?? "")
      case .http: .http(HTTPCheck(health.http, of: backend, isSecure: isSecure))
      case .redis: .redis
      case .postgresql: .postgresql
      case .mysql: .mysql(user: health.user)
      case .smtp: .smtp
      case .script: .script(health.script ?? [])
      }
  }
}

extension HTTPCheck {
  init(_ http: HTTPHealthConfiguration, of backend: BackendConfiguration, isSecure: Bool) {
    self.init()
    method = http.method
    path = http.path
    host = http.host ?? backend.address.authority(isSecure: isSecure)
    fields = http.headers.map { ($0.name, $0.value) }
    status = http.status
    body = http.body ?? ""
  }
}

extension Endpoint {
  /// As the Host field has it (RFC 9110, 7.2): without the port that goes without saying.
  fileprivate func authority(isSecure: Bool) -> String {
    if case .unix = self { return "localhost" }
    let implied = isSecure ? ":443" : ":80"
    return description.hasSuffix("\(implied)") ? String(description.dropLast(implied.count)) : description
  }
}

extension PoolVerdicts.Settings {
  init(_ pool: PoolConfiguration) {
    self.init(
      initial: pool.health.map { HealthSettings($0).initial.health },
      flap: pool.health?.flap.map {
        FlapDamper.Settings(hold: Double($0.hold), release: Double($0.release), halfLife: $0.halfLife)
      },
      outlier: pool.outlier.map {
        OutlierDetector.Settings(
          failures: $0.failures, window: $0.window, eject: $0.eject, maxEjected: $0.maxEjected,
          passes: pool.health?.rise ?? HealthSettings().rise)
      },
      panic: pool.panic)
  }
}

extension HealthSettings.Initial {
  fileprivate var health: BackendHealth {
    switch self {
    case .up: .up
    case .down: .down
    case .checking: .checking
    }
  }
}
