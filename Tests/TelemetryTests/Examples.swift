import Base

@testable import Telemetry

/// The events of which docs/health-log.md shows the lines.
enum Examples {
  static let backend = BackendDetails(pool: "web", name: "127.0.0.1:9002", address: "127.0.0.1:9002")
  static let twoOfThree = StandingDetails(eligible: 2, total: 3, weightShare: 2.0 / 3, isLost: false)
  static let all = StandingDetails(eligible: 3, total: 3, weightShare: 1, isLost: false)
  static let refused = CheckDetails(
    type: "tcp",
    failure: .init(cause: "connection refused (ECONNREFUSED)", layer: "L4", errno: "ECONNREFUSED"),
    took: .microseconds(412), streak: 3, needed: 3)
  static let passed = CheckDetails(type: "tcp", failure: nil, took: .microseconds(298), streak: 2, needed: 2)

  static let down = HealthEvent(
    backend: backend, from: .up, to: .down, check: refused, formerDuration: .milliseconds(11_542_500), sessions: 12,
    onDown: .keep, standing: twoOfThree)

  static let up = HealthEvent(
    backend: backend, from: .down, to: .up, check: passed, formerDuration: .milliseconds(41_127), sessions: 0,
    onDown: .keep, standing: all)

  static let firstUp = HealthEvent(
    backend: BackendDetails(
      pool: "web", name: "app1", address: "10.0.0.5:8080", labels: ["zone": "a", "rack": "7"]),
    from: .checking, to: .up,
    check: CheckDetails(type: "tcp", failure: nil, took: .microseconds(914), streak: 1, needed: 1),
    formerDuration: .milliseconds(2), sessions: 0, onDown: .keep,
    standing: StandingDetails(eligible: 1, total: 2, weightShare: 0.5, isLost: false))

  static var lost: HealthEvent {
    var event = down
    event.standing = StandingDetails(eligible: 0, total: 3, weightShare: 0, isLost: true)
    return event
  }

  static let stillUp = FailedCheckEvent(backend: backend, health: .up, check: refused(streak: 1))
  static let stillDown = FailedCheckEvent(backend: backend, health: .down, check: refused(streak: 57))

  static let flapping = FlappingEvent(
    backend: backend, phase: .started(down), health: .down, changes: 3, span: .milliseconds(21_400),
    standing: twoOfThree)
  static let stillFlapping = FlappingEvent(
    backend: backend, phase: .continuing, health: .up, changes: 14, span: .seconds(60), standing: all)
  static let stopped = FlappingEvent(
    backend: backend, phase: .ended, health: .up, changes: 17, span: .seconds(125), standing: all)

  static let held = DampingEvent(
    backend: backend, phase: .held(down, above: 5, release: 2, in: .seconds(85)), health: .down, penalty: 5.3123,
    standing: twoOfThree)
  static let released = DampingEvent(
    backend: backend, phase: .released(after: .seconds(125), changes: 2), health: .up, penalty: 1.9999, standing: all)

  static let ejected = EjectionEvent(
    backend: backend, phase: .ejected(for: .seconds(60), inARow: 2, span: .milliseconds(1200)),
    cause: "connection reset before any answer", failures: 5, sessions: 12, standing: twoOfThree)
  static let spared = EjectionEvent(
    backend: backend, phase: .spared(out: 1, total: 3), cause: "connection reset before any answer", failures: 5,
    sessions: 12, standing: twoOfThree)
  static let returned = EjectionEvent(
    backend: backend, phase: .returned(after: .milliseconds(63_881), passes: 2), cause: nil, failures: 0, sessions: 0,
    standing: all)

  static let unresolved = UnresolvedEvent(
    backend: BackendDetails(pool: "web", name: "db1.internal:5432", address: "db1.internal:5432"),
    cause: "\"db1.internal\" cannot be resolved: Name or service not known", standing: twoOfThree)

  /// One for each kind of cause that is not refusal.
  static var causes: [HealthEvent] {
    let app2 = BackendDetails(pool: "web", name: "app2", address: "10.0.0.6:8080")
    let socket = BackendDetails(pool: "web", name: "unix:/run/app.sock", address: "unix:/run/app.sock")
    return [
      failure("no answer within 1s", nil, backend, .seconds(300), .milliseconds(1000), 1, .close(after: .seconds(30))),
      failure("connection reset by the backend", "ECONNRESET", app2, .seconds(93_600), .microseconds(214)),
      failure(
        "no route to host", "EHOSTUNREACH", app2, .seconds(12), .milliseconds(350), 4, .close(after: .zero)),
      failure("network unreachable", "ENETUNREACH", app2, .milliseconds(8500), .microseconds(18)),
      failure("connection timed out in the kernel", "ETIMEDOUT", app2, .seconds(7200), .seconds(129)),
      failure("no local address or port left", "EADDRNOTAVAIL", app2, .seconds(7200), .microseconds(31), 28_231),
      failure("not permitted, perhaps by a local firewall rule", "EPERM", app2, .seconds(7200), .microseconds(31)),
      failure("no such socket file", "ENOENT", socket, nil, .microseconds(12)),
      failure("permission denied", "EACCES", socket, nil, .microseconds(12)),
      failure("the backend's backlog is full", "EAGAIN", socket, .seconds(41), .microseconds(12), 87),
    ]
  }

  /// Of checks that talk, and of one that goes elsewhere.
  static var conversations: [HealthEvent] {
    [
      (
        "redis", nil, #"expected +PONG, received "-LOADING Redis is loading the dataset in memory""#, .microseconds(412)
      ),
      ("smtp", "10.0.9.7:25", "expected 220, no answer within 1s", .milliseconds(1000)),
      ("script", nil, #"exit status 2: "no quorum: 1 of 3 members""#, .milliseconds(41)),
    ].map { (type: String, address: String?, cause: String, took: Duration) in
      HealthEvent(
        backend: BackendDetails(pool: "cache", name: "10.0.0.7:6379", address: "10.0.0.7:6379"), from: .up, to: .down,
        check: CheckDetails(
          type: type, address: address, failure: .init(cause: cause, layer: "L7", errno: nil), took: took, streak: 3,
          needed: 3),
        formerDuration: .seconds(720), sessions: 0, onDown: .keep, standing: twoOfThree)
    }
  }

  private static func refused(streak: Int) -> CheckDetails {
    var check = refused
    check.streak = streak
    return check
  }

  /// - Parameter former: how long it was up; nil for a first check.
  private static func failure(
    _ words: String, _ errno: String?, _ backend: BackendDetails, _ former: Duration?, _ took: Duration,
    _ sessions: Int = 0, _ onDown: HealthEvent.SessionFate = .keep
  ) -> HealthEvent {
    let streak = former == nil ? 1 : 3
    return HealthEvent(
      backend: backend, from: former == nil ? .checking : .up, to: .down,
      check: CheckDetails(
        type: "tcp",
        failure: .init(cause: errno.map { "\(words) (\($0))" } ?? words, layer: "L4", errno: errno), took: took,
        streak: streak, needed: streak),
      formerDuration: former ?? .milliseconds(1), sessions: sessions, onDown: onDown, standing: twoOfThree)
  }
}
