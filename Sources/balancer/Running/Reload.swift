import Balancing
import Base
import Configuration
import Logging
import Reactor
import TCPProxy
import TLS

extension Supervisor {
  /// Reads the file again and changes what differs. Everything that can fail is done first, so that a reload happens
  /// as a whole or not at all.
  mutating func reload() {
    let logger = log.logger("reload")
    let new: Configuration
    do { new = try file.load() } catch {
      refuse("\(error)", logger)
      return
    }
    let difference = ConfigurationDiff(from: configuration, to: new)
    let newTLS: TLSContexts
    do {
      try upkeep.prepare(for: new)
      newTLS = try TLSContexts(new, former: tls, commons: upkeep.commons)
    } catch {
      refuse("\(error)", logger)
      return
    }
    if difference.isEmpty, newTLS.isSame(as: tls) {
      logger.notice("\(file.path) holds no change")
      return
    }
    let lines = difference.lines + newTLS.renewed(since: tls)
    let plan: Plan
    do { plan = try Plan(new, newTLS, running: self) } catch {
      refuse("\(error)", logger)
      return
    }
    do { try log.apply(new.log, former: configuration.log) } catch {
      refuse("\(error)", logger)
      return
    }
    carryOut(plan, logger)
    logger.notice("\(file.path) is in force: \(lines.count == 1 ? "1 change" : "\(lines.count) changes")")
    for line in lines { logger.notice("\(line)") }
    if new.workers.count != workers.count {
      logger.warning("workers: \(new.workers.count) takes effect at the next start; \(workers.count) run until then")
    }
    for warning in ConfigurationAdvice(new, workers: workers.count, descriptors: descriptorLimit).warnings {
      logger.warning("\(warning)")
    }
    for warning in KernelAdvice.warnings(new) { logger.warning("\(warning)") }
    Self.say(tls.warnings(new, &upkeep.expiry), most: 100) { logger.warning("\($0)") }
    for change in difference.listeners.changed where change.old.mptcp != change.new.mptcp {
      logger.warning(
        "listener \(change.new.name): mptcp takes effect at the next start for the addresses that stay open")
    }
  }

  private func refuse(_ errors: String, _ logger: Logger) {
    logger.error("\(file.path) is refused, the running configuration stays:")
    for line in errors.split(separator: "\n") { logger.error("\(line)") }
  }

  /// A new configuration made ready: addresses are resolved and sockets are open, but nothing has changed yet.
  private struct Plan {
    let configuration: Configuration
    let tls: TLSContexts
    var pools: [String: RunningPool] = [:]
    var listeners: [String: RunningListener] = [:]
    let opened: [Entrances.Entrance]

    init(_ configuration: Configuration, _ tls: TLSContexts, running: borrowing Supervisor) throws {
      self.configuration = configuration
      self.tls = tls
      for pool in configuration.pools {
        pools[pool.name] = try RunningPool(pool, tls: tls, former: running.pools[pool.name])
      }
      for listener in configuration.listeners {
        listeners[listener.name] = try RunningListener(
          listener, pools: pools, tls: tls, former: running.listeners[listener.name])
      }
      opened = try running.entrances.open(configuration.listeners.compactMap { [listeners] in listeners[$0.name] })
    }
  }

  private mutating func carryOut(_ plan: Plan, _ logger: Logger) {
    let removed = removedBackends(plan)
    configuration = plan.configuration
    tls = plan.tls
    pools = plan.pools
    for name in pools.keys.sorted() { pools[name]?.commit() }
    listeners = plan.listeners
    admission.limit = configuration.connectionLimit(workers: workers.count, descriptors: descriptorLimit)
    setMemoryLimit()
    checker.configure(healthTargets)
    healthReporter.keep(only: pools.values.flatMap(\.backends))

    let owners = configuration.listeners.compactMap { listeners[$0.name] }
    for entrance in entrances.entrances {
      if let owner = Entrances.owner(of: entrance, among: owners) {
        for socket in entrance.sockets { owner.setOptions(of: socket) }
        workers.replace(entrance.key, service: owner.service)
      } else {
        workers.close(entrance.key)
        if !entrance.isInherited { ListeningSocket.removeFile(of: entrance.address) }
        entrances.remove(entrance.key)
      }
    }
    entrances.adopt(plan.opened)
    for entrance in plan.opened { open(entrance, logger) }
    for (backend, fate) in removed {
      if healthReporter.removed(backend, fate, now: Clock.now) { workers.closeSessions(of: backend) }
    }
    watchTLS()
    // Sessions that wait may have a backend now, and a higher limit may let clients in.
    judgeAnew()
    workers.resumeAccepting()
  }

  /// Backends that the new configuration no longer has, and what the old one says of their sessions.
  private func removedBackends(_ plan: borrowing Plan) -> [(Backend, PoolConfiguration.SessionFate)] {
    pools.values.flatMap { former in
      let kept = plan.pools[former.configuration.name]?.backends ?? []
      return former.backends.filter { backend in !kept.contains { $0 === backend } }
        .map { ($0, former.configuration.onRemove) }
    }
  }
}
