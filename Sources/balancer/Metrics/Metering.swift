import Admin
import Balancing
import Base
import Reactor
import TCPProxy
import Telemetry

/// What has gone wrong, by the words of docs/metrics.md.
struct ErrorCounts {
  /// In the order in which they are shown.
  private(set) var kinds: [(kind: String, count: UInt64)] = []
  /// Responses with 5xx, which are errors as well and have a metric of their own.
  let responses: UInt64

  init(_ counts: MeterCounts) { responses = counts[.responses(500)] }

  mutating func add(_ kind: String, _ count: UInt64) { kinds.append((kind, count)) }

  var total: UInt64 { kinds.reduce(responses) { $0 &+ $1.count } }
}

extension RunningListener {
  func errors(_ counts: MeterCounts, _ incidents: [Incidents.Event: Int]) -> ErrorCounts {
    let name = configuration.name
    var errors = ErrorCounts(counts)
    func incident(_ kind: Incidents.Kind, _ subject: String) -> UInt64 {
      UInt64(incidents[Incidents.Event(kind, subject)] ?? 0)
    }
    errors.add("greeting", incident(.badGreeting, name))
    errors.add("handshake", incident(.handshakeFailed, name))
    errors.add("tls", incident(.tlsBroken, "listener \(name)"))
    errors.add("request", incident(.badRequest, name))
    errors.add("route", incident(.noRoute, name))
    errors.add("internal", incident(.failed, name))
    return errors
  }
}

extension RunningPool {
  func errors(_ counts: MeterCounts, _ incidents: [Incidents.Event: Int]) -> ErrorCounts {
    var errors = ErrorCounts(counts)
    func incident(_ kind: Incidents.Kind) -> UInt64 {
      UInt64(incidents[Incidents.Event(kind, configuration.name)] ?? 0)
    }
    errors.add("no_backend", incident(.noBackend))
    errors.add("connect", incident(.connectsFailed))
    errors.add("retry_budget", incident(.retryRefused))
    errors.add("reset", counts[.resets])
    errors.add("timeout", counts[.timeouts])
    errors.add("protocol", counts[.faults])
    return errors
  }
}

extension Backend {
  func errors(_ counts: MeterCounts) -> ErrorCounts {
    var errors = ErrorCounts(counts)
    errors.add("connect", counts[.connectFailures])
    errors.add("reset", counts[.resets])
    errors.add("timeout", counts[.timeouts])
    errors.add("protocol", counts[.faults])
    return errors
  }
}

extension Traffic {
  init(_ counts: MeterCounts, _ errors: ErrorCounts) {
    self.init()
    sessions = counts[.sessions]
    requests = counts[.requests]
    self.errors = errors.total
    bytesToBackends = counts[.bytesToBackends]
    bytesToClients = counts[.bytesToClients]
  }
}

extension Supervisor {
  /// Takes a sample of everything, when it is time.
  mutating func sampleMeters(now: Instant) {
    guard windows.next <= now else { return }
    let totals = incidents.totals
    var subjects: [MeterWindows.Subject] = []
    for listener in listeners.values {
      guard let counts = listener.counters.meters.counts else { continue }
      let counters = listener.counters
      subjects.append(
        .init(
          identifier: ObjectIdentifier(counters), traffic: Traffic(counts, listener.errors(counts, totals)),
          scale: .fine,
          reading: { counters.meters.reading }))
    }
    for running in pools.values {
      // A pool that nobody can be connected for counts nothing but errors.
      let counts = running.pool.meters.counts ?? MeterCounts()
      let pool = running.pool
      subjects.append(
        .init(
          identifier: ObjectIdentifier(pool), traffic: Traffic(counts, running.errors(counts, totals)), scale: .fine,
          reading: { pool.meters.reading }))
      for backend in running.backends {
        guard let counts = backend.meters.counts else { continue }
        subjects.append(
          .init(
            identifier: ObjectIdentifier(backend), traffic: Traffic(counts, backend.errors(counts)), scale: .coarse,
            reading: { backend.meters.reading }))
      }
    }
    windows.sample(subjects, now: now)
  }

  /// Lets go of what was counted of names that are no more.
  func forgetMeters() {
    let names = Set(configuration.listeners.map(\.name) + configuration.pools.map(\.name))
    incidents.keepTotals { subject in
      guard let space = subject.firstIndex(of: " ") else {
        return names.contains(subject) || subject == "worker" || subject == Incidents.checks || subject == "admin"
          || subject.hasPrefix("limits.")
      }
      return !["listener", "pool"].contains(subject[..<space])
        || names.contains(String(subject[subject.index(after: space)...]))
    }
  }
}

extension Percentiles {
  init(_ times: HistogramSnapshot) {
    self.init()
    count = Int(clamping: times.count)
    func seconds(_ share: Double) -> Double? { times.quantile(share).map { Double($0) / 1e6 } }
    p50 = seconds(0.5)
    p90 = seconds(0.9)
    p99 = seconds(0.99)
    p999 = seconds(0.999)
  }
}
