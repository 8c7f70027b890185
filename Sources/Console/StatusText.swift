/// What `balancer status` prints.
package enum StatusText {
  /// - Parameter width: of the window; nil cuts nothing.
  package static func lines(_ status: Status, width: Int?) -> [StyledText] {
    var lines = header(status)
    let problems = Problems.of(status)
    if !problems.isEmpty { lines.append(StyledText()) }
    for problem in problems {
      let wrapped = width.map { DisplayWidth.wrap(problem.text, to: max(20, $0 - 2)) } ?? [problem.text]
      for (index, part) in wrapped.enumerated() {
        var line = StyledText(index == 0 ? "! " : "  ", problem.condition.look)
        line.append(part, problem.condition.look)
        lines.append(line)
      }
    }
    for table in [listeners(status), pools(status), backends(status)] where !table.rows.isEmpty {
      lines.append(StyledText())
      lines += table.lines(width: width)
    }
    return lines.map { line in width.map { line.fitted(to: $0) } ?? line }
  }

  private static func header(_ status: Status) -> [StyledText] {
    var first =
      "balancer \(status.version), \(status.state) for \(Figures.age(status.uptime)), process \(status.process), "
    first += Figures.count(status.workers, "worker")
    first += ", \(status.connections)" + (status.connectionLimit.map { " of \($0)" } ?? "") + " connections"
    var second = status.file
    if let loadedAt = status.loadedAt {
      second += " of \(loadedAt)"
      if let now = status.now { second += " (\(Figures.age(now.seconds(since: loadedAt))) ago)" }
    }
    if status.reloadsDone > 0 { second += ", reloaded \(Figures.count(status.reloadsDone, "time"))" }
    if status.reloadsRefused > 0 { second += ", refused \(Figures.count(status.reloadsRefused, "time"))" }
    return [StyledText(first, .bold), StyledText(second)]
  }

  private static func listeners(_ status: Status) -> Table {
    var table = Table([
      .init("LISTENER", least: 10), .init("MODE", rank: 3), .init("LISTEN", rank: 2, least: 12),
      .init("SESSIONS", isRight: true), .init("SESS/S", isRight: true), .init("REQ/S", isRight: true, rank: 4),
      .init("ERR/S", isRight: true), .init("IN/S", isRight: true, rank: 5), .init("OUT/S", isRight: true, rank: 6),
    ])
    for listener in status.listeners {
      let isFull = listener.limit.map { $0 > 0 && listener.sessions >= $0 } ?? false
      table.add([
        StyledText(listener.name), StyledText(listener.mode + (listener.tls ? "+tls" : "")),
        StyledText(listener.listen.joined(separator: " ")),
        StyledText("\(listener.sessions)", isFull ? .warning : .plain),
        StyledText(Figures.rate(listener.rates.sessions)),
        StyledText(listener.mode == "http" ? Figures.rate(listener.rates.requests) : "-"),
        errors(listener.rates), StyledText(Figures.bytes(listener.rates.bytesIn)),
        StyledText(Figures.bytes(listener.rates.bytesOut)),
      ])
    }
    return table
  }

  private static func pools(_ status: Status) -> Table {
    var table = Table([
      .init("POOL", least: 10), .init("STATE"), .init("ELIGIBLE", isRight: true),
      .init("WEIGHT", isRight: true, rank: 4),
      .init("SESSIONS", isRight: true), .init("WAITING", isRight: true, rank: 3), .init("SESS/S", isRight: true),
      .init("ERR/S", isRight: true), .init("SCHEDULER", rank: 5),
    ])
    for pool in status.pools {
      let condition = Condition(state: pool.state)
      table.add([
        StyledText(pool.name), StyledText(pool.state, condition.look), StyledText("\(pool.eligible)/\(pool.total)"),
        StyledText("\(pool.weightLeft)%"), StyledText("\(pool.sessions)"),
        StyledText("\(pool.waiting)", pool.waiting > 0 ? .warning : .plain),
        StyledText(Figures.rate(pool.rates.sessions)),
        errors(pool.rates), StyledText(pool.scheduler),
      ])
    }
    return table
  }

  private static func backends(_ status: Status) -> Table {
    var table = Table([
      .init("BACKEND", least: 12), .init("STATE"), .init("SINCE", isRight: true),
      .init("WEIGHT", isRight: true, rank: 5),
      .init("SESSIONS", isRight: true), .init("SESS/S", isRight: true), .init("ERR/S", isRight: true),
      .init("CONN50", isRight: true, rank: 4), .init("CONN99", isRight: true, rank: 3),
      .init("ADDRESS", rank: 6, least: 12),
    ])
    for backend in status.backends {
      let age = backend.since.flatMap { since in status.now.map { $0.seconds(since: since) } }
      // A name that is the address says it already.
      let address = backend.address == backend.name ? "" : backend.address ?? "not resolved"
      table.add([
        StyledText(backend.path), StyledText(backend.state, Condition(state: backend.state).look),
        StyledText(Figures.age(age)), weight(backend), StyledText("\(backend.sessions)"),
        StyledText(Figures.rate(backend.rates.sessions)), errors(backend.rates),
        StyledText(Figures.latency(backend.connect.p50)), StyledText(Figures.latency(backend.connect.p99)),
        StyledText(address),
      ])
    }
    return table
  }

  /// With a mark where it is not the file's.
  package static func weight(_ backend: BackendStatus) -> StyledText {
    backend.overriddenWeight == nil
      ? StyledText("\(backend.weight)") : StyledText("\(backend.weight)*", .warning)
  }

  package static func errors(_ rates: Rates) -> StyledText {
    StyledText(Figures.rate(rates.errors), rates.errors > 0 ? .warning : .plain)
  }
}
