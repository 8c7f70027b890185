import Balancing
import Base
import Configuration
import Health
import Reactor
import TCPProxy

/// From what checks and sessions bring to light to what the pools are told, the log says and sessions suffer. The
/// decisions are made by `PoolVerdicts` and `NetworkSuspicion`; here they are carried out.
extension Supervisor {
  /// When `judge` has something to do.
  var nextJudgement: Instant? {
    (pools.values.map(\.verdicts.nextRelease) + [suspicion.end]).compactMap { $0 }.min()
  }

  /// Does what is due without anything having happened.
  mutating func judge(now: Instant) {
    guard let next = nextJudgement, next <= now else { return }
    for name in pools.keys.sorted() {
      for (member, hold) in pools[name]?.verdicts.release(now: now) ?? [] {
        guard let running = pools[name] else { continue }
        healthReporter.released(
          running.backends[member], hold, health: running.verdicts.health(of: member),
          penalty: running.verdicts.penalty(of: member, now: now), standing: tell(running, member), now: now)
        settle(name)
      }
    }
    if let end = suspicion.tick(now: now) { endSuspicion(end, now: now) }
  }

  // MARK: Checks

  mutating func healthChanged(_ target: HealthTarget, _ transition: HealthTransition) {
    let backend = target.backend
    // A backend that a reload has just removed may still have a last result under way.
    guard let (former, member) = find(backend), let health = former.configuration.health else { return }
    let now = Clock.now
    var grounds: NetworkSuspicion.Grounds?
    if transition.from == .up, transition.to == .down {
      let isSuspected = suspicion.since != nil
      grounds = suspicion.failed(backend, interval: health.interval, total: checkedBackends, now: now)
      if isSuspected, former.verdicts.settings.panic == 0 {
        pools[backend.pool]?.verdicts.trust(member, true, now: now)
      }
    }
    let isHeldNow = pools[backend.pool]?.verdicts.checked(member, transition.to, now: now) ?? false
    if transition.from != .checking { pools[backend.pool]?.notes[member].changes += 1 }
    guard let running = pools[backend.pool] else { return }
    let damping: HealthReporter.Damping =
      if isHeldNow, let flap = health.flap {
        .began(
          flap, penalty: running.verdicts.penalty(of: member, now: now),
          for: (running.verdicts.releaseTime(of: member) ?? now) - now)
      } else { running.verdicts.isHeld(member) ? .lasts : .none }
    let closesNow = healthReporter.changed(
      target, transition, damping: damping, standing: tell(running, member), onDown: running.configuration.onDown,
      isDown: (former.verdicts.isDown(member), running.verdicts.isDown(member)), now: now)
    if closesNow { workers.closeSessions(of: backend) }
    if let grounds { beginSuspicion(grounds, now: now) }
    settle(backend.pool)
  }

  /// A check of a backend that is watched has ended.
  mutating func checkEnded(_ backend: Backend, isPassed: Bool) {
    let now = Clock.now
    if isPassed, let end = suspicion.passed(now: now) { endSuspicion(end, now: now) }
    guard let (_, member) = find(backend),
      let out = pools[backend.pool]?.verdicts.probed(member, passed: isPassed, now: now),
      let running = pools[backend.pool]
    else { return }
    healthReporter.returned(
      backend, after: out, passes: running.verdicts.settings.outlier?.passes ?? 1, standing: tell(running, member))
    checker.configure(healthTargets)
    settle(backend.pool)
  }

  // MARK: Traffic

  /// Sessions of a backend have gone well or failed.
  mutating func sessionsEnded(_ backend: Backend, cause: String?) {
    let (succeeded, failures) = backend.outcomes.take()
    guard let (_, member) = find(backend) else { return }
    if let cause { healthReporter.noteFailure(of: backend, cause) }
    let verdict = pools[backend.pool]?.verdicts.traffic(
      member, succeeded: succeeded, failures: failures, now: Clock.now)
    guard let verdict, verdict != .none, let running = pools[backend.pool] else { return }
    healthReporter.judged(
      backend, verdict, failures: running.verdicts.settings.outlier?.failures ?? 0, standing: tell(running, member))
    if case .ejected = verdict {
      checker.configure(healthTargets)
      settle(backend.pool)
    }
  }

  // MARK: Our own network

  private var checkedBackends: Int {
    pools.values.reduce(0) { sum, pool in
      sum + (pool.configuration.health == nil ? 0 : pool.backends.indices.count { pool.isChecked($0) })
    }
  }

  private mutating func beginSuspicion(_ grounds: NetworkSuspicion.Grounds, now: Instant) {
    let names = trustSuspects(suspicion.suspects, true, now: now)
    let kept = names.isEmpty ? "" : "; the last good backends stay in use until a check passes, for 10s at most"
    log.logger("health").error(
      """
      \(grounds.failed) of \(grounds.total) backends of all pools failed within \(grounds.span.text): our own network \
      is suspected\(kept)
      """)
    checker.configure(healthTargets)
  }

  private mutating func endSuspicion(_ end: NetworkSuspicion.End, now: Instant) {
    let logger = log.logger("health")
    let down = pools.values.reduce(0) { sum, pool in
      sum + pool.backends.indices.count { pool.verdicts.isTrusted($0) }
    }
    trustSuspects(pools.values.flatMap(\.backends), false, now: now)
    let consequence =
      down == 0 ? "no backend is affected" : "\(down) \(down == 1 ? "backend is" : "backends are") down now"
    switch end {
    case .passed(let duration):
      logger.warning(
        "our own network is no longer suspected, a check has passed after \(duration.text): \(consequence)")
    case .expired:
      logger.error("our own network is no longer suspected, no check has passed for 10s: \(consequence)")
    }
    checker.configure(healthTargets)
  }

  /// - Returns: the pools where that makes a difference.
  @discardableResult
  private mutating func trustSuspects(_ backends: [Backend], _ isTrusted: Bool, now: Instant) -> [String] {
    var changed: Set<String> = []
    for backend in backends {
      guard let (former, member) = find(backend), former.verdicts.isTrusted(member) != isTrusted,
        former.verdicts.settings.panic == 0 || !isTrusted
      else { continue }
      pools[backend.pool]?.verdicts.trust(member, isTrusted, now: now)
      guard let running = pools[backend.pool] else { continue }
      tell(running, member)
      changed.insert(backend.pool)
      let closesNow = healthReporter.fateChanged(
        backend, isDown: running.verdicts.isDown(member), onDown: running.configuration.onDown, now: now)
      if closesNow { workers.closeSessions(of: backend) }
    }
    for name in changed.sorted() { settle(name) }
    return changed.sorted()
  }

  // MARK: Pools

  private func find(_ backend: Backend) -> (RunningPool, member: Int)? {
    guard let running = pools[backend.pool], let member = running.backends.firstIndex(where: { $0 === backend })
    else { return nil }
    return (running, member)
  }

  @discardableResult
  private mutating func tell(_ running: RunningPool, _ member: Int) -> PoolStanding {
    if running.state(of: member) != running.notes[member].state {
      pools[running.configuration.name]?.note(member)
    }
    return running.pool.setHealth(running.verdicts.health(of: member), of: running.backends[member])
  }

  /// After a change: whether the pool panics, and who waits for it tries again.
  mutating func settle(_ name: String) {
    if pools[name]?.verdicts.reviewPanic() == true, let running = pools[name] {
      for member in running.backends.indices { tell(running, member) }
      let logger = log.logger("health")
      let total = running.verdicts.count
      let healthy = total - running.verdicts.unhealthy
      if running.verdicts.isPanicking {
        logger.error(
          """
          pool \(name) panics: \(healthy) of \(total) backends are healthy, fewer than \
          \(running.verdicts.settings.panic)%; sessions go to all of them
          """)
      } else {
        logger.notice(
          "pool \(name) panics no longer: \(healthy) of \(total) backends are healthy; sessions go to these alone")
      }
    }
    if let pool = pools[name]?.pool { workers.poolChanged(pool) }
  }

  /// A reload has changed who is there and what counts.
  mutating func judgeAnew() {
    let backends = Set(
      pools.values.filter { $0.configuration.health != nil }.flatMap(\.backends).map(ObjectIdentifier.init))
    suspicion.keep { backends.contains(ObjectIdentifier($0)) }
    for name in pools.keys.sorted() {
      if let running = pools[name] { for member in running.backends.indices { tell(running, member) } }
      settle(name)
    }
  }
}
