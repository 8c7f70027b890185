import Admin
import Balancing
import Base
import Configuration
import Logging
import Reactor
import TCPProxy
import TLS

extension Supervisor {
  /// Reads the file again and changes what differs, once the host names that are new in it have been looked up: until
  /// then everything goes on as it was, signals too.
  mutating func reload() {
    awaited = nil
    let new: Configuration
    let newFiles: NamedFiles
    do {
      new = try file.load()
      newFiles = try NamedFiles(new)
    } catch {
      refuse("\(error)")
      return
    }
    if ConfigurationDiff(from: configuration, to: new).isEmpty, newFiles.isSame(as: files), tls.isCurrent {
      _ = awaitNames(of: new)
      conclude(
        ReloadReport(.unchanged, at: .now), .notice,
        "\(file.path) holds no change\(new.hostNames.isEmpty ? "" : "; its host names are looked up again")")
      // What kept the admin server from its address may be gone.
      if let plan = try? admin.prepare(new, newFiles) { openAdmin(plan) }
      return
    }
    if !awaitNames(of: new) { apply(new) }
  }

  /// Changes what differs from a new configuration. Everything that can fail is done first, so that it happens as a whole
  /// or not at all.
  mutating func apply(_ new: Configuration) {
    let logger = log.logger("reload")
    let difference = ConfigurationDiff(from: configuration, to: new)
    let newTLS: TLSContexts
    let plan: Plan
    do {
      try upkeep.prepare(for: new)
      newTLS = try TLSContexts(new, former: tls, commons: upkeep.commons)
      plan = try Plan(new, newTLS, running: self)
      if difference.isEmpty, newTLS.isSame(as: tls), plan.files.isSame(as: files) {
        // Files were written again, with what they held before.
        tls = newTLS
        conclude(
          ReloadReport(.unchanged, at: .now), .notice,
          "\(file.path) holds no change, and neither do the files that it names")
        return
      }
      try apply(new.log)
    } catch {
      refuse("\(error)")
      names.keep(only: configuration.hostNames)
      return
    }
    let lines = difference.lines + newTLS.renewed(since: tls)
    let former = pools
    let formerFiles = files
    let hadTLS = KernelAdvice.tls(configuration) != nil
    carryOut(plan, logger)
    var report = ReloadReport(.done, at: .now)
    report.changes = lines
    report.warnings = warnings(difference, plan)
    conclude(
      report, .notice,
      lines.isEmpty
        ? "\(file.path) is in force with what its files hold now"
        : "\(file.path) is in force: \(lines.count == 1 ? "1 change" : "\(lines.count) changes")")
    for line in lines { logger.notice("\(line)") }
    if !files.isSame(as: formerFiles) { logger.notice("files of errorPages, auth or sticky were read anew") }
    for pool in new.pools { sayUnresolved(pool.name, unless: former[pool.name]) }
    for warning in report.warnings { logger.warning("\(warning)") }
    if !hadTLS, let words = KernelAdvice.tls(new) { logger.info("\(words)") }
  }

  /// What is hardly meant in a configuration that is in force now.
  private mutating func warnings(_ difference: ConfigurationDiff, _ plan: borrowing Plan) -> [String] {
    let new = configuration
    var lines = plan.admin.warning.map { [$0] } ?? []
    if new.workers.count != workers.count {
      lines.append("workers: \(new.workers.count) takes effect at the next start; \(workers.count) run until then")
    }
    lines += ConfigurationAdvice(new, workers: workers.count, descriptors: descriptorLimit).warnings.map { "\($0)" }
    lines += files.warnings + KernelAdvice.warnings(new)
    Self.say(tls.warnings(new, &upkeep.expiry), most: 100) { lines.append($0) }
    for change in difference.listeners.changed where change.old.mptcp != change.new.mptcp {
      lines.append("listener \(change.new.name): mptcp takes effect at the next start for the addresses that stay open")
    }
    return lines
  }

  /// Changes both logs, or none of them.
  private mutating func apply(_ new: LogConfiguration) throws {
    try log.apply(new, former: configuration.log)
    guard new.access != configuration.log.access else { return }
    do {
      let former = try accessLog.apply(new.access)
      accessLog.hand(to: workers)
      former?.finish()
    } catch {
      try log.apply(configuration.log, former: new)
      throw error
    }
  }

  private mutating func refuse(_ errors: String) {
    var report = ReloadReport(.refused, at: .now)
    report.errors = errors.split(separator: "\n").map(String.init)
    conclude(report, .error, "\(file.path) is refused, the running configuration stays:")
    for line in report.errors { log.logger("reload").error("\(line)") }
  }

  /// A new configuration made ready: addresses are resolved and sockets are open, but nothing has changed yet.
  private struct Plan {
    let configuration: Configuration
    let files: NamedFiles
    let tls: TLSContexts
    var pools: [String: RunningPool] = [:]
    var listeners: [String: RunningListener] = [:]
    let opened: [Entrances.Entrance]
    let admin: RunningAdmin.Plan

    init(_ configuration: Configuration, _ tls: TLSContexts, running: borrowing Supervisor) throws {
      self.configuration = configuration
      files = try NamedFiles(configuration)
      self.tls = tls
      for pool in configuration.pools {
        pools[pool.name] = try RunningPool(
          pool, tls: tls, files: files, names: running.names, overrides: running.overrides,
          workers: running.workers.count,
          former: running.pools[pool.name])
      }
      for listener in configuration.listeners {
        listeners[listener.name] = try RunningListener(
          listener, pools: pools, tls: tls, files: files, workers: running.workers.count,
          former: running.listeners[listener.name])
      }
      opened = try running.entrances.open(configuration.listeners.compactMap { [listeners] in listeners[$0.name] })
      admin = try running.admin.prepare(configuration, files)
    }
  }

  private mutating func carryOut(_ plan: Plan, _ logger: Logger) {
    let removed = removedBackends(plan)
    configuration = plan.configuration
    files = plan.files
    tls = plan.tls
    names.keep(only: configuration.hostNames)
    forgetOverrides()
    let gone = pools.filter { plan.pools[$0.key] == nil }.map(\.value.pool)
    pools = plan.pools
    for name in pools.keys.sorted() { pools[name]?.commit() }
    listeners = plan.listeners
    admission.limit = configuration.connectionLimit(workers: workers.count, descriptors: descriptorLimit)
    setMemoryLimit()

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
    openAdmin(plan.admin)
    backendsChanged(removed: removed)
    for pool in gone {
      pool.retire()
      workers.poolChanged(pool)
    }
    forgetMeters()
    // A higher limit may let clients in.
    workers.resumeAccepting()
  }

  /// The pools have other backends than before: all who deal with them hear of it.
  /// - Parameter removed: those that are gone, and what is said of their sessions.
  mutating func backendsChanged(removed: [(Backend, PoolConfiguration.SessionFate)]) {
    checker.configure(healthTargets)
    healthReporter.keep(only: pools.values.flatMap(\.backends))
    for (backend, fate) in removed {
      if healthReporter.removed(backend, fate, now: Clock.now) { workers.closeSessions(of: backend) }
    }
    watchTLS()
    workers.keepSpares(spareOrders)
    // Sessions that wait may have a backend now.
    judgeAnew()
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
