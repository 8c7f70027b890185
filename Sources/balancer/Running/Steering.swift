import Admin
import Balancing
import Base
import Configuration
import Logging
import Reactor
import TLS
import Telemetry

/// What the admin server asks the control thread for, and what it tells of it.
extension Supervisor {
  mutating func answer(_ question: AdminQuestion) {
    let server = admin.server
    do throws(AdminError) {
      switch question.task {
      case .live: server.answer(question.ticket, .text(200, "ok\n"))
      case .ready:
        let obstacles = obstacles
        server.answer(
          question.ticket,
          obstacles.isEmpty ? .text(200, "ready\n") : .text(503, obstacles.map { $0 + "\n" }.joined()))
      case .status:
        let status = status(withNumbers: true)
        server.answer(question.ticket, .json { status.json.closed() })
      case .configuration:
        let (configuration, overrides) = (configuration, overrides)
        server.answer(question.ticket, .json { Self.document(configuration, overrides) })
      case .sessions(let query): try listSessions(query, question.ticket)
      case .metrics(let accept):
        let (figures, format) = (metricsFigures, MetricsText.Format(accept: accept))
        server.answer(
          question.ticket,
          AdminAnswer(contentType: "\(format.contentType)") {
            var page = MetricsPage(figures, ProcessUsage.current, format)
            return page.written()
          })
      case .reload:
        if isDraining { throw AdminError(.conflict, "the program is ending: nothing is reloaded any more") }
        log.logger("admin").notice("\(question.peer) asks for a reload")
        reloadWaiters.append(question.ticket)
        reload()
      case .check(let bytes): try check(bytes, question.ticket)
      case .steer(let pool, let backend, let steering):
        let status = try steer(pool, backend, steering, by: question.peer)
        server.answer(question.ticket, .json { status.json.closed() })
      }
    } catch {
      server.answer(question.ticket, .error(error))
    }
  }

  private static func document(_ configuration: Configuration, _ overrides: Overrides) -> String {
    var object = JSONObject()
    object.add("configuration", json: configuration.document)
    object.add(
      "overrides",
      overrides.all.map { key, override in
        var object = JSONObject()
        object.add("pool", key.pool)
        object.add("backend", key.backend)
        BackendStatus.Override(state: override.state?.rawValue, weight: override.weight, since: override.since)
          .add(to: &object)
        return object
      })
    return object.closed()
  }

  // MARK: Backends

  /// Changes what holds for a backend until somebody takes it back.
  private mutating func steer(
    _ pool: String, _ name: String, _ steering: AdminTask.Steering, by peer: String
  ) throws(AdminError) -> BackendStatus {
    guard let running = pools[pool] else {
      throw AdminError(.notFound, "there is no pool \(pool.quoted)" + Self.hint(pool, configuration.pools.map(\.name)))
    }
    guard let member = running.backends.firstIndex(where: { $0.name == name }) else {
      throw AdminError(
        .notFound,
        "pool \(pool) has no backend \(name.quoted)" + Self.hint(name, running.backends.map(\.name)))
    }
    // Its addresses will be backends of their own, with other names.
    if case .nowhere(let cause) = running.resolved[member].place {
      throw AdminError(.conflict, "\(pool)/\(name) has no address: \(cause)")
    }
    let key = Overrides.Key(pool: pool, backend: name)
    let former = overrides
    let isChange: Bool
    var weight: Int?
    switch steering {
    case .drain: isChange = overrides.set(.drain, of: key, now: .now)
    case .disable: isChange = overrides.set(.disable, of: key, now: .now)
    case .enable: isChange = overrides.set(nil, of: key, now: .now)
    case .weight(let body):
      weight = try Self.weight(in: body)
      isChange = overrides.set(weight: weight, of: key, now: .now)
    case .ownWeight: isChange = overrides.set(weight: nil, of: key, now: .now)
    }
    guard isChange else { return backendStatus(member, in: running) }
    do throws(TLSProblems) { try override(running, member) } catch {
      overrides = former
      throw AdminError(.unavailable, "the backend stays as it is: \(error)")
    }
    tell(steering, of: key, weight, by: peer)
    guard let now = pools[pool] else { return backendStatus(member, in: running) }
    return backendStatus(member, in: now)
  }

  /// Carries out what the overrides say of a backend now.
  private mutating func override(_ former: RunningPool, _ member: Int) throws(TLSProblems) {
    var running = try RunningPool(
      former.configuration, tls: tls, names: names, overrides: overrides, workers: workers.count,
      former: former)
    running.commit()
    pools[former.configuration.name] = running
    let backend = running.backends[member]
    let (before, after) = (
      former.overrides[member]?.isDisabled ?? false, running.overrides[member]?.isDisabled ?? false
    )
    if after, !before {
      backend.lastCheck.withLock { $0 = nil }
      let closesNow = healthReporter.removed(
        backend, running.configuration.onRemove, now: Clock.now, because: "disabled")
      if closesNow { workers.closeSessions(of: backend) }
    } else if before, !after {
      healthReporter.stays(backend)
    }
    backendsChanged(removed: [])
  }

  private static func weight(in body: [UInt8]) throws(AdminError) -> Int {
    let json: JSONValue
    do { json = try JSONParser.parse(body) } catch {
      throw AdminError(
        .badRequest, "the body is not JSON: \(error.location.line):\(error.location.column): \(error.message)")
    }
    guard case .number(let text)? = json["weight"]?.kind, let weight = Int(text),
      (0...Member.maximumWeight).contains(weight)
    else { throw AdminError(.invalid, "{ \"weight\": 0…256 } expected") }
    return weight
  }

  private static func hint(_ name: String, _ names: [String]) -> String {
    Suggestions.nearest(to: name, among: names).map { " (did you mean \($0.quoted)?)" } ?? ""
  }

  private func tell(_ steering: AdminTask.Steering, of key: Overrides.Key, _ weight: Int?, by peer: String) {
    guard let backend = pools[key.pool]?.backends.first(where: { $0.name == key.backend }) else { return }
    let sessions = backend.sessions.load(ordering: .relaxed)
    let open = "\(sessions) \(sessions == 1 ? "session" : "sessions")"
    let action: String
    let words: String
    switch steering {
    case .drain: (action, words) = ("drain", "drained, \(open) kept")
    case .disable: (action, words) = ("disable", "disabled, no checks, \(open) open")
    case .enable: (action, words) = ("enable", "enabled")
    case .weight: (action, words) = ("weight", "weight \(weight ?? 0) instead of the file's")
    case .ownWeight: (action, words) = ("weight", "the file's weight again")
    }
    publish("override", .notice, "\(BackendDetails(backend)) \(words) (by \(peer))", as: "admin") { object in
      object.add("pool", key.pool)
      object.add("backend", key.backend)
      object.add("action", action)
      object.add("weight", weight)
    }
  }

  /// Forgets what was said of backends that the new configuration does not have. One whose host name has no such address
  /// at the moment may have it again.
  mutating func forgetOverrides() {
    let pools = configuration.pools
    let gone = overrides.keep { key in
      pools.first { $0.name == key.pool }?.backends.contains { backend in
        if backend.name == key.backend { return true }
        guard case .name = backend.address else { return false }
        return key.backend.hasPrefix("\(backend.name)/")
      } ?? false
    }
    for key in gone {
      log.logger("admin").notice("\(key.pool)/\(key.backend) is gone, and what was said of it by hand is forgotten")
    }
  }

  // MARK: Telling

  /// Logs a line, and tells the readers of events the same.
  func publish(
    _ kind: String, _ level: Logger.Level, _ message: String, as component: String,
    _ add: (inout JSONObject) -> Void
  ) {
    log.logger(component).log(level: level, "\(message)")
    var object = JSONObject()
    object.add("time", WallTime.now.description)
    object.add("level", level.rawValue)
    add(&object)
    object.add("message", message)
    admin.server.publish(kind, object.closed())
  }
}
