import Admin
import Balancing
import Base
import TCPProxy
import Telemetry

/// The numbers of `/v1/status`: totals, rates and percentiles.
extension Supervisor {
  /// - Parameter now: nil leaves rates and percentiles out.
  func add(
    to status: inout ListenerStatus, _ listener: RunningListener, _ incidents: [Incidents.Event: Int], now: Instant?
  ) {
    let meters = listener.counters
    let counts = meters.meters.counts ?? MeterCounts()
    let traffic = Traffic(counts, listener.errors(counts, incidents))
    status.totals.sessions = Int(clamping: traffic.sessions)
    status.totals.requests = Int(clamping: traffic.requests)
    status.totals.errors = Int(clamping: traffic.errors)
    status.totals.bytesFromClients = Int(clamping: traffic.bytesToBackends)
    status.totals.bytesToClients = Int(clamping: traffic.bytesToClients)
    guard let now else { return }
    let rates = windows.rates(ObjectIdentifier(meters), traffic, now: now)
    status.rates.sessions = rates.sessions
    status.rates.requests = rates.requests
    status.rates.errors = rates.errors
    status.rates.bytesFromClients = rates.bytesToBackends
    status.rates.bytesToClients = rates.bytesToClients
    guard let reading = meters.meters.reading else { return }
    status.session = Percentiles(windows.times(ObjectIdentifier(meters), .session, reading, now: now))
  }

  func add(to status: inout PoolStatus, _ running: RunningPool, _ incidents: [Incidents.Event: Int], now: Instant?) {
    let counts = running.pool.meters.counts ?? MeterCounts()
    let traffic = Traffic(counts, running.errors(counts, incidents))
    status.totals.sessions = Int(clamping: traffic.sessions)
    status.totals.requests = Int(clamping: traffic.requests)
    status.totals.errors = Int(clamping: traffic.errors)
    status.totals.retries = Int(clamping: counts[.retries])
    status.totals.queued = Int(clamping: counts[.queued])
    status.totals.bytesToBackends = Int(clamping: traffic.bytesToBackends)
    status.totals.bytesFromBackends = Int(clamping: traffic.bytesToClients)
    guard let now else { return }
    let rates = windows.rates(ObjectIdentifier(running.pool), traffic, now: now)
    status.rates.sessions = rates.sessions
    status.rates.requests = rates.requests
    status.rates.errors = rates.errors
    status.rates.bytesToBackends = rates.bytesToBackends
    status.rates.bytesFromBackends = rates.bytesToClients
    guard let reading = running.pool.meters.reading else { return }
    status.queue = Percentiles(windows.times(ObjectIdentifier(running.pool), .queue, reading, now: now))
  }

  func add(to status: inout BackendStatus, _ backend: Backend, now: Instant?) {
    let counts = backend.meters.counts ?? MeterCounts()
    let traffic = Traffic(counts, backend.errors(counts))
    status.totals.sessions = Int(clamping: traffic.sessions)
    status.totals.requests = Int(clamping: traffic.requests)
    status.totals.errors = Int(clamping: traffic.errors)
    status.totals.connectFailures = Int(clamping: counts[.connectFailures])
    status.totals.bytesToBackend = Int(clamping: traffic.bytesToBackends)
    status.totals.bytesFromBackend = Int(clamping: traffic.bytesToClients)
    guard let now else { return }
    let identifier = ObjectIdentifier(backend)
    let rates = windows.rates(identifier, traffic, now: now)
    status.rates.sessions = rates.sessions
    status.rates.requests = rates.requests
    status.rates.errors = rates.errors
    status.rates.bytesToBackend = rates.bytesToBackends
    status.rates.bytesFromBackend = rates.bytesToClients
    guard let reading = backend.meters.reading else { return }
    status.connect = Percentiles(windows.times(identifier, .connect, reading, now: now))
    status.firstByte = Percentiles(windows.times(identifier, .firstByte, reading, now: now))
    status.session = Percentiles(windows.times(identifier, .session, reading, now: now))
  }
}
