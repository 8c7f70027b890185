import Admin
import Balancing
import Base
import Configuration
import Glibc
import Reactor
import TCPProxy
import TLS

/// The program as it stands, in plain values. Nothing is written here: texts are the admin server's business.
extension Supervisor {
  /// - Parameter withNumbers: with rates and percentiles.
  func status(withNumbers: Bool) -> ProgramStatus {
    let totals = incidents.totals
    let now = Clock.now
    var status = ProgramStatus()
    status.version = Balancer.version
    status.process = getpid()
    status.isDraining = isDraining
    status.startedAt = startedAt
    status.uptime = now - started
    status.workers = workers.count
    status.connections = admission.sessions.load(ordering: .relaxed)
    status.connectionLimit = admission.limit
    status.configuration = reloads
    status.listeners = configuration.listeners.compactMap { listeners[$0.name] }.map { listener in
      var status = listener.status
      add(to: &status, listener, totals, now: withNumbers ? now : nil)
      return status
    }
    status.pools = configuration.pools.compactMap { pools[$0.name] }.map {
      poolStatus($0, totals, now: withNumbers ? now : nil)
    }
    status.certificates = tls.certificates.map(\.status)
    return status
  }

  /// - Parameter now: nil leaves rates and percentiles out.
  private func poolStatus(
    _ running: RunningPool, _ totals: [Incidents.Event: Int], now: Instant?
  ) -> PoolStatus {
    let standing = running.pool.standing
    var status = PoolStatus()
    status.name = running.configuration.name
    status.scheduler = SchedulerKind(running.configuration.scheduler).description
    status.isPanicking = running.verdicts.isPanicking
    status.eligible = standing.eligible
    status.total = standing.total
    status.weightLeft = standing.percentLeft
    status.waiting = running.pool.waiting
    status.queueLimit = running.configuration.queue
    status.backends = running.backends.indices.map { backendStatus($0, in: running, now: now) }
    for backend in status.backends { status.sessions += backend.sessions }
    add(to: &status, running, totals, now: now)
    return status
  }

  func backendStatus(_ member: Int, in running: RunningPool) -> BackendStatus {
    backendStatus(member, in: running, now: Clock.now)
  }

  private func backendStatus(_ member: Int, in running: RunningPool, now: Instant?) -> BackendStatus {
    let backend = running.backends[member]
    let configured = running.resolved[member].configuration
    let override = running.overrides[member]
    var status = BackendStatus()
    status.name = backend.name
    status.address = backend.isResolved ? backend.address.description : nil
    status.labels = backend.labels
    status.isBackup = configured.backup
    status.sessions = backend.sessions.load(ordering: .relaxed)
    status.limit = configured.connections == 0 ? nil : configured.connections
    status.state = running.notes[member].state
    if status.state == .up, let limit = status.limit, status.sessions >= limit { status.state = .full }
    status.since = running.notes[member].since
    status.weight = override?.weight(configured: configured.weight) ?? configured.weight
    status.configuredWeight = configured.weight
    status.override = override.map { .init(state: $0.state?.rawValue, weight: $0.weight, since: $0.since) }
    let check = running.isChecked(member) ? backend.lastCheck.withLock { $0 } : nil
    status.check = check.map { .init($0) }
    status.why = why(member, status.state, in: running, check)
    status.changes = running.notes[member].changes
    add(to: &status, backend, now: now)
    return status
  }

  /// Why a backend is what it is, in words for somebody who has not followed it.
  private func why(
    _ member: Int, _ state: BackendStatus.State, in running: RunningPool, _ check: LastCheck?
  ) -> String? {
    var cause: String?
    if case .failed(let failure)? = check?.result { cause = failure.cause }
    if case .nowhere(let problem) = running.resolved[member].place { cause = problem }
    switch state {
    case .disabled: return "disabled by hand"
    case .drained:
      if running.overrides[member]?.state == .drain { return "drained by hand" }
      return running.overrides[member]?.weight == 0 ? "its weight was set to 0 by hand" : "its weight in the file is 0"
    case .ejected: return healthReporter.lastFailure(of: running.backends[member]) ?? "its sessions failed"
    case .held: return "it flaps, and is held down until it is quiet" + (cause.map { "; last: \($0)" } ?? "")
    case .down: return cause ?? "no check has passed yet"
    case .checking: return "no check has ended yet"
    case .full: return "it has as many sessions as its connections allow"
    case .up:
      return running.verdicts.isTrusted(member)
        ? "its checks fail, but our own network is suspected" + (cause.map { ": \($0)" } ?? "") : nil
    }
  }

  /// Why the program is not ready for clients; empty where it is.
  var obstacles: [String] {
    if isDraining { return ["draining: the program is ending"] }
    var names = Set<String>()
    return configuration.listeners.flatMap(\.pools).filter { names.insert($0).inserted }.compactMap { name in
      guard let standing = pools[name]?.pool.standing, standing.eligible == 0 else { return nil }
      return "pool \(name) has no eligible backend"
    }
  }
}

extension RunningListener {
  fileprivate var status: ListenerStatus {
    var status = ListenerStatus()
    status.name = configuration.name
    status.mode = configuration.mode.rawValue
    status.listen = addresses.map(\.description)
    status.isSecure = configuration.tls != nil
    status.pools = configuration.pools
    status.sessions = counters.sessions.load(ordering: .relaxed)
    status.limit = configuration.connections
    status.refused = counters.refused.load(ordering: .relaxed)
    return status
  }
}

extension BackendStatus.Check {
  fileprivate init(_ check: LastCheck) {
    self.init()
    type = check.type
    at = check.at
    took = check.result.took
    streak = check.streak
    needed = check.needed
    switch check.result {
    case .passed:
      isPassed = true
      words = "passed"
    case .failed(let failure): words = failure.cause
    }
  }
}

extension CertificateExpiry.Certificate {
  fileprivate var status: CertificateStatus {
    var status = CertificateStatus()
    status.file = file
    status.names = facts.names
    status.notAfter = facts.notAfter
    status.daysLeft = daysToExpiry(now: .now)
    return status
  }
}

extension PoolStanding {
  /// Rounded, but 0 only for nothing and 100 only for everything.
  fileprivate var percentLeft: Int {
    if weightShare <= 0 { return 0 }
    if weightShare >= 1 { return 100 }
    return min(max(Int((weightShare * 100).rounded()), 1), 99)
  }
}
