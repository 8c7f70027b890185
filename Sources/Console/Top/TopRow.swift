import Base

/// What `top` lists.
package enum TopSubject: CaseIterable, Sendable {
  case backends, pools, listeners

  package var next: TopSubject {
    let all = Self.allCases
    return all[(all.firstIndex(of: self)! + 1) % all.count]
  }
}

/// One line of `top`'s list, of a backend, a pool or a listener; nil is what this one does not have.
package struct TopRow: Equatable, Sendable {
  /// As commands name it.
  package var name: String
  package var state: String
  package var condition: Condition
  /// Seconds.
  package var age: Double?
  package var weight: StyledText?
  package var sessions: Int
  package var rates: Rates
  package var hasRequests = true
  package var connect: Percentiles?
  package var firstByte: Percentiles?
  package var session: Percentiles?
  package var changes: Int?
  /// All that is to be said of it, for the line below the list.
  package var details: String
  /// What a filter looks through besides the name and the state.
  var words: [String] = []

  package static func all(_ status: Status, _ subject: TopSubject) -> [TopRow] {
    switch subject {
    case .backends: status.backends.map { TopRow($0, status) }
    case .pools: status.pools.map { TopRow($0) }
    case .listeners: status.listeners.map { TopRow($0, status) }
    }
  }

  private init(_ backend: BackendStatus, _ status: Status) {
    name = backend.path
    state = backend.state
    condition = Condition(state: backend.state)
    age = backend.since.flatMap { since in status.now.map { $0.seconds(since: since) } }
    weight = StatusText.weight(backend)
    sessions = backend.sessions
    rates = backend.rates
    connect = backend.connect
    firstByte = backend.firstByte
    session = backend.session
    changes = backend.changes
    let address = backend.address == backend.name ? nil : backend.address ?? "not resolved"
    // A cause that the check gave is not said twice.
    let why = backend.why.flatMap { why in backend.check?.contains(why) == true ? nil : why }
    details = [
      why, backend.check, address, backend.labels.isEmpty ? nil : backend.labels.joined(separator: " "),
      backend.isBackup ? "backup" : nil, backend.limit.map { "at most \(Figures.count($0, "session"))" },
      backend.overriddenWeight.map { _ in "weight \(backend.configuredWeight) in the file" },
    ].compactMap { $0 }.joined(separator: "; ")
    words = backend.labels + [backend.address, backend.isBackup ? "backup" : nil].compactMap { $0 }
  }

  private init(_ pool: PoolStatus) {
    name = pool.name
    state = pool.state
    condition = Condition(state: pool.state)
    sessions = pool.sessions
    rates = pool.rates
    details = [
      "\(pool.eligible) of \(Figures.count(pool.total, "backend")) eligible", "\(pool.weightLeft)% of weight",
      "\(pool.waiting) waiting", pool.queue.p99.map { "99% waited less than \(Figures.latency($0))" }, pool.scheduler,
    ].compactMap { $0 }.joined(separator: "; ")
    words = [pool.scheduler]
  }

  private init(_ listener: ListenerStatus, _ status: Status) {
    name = listener.name
    let isFull = listener.limit.map { $0 > 0 && listener.sessions >= $0 } ?? false
    state = isFull ? "full" : "open"
    condition = isFull ? .passing : .good
    sessions = listener.sessions
    rates = listener.rates
    hasRequests = listener.mode == "http"
    session = listener.session
    let pools = listener.pools.isEmpty ? nil : "to \(listener.pools.joined(separator: ", "))"
    details = [
      listener.mode + (listener.tls ? " with TLS" : ""), listener.listen.joined(separator: " "), pools,
      listener.limit.map { "at most \(Figures.count($0, "session"))" },
    ].compactMap { $0 }.joined(separator: "; ")
    words = listener.listen + listener.pools + [listener.mode]
  }

  /// Whether each word of the filter is somewhere in it, in any case.
  package func matches(_ filter: String) -> Bool {
    let text = ([name, state] + words).joined(separator: "\n").lowercased()
    return filter.lowercased().split(separator: " ").allSatisfy { text.contains($0) }
  }
}
