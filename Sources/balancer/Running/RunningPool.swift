import Balancing
import Base
import Configuration
import Health
import TCPProxy
import TLS

/// A pool at work, beside the part of the file that it came from.
struct RunningPool {
  let pool: Pool
  /// How sessions reach it.
  let destination: Destination
  var configuration: PoolConfiguration
  /// In the order of the file.
  var backends: [Backend]
  /// Which backend clients had, where `sticky` asks for it.
  private let stickiness: Stickiness?
  /// How they are talked to by TLS.
  private var peers: BackendPeers
  /// The same for the workers; one object over all reloads. nil where no backend ever was.
  private let sessionPeers: TLSPeers?
  /// Where each of them is checked.
  private let checkAddresses: [SocketAddress]
  /// What they are, by the same order.
  var verdicts: PoolVerdicts

  /// Builds the pool of a configuration; backends that ran before are taken over from `former`.
  /// - Throws: `Resolver.Failure`, or `TLSProblems`.
  init(_ configuration: PoolConfiguration, tls: TLSContexts, former: RunningPool?) throws {
    var backends: [Backend] = []
    var checkAddresses: [SocketAddress] = []
    for backend in configuration.backends {
      let address = try Resolver.addresses(of: backend.address)[0]
      let kept = former?.backends.first {
        $0.name == backend.name && $0.address == address && $0.labels == backend.labels
      }
      backends.append(
        kept ?? Backend(pool: configuration.name, name: backend.name, address: address, labels: backend.labels))
      checkAddresses.append(
        try backend.check.map { check throws(Resolver.Failure) in try Resolver.addresses(of: check)[0] }
          ?? address.with(port: configuration.health?.port))
    }
    self.configuration = configuration
    self.backends = backends
    peers = try BackendPeers(backends, configuration, tls, former: former?.peers)
    sessionPeers = former?.sessionPeers ?? (peers.isEmpty ? nil : TLSPeers(peers.forSessions(backends)))
    self.checkAddresses = checkAddresses
    let members = zip(backends, configuration.backends).map { backend, configuration in
      Member(
        backend: backend, weight: configuration.weight, connections: configuration.connections,
        backup: configuration.backup)
    }
    let initial = Self.initialHealth(configuration)
    let slowStart = SlowStart(duration: configuration.slowStart)
    let verdictSettings = PoolVerdicts.Settings(configuration)
    verdicts = former?.verdicts ?? PoolVerdicts(verdictSettings, count: backends.count)
    if let former {
      verdicts.reset(verdictSettings, former: backends.map { backend in former.backends.firstIndex { $0 === backend } })
    }
    if let former {
      pool = former.pool
      prepared = (SchedulerKind(configuration.scheduler), members, slowStart, initial)
    } else {
      pool = Pool(
        name: configuration.name, scheduler: SchedulerKind(configuration.scheduler), members: members,
        queue: configuration.queue, slowStart: slowStart, initialHealth: { _ in initial })
      prepared = nil
    }
    stickiness = configuration.sticky.map { sticky in
      guard let former = former?.stickiness else {
        return Stickiness(capacity: sticky.size, seed: .random(in: 0...UInt64.max))
      }
      return former.capacity == sticky.size ? former : Stickiness(copying: former, capacity: sticky.size)
    }
    var destinationSettings = Destination.Settings(configuration)
    if let stickiness, let sticky = configuration.sticky { destinationSettings.sticky = (stickiness, sticky.ttl) }
    destinationSettings.tls = sessionPeers
    destination = Destination(pool: pool, settings: destinationSettings)
  }

  /// What a pool that already runs is to become: nothing changes before `commit`.
  private var prepared: (SchedulerKind, [Member], SlowStart?, BackendHealth)?

  mutating func commit() {
    guard let (scheduler, members, slowStart, initial) = prepared else { return }
    sessionPeers?.set(peers.forSessions(backends))
    pool.apply(
      scheduler: scheduler, members: members, queue: configuration.queue, slowStart: slowStart,
      initialHealth: { _ in initial })
    prepared = nil
  }

  /// Files have changed, and contexts with them.
  mutating func renew(_ tls: TLSContexts) throws(TLSProblems) {
    peers = try BackendPeers(backends, configuration, tls, former: peers)
    sessionPeers?.set(peers.forSessions(backends))
  }

  private static func initialHealth(_ configuration: PoolConfiguration) -> BackendHealth {
    switch configuration.health?.initial {
    case nil, .up: .up
    case .down: .down
    case .checking: .checking
    }
  }

  /// What the health checker has to do for this pool.
  /// - Parameter areWatched: each result of each of them is to be told.
  func healthTargets(areWatched: Bool) -> [HealthTarget] {
    // Without checks of its own, an ejected backend is still checked until it is back.
    let check = configuration.health.map { HealthCheck($0) } ?? .tcp()
    let settings = configuration.health.map { HealthSettings($0) } ?? HealthSettings(initial: .down)
    return backends.indices.compactMap { member in
      let isEjected = verdicts.isEjected(member)
      if configuration.health == nil, !isEjected { return nil }
      return HealthTarget(
        backend: backends[member], settings: settings, check: check, address: checkAddresses[member],
        tls: configuration.health == nil ? nil : peers.forChecks(of: backends[member]),
        isWatched: areWatched || isEjected)
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
      case .serverNameHash(let load): .hash(.serverName, load: load)
      case .peakEWMA: .peakEWMA
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
  init(_ health: HealthConfiguration) {
    self =
      switch health.type {
      case .tcp: .tcp(send: health.send ?? "", expect: health.expect ?? "")
      case .tls: .tls(send: health.send ?? "", expect: health.expect ?? "")
      case .redis: .redis
      case .postgresql: .postgresql
      case .mysql: .mysql(user: health.user)
      case .smtp: .smtp
      case .script: .script(health.script ?? [])
      }
  }
}

extension SocketAddress {
  /// The same address with another port, where it has one.
  fileprivate func with(port: Int?) -> SocketAddress {
    guard case .ip(let address, _) = self, let port = port.flatMap(UInt16.init(exactly:)) else { return self }
    return .ip(address, port: port)
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
