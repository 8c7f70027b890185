import Base
import Reactor

/// Where a worker counts for one session, exchange or connection: its cells of the listener, the pool and the backend, as far
/// as they are known. Whoever has this keeps them alive: the service, the destination and the backend that it names.
struct MeterRows: BitwiseCopyable {
  var listener: MeterRow?
  var pool: MeterRow?
  var backend: MeterRow?

  @inline(__always)
  func add(_ amount: Int = 1, to meter: Meter) {
    listener?.add(amount, to: meter)
    pool?.add(amount, to: meter)
    backend?.add(amount, to: meter)
  }

  /// Records a time with all that are there, a backend only where it is to be known of backends.
  func record(_ timing: Timing, from start: Instant, to end: Instant) {
    let microseconds = end > start ? (end.nanoseconds &- start.nanoseconds) / 1000 : 0
    let bucket = HistogramScale.fineBucket(microseconds)
    listener?.record(timing, microseconds: microseconds, in: bucket, of: .fine)
    pool?.record(timing, microseconds: microseconds, in: bucket, of: .fine)
    backend?.record(
      timing, microseconds: microseconds, in: HistogramScale.coarse.bucket(fine: bucket), of: .coarse)
  }

  /// The same without the listener: for what happens to a pool and its backend alone.
  var served: MeterRows { MeterRows(listener: nil, pool: pool, backend: backend) }
  /// The same without the backend.
  var entered: MeterRows { MeterRows(listener: listener, pool: pool, backend: nil) }
}

extension Worker {
  /// The clock to the nanosecond, read once for each event at most: `now` is up to four milliseconds old.
  mutating func clock() -> Instant {
    if exact == .zero { exact = Clock.now }
    return exact
  }

  // MARK: Sessions

  /// Counts the bytes that have gone through since the last time: so that those of a session are seen while it runs.
  @inline(__always)
  func countBytes(_ session: UnsafeMutablePointer<TCPSession>) {
    let up = session.pointee.toServer.takeUncounted()
    if up > 0 { session.pointee.meters.add(up, to: .bytesToBackends) }
    let down = session.pointee.toClient.takeUncounted()
    if down > 0 { session.pointee.meters.add(down, to: .bytesToClients) }
  }

  /// Counts a session for its pool and its backend, once: on a spare only when that has proved good.
  func countServed(_ session: inout TCPSession) {
    if session.isCounted { return }
    session.isCounted = true
    session.meters.served.add(to: .sessions)
  }

  /// A session that has a backend is over.
  mutating func countEnd(_ session: inout TCPSession) {
    withUnsafeMutablePointer(to: &session) { countBytes($0) }
    switch session.phase {
    case .poised, .relaying, .relayingSecurely:
      countServed(&session)
      session.meters.served.record(.session, from: session.attempted, to: clock())
    case .greeting, .waiting, .connecting, .securing: break
    }
  }

  /// It has been connected, or not.
  mutating func tellAnswer(_ session: UnsafeMutablePointer<TCPSession>, failed: Bool) {
    if !session.pointee.awaitsAnswer { return }
    session.pointee.awaitsAnswer = false
    let start = session.pointee.attempted
    let end = clock()
    if !failed { session.pointee.meters.record(.connect, from: start, to: end) }
    if let backend = session.pointee.backend, let pool = session.pointee.destination?.pool,
      pool.schedulerNeeds.contains(.answers)
    {
      pool.answered(backend, after: end - start, failed: failed, now: end)
    }
  }

  /// Takes a session out of those that wait in a queue.
  /// - Returns: its place; nil where it had none.
  mutating func takePlace(_ handle: Handle, _ meters: MeterRows) -> Handle? {
    guard let place = queued.removeValue(forKey: handle) else { return nil }
    meters.entered.record(.queue, from: place.since, to: clock())
    return place.handle
  }

  // MARK: Exchanges

  /// Counts a request for its pool and its backend: once for each backend that has had it, and once for the pool.
  func countRequest(_ exchange: inout Exchange) {
    guard let backend = exchange.meters.backend, !exchange.isCounted else { return }
    exchange.isCounted = true
    backend.add(to: .requests)
    backend.add(to: .sessions)
    if exchange.isCountedByPool { return }
    exchange.isCountedByPool = true
    exchange.meters.pool?.add(to: .requests)
    exchange.meters.pool?.add(to: .sessions)
  }

  /// The response of a backend has begun.
  mutating func countAnswer(_ exchange: UnsafeMutablePointer<Exchange>, _ status: UInt16) {
    countRequest(&exchange.pointee)
    exchange.pointee.meters.add(to: .responses(status))
    exchange.pointee.meters.record(.firstByte, from: exchange.pointee.requested, to: clock())
  }

  mutating func takePlace(ofExchange handle: Handle, _ meters: MeterRows) -> Handle? {
    guard let place = http.queued.removeValue(forKey: handle) else { return nil }
    meters.entered.record(.queue, from: place.since, to: clock())
    return place.handle
  }
}

/// A place in the queue of a pool.
struct QueuePlace {
  let handle: Handle
  let since: Instant
}

extension Flow {
  /// Bytes that the destination has taken and nobody has counted.
  @inline(__always)
  mutating func takeUncounted() -> Int {
    let uncounted = bytes &- counted
    // What a switched connection brought along was counted before it is sent.
    if uncounted <= 0 { return 0 }
    counted = bytes
    return uncounted
  }
}
