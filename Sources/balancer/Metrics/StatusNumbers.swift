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
    status.totals = traffic
    guard let now else { return }
    status.rates = windows.rates(ObjectIdentifier(meters), traffic, now: now)
    guard let reading = meters.meters.reading else { return }
    status.session = Percentiles(windows.times(ObjectIdentifier(meters), .session, reading, now: now))
  }

  func add(to status: inout PoolStatus, _ running: RunningPool, _ incidents: [Incidents.Event: Int], now: Instant?) {
    let counts = running.pool.meters.counts ?? MeterCounts()
    let traffic = Traffic(counts, running.errors(counts, incidents))
    status.totals = traffic
    status.retries = Int(clamping: counts[.retries])
    status.queued = Int(clamping: counts[.queued])
    guard let now else { return }
    status.rates = windows.rates(ObjectIdentifier(running.pool), traffic, now: now)
    guard let reading = running.pool.meters.reading else { return }
    status.queue = Percentiles(windows.times(ObjectIdentifier(running.pool), .queue, reading, now: now))
  }

  func add(to status: inout BackendStatus, _ backend: Backend, now: Instant?) {
    let counts = backend.meters.counts ?? MeterCounts()
    let traffic = Traffic(counts, backend.errors(counts))
    status.totals = traffic
    status.connectFailures = Int(clamping: counts[.connectFailures])
    guard let now else { return }
    let identifier = ObjectIdentifier(backend)
    status.rates = windows.rates(identifier, traffic, now: now)
    guard let reading = backend.meters.reading else { return }
    status.connect = Percentiles(windows.times(identifier, .connect, reading, now: now))
    status.firstByte = Percentiles(windows.times(identifier, .firstByte, reading, now: now))
    status.session = Percentiles(windows.times(identifier, .session, reading, now: now))
  }
}
