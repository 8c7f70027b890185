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

  /// What a change does to the damping of its backend.
  enum Damping {
    case none
    /// It is held down from now on, for so long if no change comes.
    case began(FlapConfiguration, penalty: Double, for: Duration)
    case lasts
  }

  private let logger: Logger
  private var records: [ObjectIdentifier: Record] = [:]
  /// Why a session of each backend failed, the last time that one did.
  private var lastFailures: [ObjectIdentifier: String] = [:]
  /// Backends that were removed, and when their sessions are closed.
  private var leaving: [(backend: Backend, end: Instant, why: String)] = []

  init(logger: Logger) { self.logger = logger }

  /// Logs a change.
  /// - Parameter isDown: whether it was down for its sessions, and is now.
  /// - Returns: whether the backend's sessions are to be closed at once.
  mutating func changed(
    _ target: HealthTarget, _ transition: HealthTransition, damping: Damping, standing: PoolStanding,
    onDown: PoolConfiguration.SessionFate, isDown: (before: Bool, now: Bool), now: Instant
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
    var closesNow = false
    if isDown.before != isDown.now || transition.from == .checking {
      closesNow = fateChanged(&record, isDown: isDown.now, onDown, now: now)
    }
    switch damping {
    case .none:
      // A first result is no flip.
      let notices: [FlapGuard.Notice] =
        transition.from == .checking ? [.change] : record.guardian.handleChange(now: now)
      for notice in notices { say(notice, record, event) }
    case .began(let settings, let penalty, let duration):
      // From here on its changes are nobody's business until it is let go.
      record.guardian = FlapGuard()
      logger.log(
        DampingEvent(
          backend: BackendDetails(backend),
          phase: .held(event, above: settings.hold, release: settings.release, in: duration), health: .down,
          penalty: penalty, standing: StandingDetails(standing)))
    case .lasts: break
    }
    records[ObjectIdentifier(backend)] = record
    return closesNow
  }

  /// A backend is let go that was held down.
  mutating func released(
    _ backend: Backend, _ hold: FlapDamper.Hold, health: BackendHealth, penalty: Double, standing: PoolStanding,
    now: Instant
  ) {
    if health != .down { records[ObjectIdentifier(backend)]?.closing = nil }
    records[ObjectIdentifier(backend)]?.health = health
    records[ObjectIdentifier(backend)]?.standing = standing
    logger.log(
      DampingEvent(
        backend: BackendDetails(backend), phase: .released(after: now - hold.since, changes: hold.changes),
        health: .init(health), penalty: penalty, standing: StandingDetails(standing)))
  }

  /// A backend has gone down or come up for its sessions, without a change of its checks' verdict.
  /// - Returns: whether its sessions are to be closed at once.
  mutating func fateChanged(
    _ backend: Backend, isDown: Bool, onDown: PoolConfiguration.SessionFate, now: Instant
  ) -> Bool {
    guard var record = records[ObjectIdentifier(backend)] else { return false }
    defer { records[ObjectIdentifier(backend)] = record }
    return fateChanged(&record, isDown: isDown, onDown, now: now)
  }

  private func fateChanged(
    _ record: inout Record, isDown: Bool, _ onDown: PoolConfiguration.SessionFate, now: Instant
  ) -> Bool {
    record.closing = nil
    guard isDown, case .close(let delay) = onDown else { return false }
    if delay == .zero { return true }
    record.closing = now + delay
    return false
  }

  // MARK: Outliers

  mutating func noteFailure(of backend: Backend, _ cause: String) {
    lastFailures[ObjectIdentifier(backend)] = cause
  }

  /// Sessions of a backend have failed so often that it is, or would be, ejected.
  func judged(_ backend: Backend, _ verdict: OutlierDetector.Verdict, failures: Int, standing: PoolStanding) {
    let phase: EjectionEvent.Phase
    switch verdict {
    case .none: return
    case .ejected(let ejection):
      phase = .ejected(for: ejection.duration, inARow: ejection.inARow, span: ejection.span)
    case .spared(let out, let total): phase = .spared(out: out, total: total)
    }
    say(phase, backend, cause: lastFailures[ObjectIdentifier(backend)], failures, standing)
  }

  /// An ejected backend is back.
  func returned(_ backend: Backend, after duration: Duration, passes: Int, standing: PoolStanding) {
    say(.returned(after: duration, passes: passes), backend, cause: nil, 0, standing)
  }

  private func say(
    _ phase: EjectionEvent.Phase, _ backend: Backend, cause: String?, _ failures: Int, _ standing: PoolStanding
  ) {
    logger.log(
      EjectionEvent(
        backend: BackendDetails(backend), phase: phase, cause: cause, failures: failures,
        sessions: backend.sessions.load(ordering: .relaxed), standing: StandingDetails(standing)))
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
    let due = leaving.filter { $0.end <= now }
    leaving.removeAll { $0.end <= now }
    for (backend, _, why) in due { sayClosed(backend, why, "onRemove", logger) }
    var closing = due.map(\.backend)
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
    lastFailures = lastFailures.filter { kept.contains($0.key) }
  }

  /// A backend has left the configuration, or was disabled.
  /// - Returns: whether its sessions are to be closed at once.
  mutating func removed(
    _ backend: Backend, _ onRemove: PoolConfiguration.SessionFate, now: Instant, because why: String = "removed"
  ) -> Bool {
    guard case .close(let delay) = onRemove else { return false }
    if delay == .zero { return true }
    leaving.append((backend, now + delay, why))
    return false
  }

  /// It is back before its sessions were closed.
  mutating func stays(_ backend: Backend) { leaving.removeAll { $0.backend === backend } }

  /// Why a session on it failed, the last time that one did.
  func lastFailure(of backend: Backend) -> String? { lastFailures[ObjectIdentifier(backend)] }

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
