import Admin
import Balancing
import Base
import TCPProxy
import Telemetry

/// All that `/metrics` shows but for the process's own figures: values, taken by the control thread and written by another.
struct MetricsFigures: Sendable {
  struct Listener: Sendable {
    let status: ListenerStatus
    let reading: MeterReading
    let errors: [(kind: String, count: UInt64)]
    let refused: UInt64
    let handshakes: (full: UInt64, resumed: UInt64)
    let handshakeFailures: [(reason: String, count: UInt64)]
  }

  struct Pool: Sendable {
    let status: PoolStatus
    let weightRatio: Double
    let reading: MeterReading
    let errors: [(kind: String, count: UInt64)]
    let backends: [Backend]
  }

  struct Backend: Sendable {
    let status: BackendStatus
    let reading: MeterReading
    let errors: [(kind: String, count: UInt64)]
    let spares: Int
    let ejections: Int
    let holds: Int
  }

  /// Without rates and percentiles.
  let program: ProgramStatus
  let listeners: [Listener]
  let pools: [Pool]
  /// Open connections of each worker.
  let workers: [Int]
  let sessionMemory: Int
  let sessionMemoryLimit: Int?
  let incidents: [(kind: String, count: UInt64)]
  let certificates: [(owner: String, file: String, notAfter: WallTime)]
}

extension Supervisor {
  /// The figures of this moment.
  var metricsFigures: MetricsFigures {
    let totals = incidents.totals
    let program = status(withNumbers: false)
    func sum(_ kind: Incidents.Kind) -> UInt64 {
      totals.reduce(0) { $1.key.kind == kind ? $0 &+ UInt64($1.value) : $0 }
    }
    let skipped = UInt64(totals[Incidents.Event(.exhausted, Incidents.checks)] ?? 0)
    return MetricsFigures(
      program: program,
      listeners: zip(configuration.listeners, program.listeners).compactMap { configuration, status in
        listeners[configuration.name].map { $0.figures(status, totals) }
      },
      pools: zip(configuration.pools, program.pools).compactMap { configuration, status in
        pools[configuration.name].map { $0.figures(status, totals) }
      },
      workers: workers.sessions, sessionMemory: admission.memoryInUse,
      sessionMemoryLimit: admission.memoryLimit == .max ? nil : admission.memoryLimit,
      incidents: [
        ("at_limit", sum(.atLimit)), ("exhausted", sum(.exhausted) &- skipped), ("checks_skipped", skipped),
        ("internal", sum(.failed)), ("admin_refused", sum(.adminRefused)),
      ],
      certificates: Self.expiries(tls))
  }

  /// One for each file that somebody uses: the certificate that expires first.
  private static func expiries(_ tls: TLSContexts) -> [(owner: String, file: String, notAfter: WallTime)] {
    var expiries: [(owner: String, file: String, notAfter: WallTime)] = []
    for certificate in tls.certificates {
      let index = expiries.firstIndex { $0.owner == certificate.owner && $0.file == certificate.file }
      if let index {
        expiries[index].notAfter = min(expiries[index].notAfter, certificate.facts.notAfter)
      } else {
        expiries.append((certificate.owner, certificate.file, certificate.facts.notAfter))
      }
    }
    return expiries
  }
}

extension RunningListener {
  fileprivate func figures(_ status: ListenerStatus, _ incidents: [Incidents.Event: Int]) -> MetricsFigures.Listener {
    let reading = counters.meters.reading ?? MeterReading(scale: .fine)
    let resumed = UInt64(counters.handshakes.resumed.load(ordering: .relaxed))
    let done = UInt64(counters.handshakes.done.load(ordering: .relaxed))
    return MetricsFigures.Listener(
      status: status, reading: reading, errors: errors(reading.counts, incidents).kinds,
      refused: UInt64(counters.refused.load(ordering: .relaxed)),
      // Two numbers that are read one after the other may be one apart.
      handshakes: (done > resumed ? done - resumed : 0, resumed),
      handshakeFailures: HandshakeCounters.Fault.allCases.map {
        ($0.label, UInt64(counters.handshakes.failed($0)))
      })
  }
}

extension HandshakeCounters.Fault {
  fileprivate var label: String {
    switch self {
    case .certificate: "certificate"
    case .refused: "refused"
    case .incompatible: "incompatible"
    case .unknownName: "unknown_name"
    case .malformed: "malformed"
    case .cut: "cut"
    case .timeout: "timeout"
    case .internalError: "internal"
    }
  }
}

extension RunningPool {
  fileprivate func figures(_ status: PoolStatus, _ incidents: [Incidents.Event: Int]) -> MetricsFigures.Pool {
    let reading = pool.meters.reading ?? MeterReading(scale: .fine)
    return MetricsFigures.Pool(
      status: status, weightRatio: pool.standing.weightShare, reading: reading,
      errors: errors(reading.counts, incidents).kinds,
      backends: zip(backends.indices, status.backends).map { member, status in
        let backend = backends[member]
        let reading = backend.meters.reading ?? MeterReading(scale: .coarse)
        return MetricsFigures.Backend(
          status: status, reading: reading, errors: backend.errors(reading.counts).kinds,
          spares: backend.spares.load(ordering: .relaxed), ejections: notes[member].ejections,
          holds: notes[member].holds)
      })
  }
}
