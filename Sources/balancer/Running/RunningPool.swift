import Balancing
import Base
import Configuration
import Health
import TCPProxy

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

  /// Builds the pool of a configuration; backends that ran before are taken over from `former`.
  init(_ configuration: PoolConfiguration, former: RunningPool?) throws(Resolver.Failure) {
    var backends: [Backend] = []
    for backend in configuration.backends {
      let address = try Resolver.addresses(of: backend.address)[0]
      let kept = former?.backends.first {
        $0.name == backend.name && $0.address == address && $0.labels == backend.labels
      }
      backends.append(
        kept ?? Backend(pool: configuration.name, name: backend.name, address: address, labels: backend.labels))
    }
    self.configuration = configuration
    self.backends = backends
    let members = zip(backends, configuration.backends).map { backend, configuration in
      Member(
        backend: backend, weight: configuration.weight, connections: configuration.connections,
        backup: configuration.backup)
    }
    let initial = Self.initialHealth(configuration)
    let slowStart = SlowStart(duration: configuration.slowStart)
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
    var settings = Destination.Settings(configuration)
    if let stickiness, let sticky = configuration.sticky { settings.sticky = (stickiness, sticky.ttl) }
    destination = Destination(pool: pool, settings: settings)
  }

  /// What a pool that already runs is to become: nothing changes before `commit`.
  private var prepared: (SchedulerKind, [Member], SlowStart?, BackendHealth)?

  mutating func commit() {
    guard let (scheduler, members, slowStart, initial) = prepared else { return }
    pool.apply(
      scheduler: scheduler, members: members, queue: configuration.queue, slowStart: slowStart,
      initialHealth: { _ in initial })
    prepared = nil
  }

  private static func initialHealth(_ configuration: PoolConfiguration) -> BackendHealth {
    switch configuration.health?.initial {
    case nil, .up: .up
    case .down: .down
    case .checking: .checking
    }
  }

  /// What the health checker has to do for this pool.
  var healthTargets: [HealthTarget] {
    guard let health = configuration.health else { return [] }
    let settings = HealthSettings(health)
    return backends.map { HealthTarget(backend: $0, settings: settings) }
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
