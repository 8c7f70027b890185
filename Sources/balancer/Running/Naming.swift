import Balancing
import Base
import Configuration
import Logging
import Reactor
import TLS
import Telemetry

/// Host names while the program runs: they are looked up again and again, and what comes of it goes the same way as a
/// reload's backends.
extension Supervisor {
  /// Looks up the names whose time has come.
  mutating func lookUpNames(now: Instant) {
    guard let due = names.nextDue, due <= now else { return }
    resolver.look(up: names.takeDue(now: now))
  }

  /// Takes the answers that have come.
  mutating func takeAnswers(now: Instant) {
    var changed: Set<String> = []
    for (name, answer) in resolver.take() {
      let news = names.take(answer, of: name, now: now, random: .random(in: 0...UInt64.max))
      for news in news { say(news, of: name) }
      if !news.isEmpty { changed.insert(name) }
    }
    for pool in configuration.pools where !pool.hostNames.isDisjoint(with: changed) { renew(pool.name) }
    if let awaited, awaited.names.allSatisfy({ names.isAnswered($0) }) { endWait(awaited) }
  }

  /// Gives a pool the backends that its host names stand for now.
  private mutating func renew(_ name: String) {
    guard let former = pools[name] else { return }
    var running: RunningPool
    do throws(TLSProblems) {
      running = try RunningPool(
        former.configuration, tls: tls, names: names, overrides: overrides, workers: workers.count, former: former)
    } catch {
      log.logger("names").error("pool \(name) keeps the backends that it has: \(error)")
      return
    }
    if running.resolved == former.resolved { return }
    running.commit()
    pools[name] = running
    workers.keepSpares(spareOrders)

    let logger = log.logger("names")
    let added = running.backends.filter { backend in !former.backends.contains { $0 === backend } }
    let removed = former.backends.filter { backend in !running.backends.contains { $0 === backend } }
    for backend in added where backend.isResolved { logger.notice("+ backend \(BackendDetails(backend))") }
    for backend in removed where backend.isResolved { logger.notice("- backend \(BackendDetails(backend))") }
    backendsChanged(removed: removed.map { ($0, former.configuration.onRemove) })
    sayUnresolved(name, unless: former)
  }

  /// Says which backends of a pool are down because of their host name; not those of which that was said before.
  func sayUnresolved(_ name: String, unless former: RunningPool? = nil) {
    guard let running = pools[name] else { return }
    for backend in running.resolved {
      guard case .nowhere(let cause) = backend.place, former?.resolved.contains(backend) != true else { continue }
      log.logger("health").log(
        UnresolvedEvent(
          backend: BackendDetails(
            pool: name, name: backend.name, address: backend.configuration.address.description,
            labels: backend.configuration.labels),
          cause: cause, standing: StandingDetails(running.pool.standing)))
    }
  }

  /// Says what the names stand for that were answered before there was a log.
  func sayFirstAnswers() {
    for name in names.names {
      if let addresses = names.addresses(of: name) { say(.changed(from: nil, to: addresses), of: name) }
    }
  }

  private func say(_ news: NameBook.News, of name: String) {
    let logger = log.logger("names")
    switch news {
    case .changed(from: nil, let addresses): logger.notice("\"\(name)\" is \(addresses)")
    case .changed(let former?, let addresses):
      logger.notice("\"\(name)\" is \(addresses), was \(former)")
    case .recovered(let duration): logger.notice("\"\(name)\" can be resolved again after \(duration.text)")
    // The backends that are down for it are told of with their pools.
    case .failed(_, holding: nil): break
    case .failed(let failure, let addresses?):
      logger.warning("\(failure); its last answer holds: \(addresses)")
    }
    if case .changed(let former, let addresses) = news, addresses.leftOut > 0, former?.leftOut != addresses.leftOut {
      logger.warning(
        """
        \"\(name)\" has \(addresses.list.count + addresses.leftOut) addresses: \(addresses.leftOut) of them are not \
        used, \(HostAddresses.most) are the most of one name
        """)
    }
  }

  // MARK: A reload

  /// A configuration that waits for the first answers to host names that are new in it.
  struct Awaited {
    let configuration: Configuration
    let names: Set<String>
    /// It goes on without them then.
    let end: Instant
  }

  /// Looks up what a new configuration names.
  /// - Returns: whether it has to wait for an answer; `endWait` comes then, sooner or later.
  mutating func awaitNames(of new: Configuration) -> Bool {
    names.keep(only: configuration.hostNames.union(new.hostNames))
    names.add(new.hostNames)
    let unknown = new.hostNames.subtracting(configuration.hostNames).filter { !names.isAnswered($0) }
    // Whoever asks for a reload wants to see what is true now.
    names.askAll()
    let now = Clock.now
    lookUpNames(now: now)
    awaited = unknown.isEmpty ? nil : Awaited(configuration: new, names: Set(unknown), end: now + Resolver.patience)
    return awaited != nil
  }

  mutating func endWait(_ awaited: Awaited) {
    self.awaited = nil
    apply(awaited.configuration)
  }
}
