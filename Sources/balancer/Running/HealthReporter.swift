import Balancing
import Base
import Configuration
import Health
import Logging
import Telemetry

/// Says in the log what the checks have found, a flapping backend in few words, and keeps in mind whose sessions are
/// to be closed later.
struct HealthReporter {
  private struct Record {
    var guardian = FlapGuard()
    var health = BackendHealth.checking
    var standing: PoolStanding
    /// When the sessions of a backend that went down are closed.
    var closing: Instant?
    let backend: Backend
  }

  private let logger: Logger
  private var records: [ObjectIdentifier: Record] = [:]
  /// Backends that were removed, and when their sessions are closed.
  private var leaving: [(backend: Backend, end: Instant)] = []

  init(logger: Logger) { self.logger = logger }

  /// Logs a change.
  /// - Returns: whether the backend's sessions are to be closed at once.
  mutating func changed(
    _ target: HealthTarget, _ transition: HealthTransition, standing: PoolStanding,
    onDown: PoolConfiguration.SessionFate, now: Instant
  ) -> Bool {
    let backend = target.backend
    let fate: HealthEvent.SessionFate =
      switch onDown {
      case .keep: .keep
      case .close(let delay): .close(after: delay)
      }
    let event = HealthEvent(
      backend: BackendDetails(backend), from: .init(transition.from), to: .init(transition.to),
      check: CheckDetails(target, transition.result, streak: transition.streak, needed: transition.needed),
      formerDuration: transition.formerDuration, sessions: backend.sessions.load(ordering: .relaxed), onDown: fate,
      standing: StandingDetails(standing))

    var record = records[ObjectIdentifier(backend)] ?? Record(standing: standing, backend: backend)
    record.health = transition.to
    record.standing = standing
    record.closing = nil
    var closesNow = false
    if transition.to == .down, case .close(let delay) = onDown {
      if delay == .zero { closesNow = true } else { record.closing = now + delay }
    }
    // A first result is no flip.
    let notices: [FlapGuard.Notice] =
      transition.from == .checking ? [.change] : record.guardian.handleChange(now: now)
    for notice in notices { say(notice, record, event) }
    records[ObjectIdentifier(backend)] = record
    return closesNow
  }

  /// A failed check that changes nothing.
  func checkFailed(
    _ target: HealthTarget, _ failure: ProbeFailure, health: BackendHealth, streak: Int, needed: Int
  ) {
    logger.log(
      FailedCheckEvent(
        backend: BackendDetails(target.backend), health: .init(health),
        check: CheckDetails(target, .failed(failure), streak: streak, needed: needed)))
  }

  /// When `tick` has something to do.
  var nextTick: Instant? {
    let ticks = records.values.flatMap { [$0.guardian.nextTick, $0.closing] } + leaving.map(\.end)
    return ticks.compactMap { $0 }.min()
  }

  /// Sums up what flaps.
  /// - Returns: the backends whose time to finish their sessions is over.
  mutating func tick(now: Instant) -> [Backend] {
    guard let next = nextTick, next <= now else { return [] }
    var closing = leaving.filter { $0.end <= now }.map(\.backend)
    leaving.removeAll { $0.end <= now }
    for backend in closing { sayClosed(backend, "removed", "onRemove", logger) }
    for (identifier, former) in records.sorted(by: { $0.value.backend.description < $1.value.backend.description }) {
      var record = former
      if let notice = record.guardian.tick(now: now) { say(notice, record, nil) }
      if let end = record.closing, end <= now {
        record.closing = nil
        closing.append(record.backend)
        sayClosed(record.backend, "still DOWN", "onDown", logger)
      }
      records[identifier] = record
    }
    return closing
  }

  /// Forgets backends that are no longer configured.
  mutating func keep(only backends: [Backend]) {
    let kept = Set(backends.map { ObjectIdentifier($0) })
    records = records.filter { kept.contains($0.key) }
  }

  /// A backend has left the configuration.
  /// - Returns: whether its sessions are to be closed at once.
  mutating func removed(_ backend: Backend, _ onRemove: PoolConfiguration.SessionFate, now: Instant) -> Bool {
    guard case .close(let delay) = onRemove else { return false }
    if delay == .zero { return true }
    leaving.append((backend, now + delay))
    return false
  }

  private func sayClosed(_ backend: Backend, _ state: String, _ key: String, _ logger: Logger) {
    let sessions = backend.sessions.load(ordering: .relaxed)
    logger.notice(
      "\(BackendDetails(backend)) \(state): \(sessions) \(sessions == 1 ? "session" : "sessions") closed (\(key))")
  }

  private func say(_ notice: FlapGuard.Notice, _ record: Record, _ event: HealthEvent?) {
    func flapping(_ phase: FlappingEvent.Phase, _ changes: Int, _ span: Duration) {
      logger.log(
        FlappingEvent(
          backend: BackendDetails(record.backend), phase: phase, health: .init(record.health), changes: changes,
          span: span, standing: StandingDetails(record.standing)))
    }
    switch notice {
    case .change: if let event { logger.log(event) }
    case .started(let changes, let span): if let event { flapping(.started(event), changes, span) }
    case .continuing(let changes, let span): flapping(.continuing, changes, span)
    case .ended(let changes, let span): flapping(.ended, changes, span)
    }
  }
}

extension HealthEvent.Health {
  init(_ health: BackendHealth) {
    self =
      switch health {
      case .checking: .checking
      case .up: .up
      case .down: .down
      }
  }
}

extension BackendDetails {
  init(_ backend: Backend) {
    self.init(
      pool: backend.pool, name: backend.name, address: backend.address.description, labels: backend.labels)
  }
}

extension StandingDetails {
  init(_ standing: PoolStanding) {
    self.init(
      eligible: standing.eligible, total: standing.total, weightShare: standing.weightShare, isLost: standing.isLost)
  }
}

extension CheckDetails {
  init(_ target: HealthTarget, _ result: ProbeResult, streak: Int, needed: Int) {
    let failure: Failure? =
      if case .failed(let failure) = result {
        Failure(cause: failure.cause, layer: failure.layer, errno: failure.errno)
      } else { nil }
    self.init(
      type: target.check.name, address: target.address == target.backend.address ? nil : "\(target.address)",
      failure: failure, took: result.took, streak: streak, needed: needed)
  }
}
