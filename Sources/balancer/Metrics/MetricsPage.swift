import Admin
import Base
import Reactor
import Telemetry

/// Writes `/metrics`. docs/metrics.md describes each of the names, and a test holds it against what is written.
///
/// Labels are names of the configuration and words of ours, never anything that a client has sent: so many series and no more.
struct MetricsPage {
  private let figures: MetricsFigures
  private let usage: ProcessUsage
  private var text: MetricsText

  init(_ figures: MetricsFigures, _ usage: ProcessUsage, _ format: MetricsText.Format) {
    self.figures = figures
    self.usage = usage
    text = MetricsText(format)
  }

  mutating func written() -> [UInt8] {
    writeProgram()
    writeProcess()
    writeListeners()
    writePools()
    writeBackends()
    return text.finish()
  }

  typealias Labels = MetricsText.Labels

  /// One sample for each of some subjects.
  mutating func counter<Subject>(
    _ name: String, _ help: String, _ subjects: [(Labels, Subject)], _ value: (Subject) -> UInt64
  ) {
    text.counter(name, help: help, subjects.map { ($0.0, value($0.1)) })
  }

  mutating func gauge<Subject>(
    _ name: String, _ help: String, _ subjects: [(Labels, Subject)], _ value: (Subject) -> Double?
  ) {
    text.gauge(name, help: help, subjects.compactMap { subject in value(subject.1).map { (subject.0, $0) } })
  }

  /// One sample for each subject and word.
  mutating func counters<Subject>(
    _ name: String, _ help: String, by label: String, _ subjects: [(Labels, Subject)],
    _ values: (Subject) -> [(String, UInt64)]
  ) {
    text.counter(
      name, help: help,
      subjects.flatMap { labels, subject in
        values(subject).map { word, count in (labels + [(label, word)], count) }
      })
  }

  mutating func times<Subject>(
    _ name: String, _ help: String, _ timing: Timing, exponents: some Sequence<Int>, _ subjects: [(Labels, Subject)],
    _ reading: (Subject) -> MeterReading
  ) {
    text.durations(
      name, help: help, exponents: exponents, subjects.map { ($0.0, HistogramSnapshot(reading($0.1), timing)) })
  }

  static func responses(_ reading: MeterReading) -> [(String, UInt64)] {
    (1...5).map { ("\($0)xx", reading[.responses(UInt16($0) * 100)]) }
  }

  // MARK: The program

  private mutating func writeProgram() {
    let program = figures.program
    text.gauge("balancer_build_info", help: "1; the version is the label.", [([("version", program.version)], 1)])
    text.gauge("balancer_workers", help: "Threads that serve.", Double(program.workers))
    text.gauge("balancer_draining", help: "1 while the program is ending.", program.isDraining ? 1 : 0)
    text.gauge("balancer_open_connections", help: "Clients' connections open now.", Double(program.connections))
    text.gauge(
      "balancer_connections_limit", help: "The most of them (limits.connections).", Double(program.connectionLimit))
    text.gauge(
      "balancer_worker_open_connections", help: "Clients' connections open now, of each worker.",
      figures.workers.enumerated().map { ([("worker", "\($0)")], Double($1)) })
    text.gauge(
      "balancer_session_memory_bytes", help: "Memory that open sessions take, as limits.memory counts it.",
      Double(figures.sessionMemory))
    text.gauge(
      "balancer_session_memory_limit_bytes", help: "The most of it; without limits.memory there is no sample.",
      figures.sessionMemoryLimit.map { [([], Double($0))] } ?? [])
    text.counter(
      "balancer_incidents", help: "Things that went wrong for no single listener or pool alone.",
      figures.incidents.map { ([("kind", $0.kind)], $0.count) })
    let configuration = program.configuration
    text.counter(
      "balancer_reloads", help: "Reloads of the configuration.",
      [
        ([("result", "done")], UInt64(configuration.done)), ([("result", "refused")], UInt64(configuration.refused)),
        ([("result", "unchanged")], UInt64(configuration.unchanged)),
      ])
    text.gauge(
      "balancer_last_reload_successful", help: "0 when the last reload was refused.",
      configuration.last?.result == .refused ? 0 : 1)
    text.gauge(
      "balancer_configuration_loaded_timestamp_seconds", help: "When the configuration in force was loaded.",
      configuration.loadedAt.seconds)
    text.gauge(
      "balancer_certificate_expiry_timestamp_seconds", help: "When a certificate in use expires.",
      figures.certificates.map { ([("owner", $0.owner), ("file", $0.file)], $0.notAfter.seconds) })
  }

  private mutating func writeProcess() {
    text.gauge(
      "process_start_time_seconds", help: "When the process was started, since 1970.", figures.program.startedAt.seconds
    )
    if let seconds = usage.processorSeconds {
      text.counter("process_cpu_seconds", help: "Processor time, in user and kernel mode.", seconds)
    }
    func gauge(_ name: String, _ help: String, _ value: Int?) {
      if let value { text.gauge(name, help: help, Double(value)) }
    }
    gauge("process_resident_memory_bytes", "Memory that is resident.", usage.residentBytes)
    gauge("process_virtual_memory_bytes", "Addresses that are mapped.", usage.virtualBytes)
    gauge("process_threads", "Threads of the process.", usage.threads)
    gauge("process_open_fds", "Open file descriptors.", usage.openDescriptors)
    gauge("process_max_fds", "The most of them.", usage.mostDescriptors)
  }
}

extension MetricsPage {
  // MARK: Listeners

  private mutating func writeListeners() {
    let all: [(Labels, MetricsFigures.Listener)] = figures.listeners.map { ([("listener", $0.status.name)], $0) }
    let http = all.filter { $0.1.status.mode == "http" }
    let tls = all.filter { $0.1.status.isSecure }
    gauge("balancer_listener_open_sessions", "Sessions open now.", all) { Double($0.status.sessions) }
    gauge("balancer_listener_sessions_limit", "The most of them, where there is a limit.", all) {
      $0.status.limit.map(Double.init)
    }
    counter("balancer_listener_sessions", "Clients' connections accepted.", all) { $0.reading[.sessions] }
    counter(
      "balancer_listener_refused",
      "Clients turned away by allow, deny or perClient, and requests by a rate or for want of "
        + "credentials.", all
    ) { $0.refused }
    counters("balancer_listener_errors", "What went wrong with its clients.", by: "kind", all) { $0.errors }
    counter("balancer_listener_received_bytes", "Bytes from clients, without TLS.", all) {
      $0.reading[.bytesToBackends]
    }
    counter("balancer_listener_sent_bytes", "Bytes to clients, without TLS.", all) { $0.reading[.bytesToClients] }
    counter("balancer_listener_requests", "HTTP requests.", http) { $0.reading[.requests] }
    counters("balancer_listener_responses", "HTTP responses, whoever made them.", by: "code", http) {
      Self.responses($0.reading)
    }
    counters("balancer_listener_handshakes", "TLS handshakes with clients.", by: "kind", tls) {
      [("full", $0.handshakes.full), ("resumed", $0.handshakes.resumed)]
    }
    counters("balancer_listener_handshake_failures", "TLS handshakes with clients that failed.", by: "reason", tls) {
      $0.handshakeFailures
    }
    times("balancer_listener_session_seconds", "How long sessions lasted.", .session, exponents: Self.long, all) {
      $0.reading
    }
    times(
      "balancer_listener_queue_seconds", "How long sessions and requests waited in queues.", .queue,
      exponents: Self.short, all
    ) { $0.reading }
    times(
      "balancer_listener_connect_seconds", "How long its connections to backends took.", .connect,
      exponents: Self.short, all
    ) { $0.reading }
    times(
      "balancer_listener_first_byte_seconds", "From a request sent to the head of its response.", .firstByte,
      exponents: Self.short, http
    ) { $0.reading }
    times(
      "balancer_listener_handshake_seconds", "From accepting a client to the end of its TLS handshake.", .handshake,
      exponents: Self.short, tls
    ) { $0.reading }
  }

  /// Bounds of buckets: 128 µs to 134 s, each twice the one before.
  private static var short: ClosedRange<Int> { 7...27 }
  /// 512 µs to 2.4 hours, each four times the one before. What is longer than the scale would be counted below its end.
  private static var long: StrideThrough<Int> { stride(from: 9, through: 33, by: 2) }
  /// For backends, of which there may be many: 256 µs to 67 s, each four times the one before.
  private static var few: StrideThrough<Int> { stride(from: 8, through: 26, by: 2) }

  // MARK: Pools

  private mutating func writePools() {
    let all: [(Labels, MetricsFigures.Pool)] = figures.pools.map { ([("pool", $0.status.name)], $0) }
    gauge("balancer_pool_backends", "Backends of the pool.", all) { Double($0.status.total) }
    gauge("balancer_pool_eligible_backends", "Backends that may get a session now.", all) {
      Double($0.status.eligible)
    }
    gauge("balancer_pool_eligible_weight_ratio", "Their share of the weight of all, 0 to 1.", all) { $0.weightRatio }
    gauge("balancer_pool_panic", "1 while the pool panics: it uses all backends, healthy or not.", all) {
      $0.status.isPanicking ? 1 : 0
    }
    gauge("balancer_pool_open_sessions", "Sessions on backends of the pool now; in HTTP, requests.", all) {
      Double($0.status.sessions)
    }
    gauge("balancer_pool_waiting", "Sessions and requests in the queue now.", all) { Double($0.status.waiting) }
    gauge("balancer_pool_queue_limit", "The most of them.", all) { Double($0.status.queueLimit) }
    counter("balancer_pool_sessions", "Sessions that got a backend; in HTTP, requests.", all) { $0.reading[.sessions] }
    counter("balancer_pool_requests", "HTTP requests that a backend was sent.", all) { $0.reading[.requests] }
    counters("balancer_pool_responses", "HTTP responses of backends.", by: "code", all) { Self.responses($0.reading) }
    counters("balancer_pool_errors", "Sessions and requests that failed, by what was to blame.", by: "kind", all) {
      $0.errors
    }
    counter("balancer_pool_retries", "Tries after one that failed.", all) { $0.reading[.retries] }
    counter("balancer_pool_queued", "Sessions and requests that had to wait in the queue.", all) {
      $0.reading[.queued]
    }
    counter("balancer_pool_sent_bytes", "Bytes to backends, without TLS.", all) { $0.reading[.bytesToBackends] }
    counter("balancer_pool_received_bytes", "Bytes from backends, without TLS.", all) { $0.reading[.bytesToClients] }
    times(
      "balancer_pool_queue_seconds", "How long sessions and requests waited in the queue.", .queue,
      exponents: Self.short, all
    ) { $0.reading }
    times(
      "balancer_pool_connect_seconds", "How long connections to backends took.", .connect, exponents: Self.short, all
    ) { $0.reading }
    times(
      "balancer_pool_first_byte_seconds", "From a request sent to the head of its response.", .firstByte,
      exponents: Self.short, all
    ) { $0.reading }
    times(
      "balancer_pool_session_seconds", "How long sessions were on backends; in HTTP, requests.", .session,
      exponents: Self.long, all
    ) { $0.reading }
  }

  // MARK: Backends

  private static let states: [BackendStatus.State] = [
    .up, .full, .checking, .down, .held, .ejected, .drained, .disabled,
  ]

  private mutating func writeBackends() {
    let all: [(Labels, MetricsFigures.Backend)] = figures.pools.flatMap { pool in
      pool.backends.map { ([("pool", pool.status.name), ("backend", $0.status.name)], $0) }
    }
    gauge("balancer_backend_up", "1 when it may have sessions: its state is up or full.", all) {
      $0.status.state == .up || $0.status.state == .full ? 1 : 0
    }
    text.gauge(
      "balancer_backend_state", help: "1 for the state that it is in.",
      all.flatMap { labels, backend in
        Self.states.map { (labels + [("state", $0.rawValue)], backend.status.state == $0 ? 1 : 0) }
      })
    counter("balancer_backend_health_changes", "Changes of its checks' verdict.", all) { UInt64($0.status.changes) }
    counter("balancer_backend_ejections", "How often its traffic has ejected it (outlier).", all) {
      UInt64($0.ejections)
    }
    counter("balancer_backend_holds", "How often it was held down because it flapped (health.flap).", all) {
      UInt64($0.holds)
    }
    gauge("balancer_backend_check_success", "1 when its last check passed; none before the first.", all) {
      $0.status.check.map { $0.isPassed ? 1 : 0 }
    }
    gauge("balancer_backend_check_duration_seconds", "How long its last check took.", all) {
      $0.status.check.map { Double($0.took.nanoseconds / 1000) / 1e6 }
    }
    gauge("balancer_backend_weight", "Its share beside the other backends' weights; 0 is drained.", all) {
      Double($0.status.weight)
    }
    gauge("balancer_backend_open_sessions", "Sessions on it now; in HTTP, requests.", all) {
      Double($0.status.sessions)
    }
    gauge("balancer_backend_sessions_limit", "The most of them, where there is a limit.", all) {
      $0.status.limit.map(Double.init)
    }
    gauge("balancer_backend_spare_connections", "Connections that wait for a session (prewarm).", all) {
      Double($0.spares)
    }
    counter("balancer_backend_sessions", "Sessions that it was connected for; in HTTP, requests.", all) {
      $0.reading[.sessions]
    }
    counter("balancer_backend_requests", "HTTP requests that it was sent.", all) { $0.reading[.requests] }
    counters("balancer_backend_responses", "HTTP responses of it.", by: "code", all) { Self.responses($0.reading) }
    counters("balancer_backend_errors", "What went wrong at it.", by: "kind", all) { $0.errors }
    counter("balancer_backend_sent_bytes", "Bytes to it, without TLS.", all) { $0.reading[.bytesToBackends] }
    counter("balancer_backend_received_bytes", "Bytes from it, without TLS.", all) { $0.reading[.bytesToClients] }
    times(
      "balancer_backend_connect_seconds", "How long connections to it took.", .connect, exponents: Self.few, all
    ) { $0.reading }
    times(
      "balancer_backend_first_byte_seconds", "From a request sent to the head of its response.", .firstByte,
      exponents: Self.few, all
    ) { $0.reading }
    times(
      "balancer_backend_session_seconds", "How long sessions were on it; in HTTP, requests.", .session,
      exponents: Self.long, all
    ) { $0.reading }
  }
}

extension WallTime {
  fileprivate var seconds: Double { Double(nanosecondsSinceEpoch / 1_000_000) / 1000 }
}
