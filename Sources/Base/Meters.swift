import Synchronization

/// What is counted on the data path of a listener, a pool or a backend.
///
/// Every worker counts in a row of cells of its own, so that none waits for another's cache line: a cell has one writer, which
/// needs no lock and no locked instruction, only a load and a store. Whoever reads adds the rows up. A row is allocated when its
/// worker counts for the first time: a thousand backends without traffic cost a pointer for each worker.
public struct Meters: @unchecked Sendable, ~Copyable {
  /// Two cache lines, because processors fetch them in pairs.
  private static var alignment: Int { 128 }

  /// Of the histograms.
  public let scale: HistogramScale
  public let workers: Int
  private let rows: UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>

  public init(workers: Int, scale: HistogramScale) {
    precondition(workers > 0)
    self.workers = workers
    self.scale = scale
    rows = .allocate(capacity: workers)
    for worker in 0..<workers { (rows + worker).initialize(to: Atomic(nil)) }
  }

  deinit {
    for worker in 0..<workers { rows[worker].load(ordering: .acquiring)?.deallocate() }
    rows.deinitialize(count: workers)
    rows.deallocate()
  }

  /// The cells of a worker; for its own thread. They live as long as this.
  public func row(_ worker: Int) -> MeterRow {
    precondition(worker >= 0 && worker < workers)
    if let cells = rows[worker].load(ordering: .relaxed) { return MeterRow(cells: cells) }
    return makeRow(worker)
  }

  @inline(never)
  private func makeRow(_ worker: Int) -> MeterRow {
    let size = MeterRow.cells(scale) * MemoryLayout<Atomic<UInt64>>.stride
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: (size + Self.alignment - 1) / Self.alignment * Self.alignment, alignment: Self.alignment)
    let cells = memory.bindMemory(to: Atomic<UInt64>.self, capacity: MeterRow.cells(scale))
    for index in 0..<MeterRow.cells(scale) { (cells + index).initialize(to: Atomic(0)) }
    rows[worker].store(memory, ordering: .releasing)
    return MeterRow(cells: memory)
  }

  /// All that was counted before somebody asked, and perhaps some of what is counted meanwhile. Nil when nothing was.
  public var reading: MeterReading? {
    var reading: MeterReading?
    for worker in 0..<workers {
      guard let row = rows[worker].load(ordering: .acquiring) else { continue }
      let cells = row.assumingMemoryBound(to: Atomic<UInt64>.self)
      var sums = reading ?? MeterReading(scale: scale)
      for index in sums.values.indices { sums.values[index] &+= cells[index].load(ordering: .relaxed) }
      reading = sums
    }
    return reading
  }

  /// The counters alone: no histogram is looked at. Nil when nothing was counted.
  public var counts: MeterCounts? {
    var counts: MeterCounts?
    for worker in 0..<workers {
      guard let row = rows[worker].load(ordering: .acquiring) else { continue }
      let cells = row.assumingMemoryBound(to: Atomic<UInt64>.self)
      var sums = counts ?? MeterCounts()
      for index in 0..<Meter.count { sums.values[index] &+= cells[index].load(ordering: .relaxed) }
      counts = sums
    }
    return counts
  }

  public func sum(_ meter: Meter) -> UInt64 {
    var sum: UInt64 = 0
    for worker in 0..<workers {
      guard let row = rows[worker].load(ordering: .acquiring) else { continue }
      sum &+= row.assumingMemoryBound(to: Atomic<UInt64>.self)[meter.index].load(ordering: .relaxed)
    }
    return sum
  }
}

/// The cells of one worker: for its thread alone, and no longer than the `Meters` that they belong to.
public struct MeterRow: BitwiseCopyable {
  @usableFromInline let cells: UnsafeMutableRawPointer

  init(cells: UnsafeMutableRawPointer) { self.cells = cells }

  static func cells(_ scale: HistogramScale) -> Int { Meter.count + Timing.count(scale) * (scale.buckets + 1) }

  @inlinable
  @inline(__always)
  func add(_ amount: UInt64, at index: Int) {
    let cell = cells.assumingMemoryBound(to: Atomic<UInt64>.self) + index
    cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  @inlinable
  @inline(__always)
  public func add(_ amount: Int = 1, to meter: Meter) { add(UInt64(truncatingIfNeeded: amount), at: meter.index) }

  /// Records a time, in meters of this scale, which must be one that they keep: see `Timing`.
  @inlinable
  @inline(__always)
  public func record(_ timing: Timing, microseconds: UInt64, in bucket: Int, of scale: HistogramScale) {
    let first = Meter.count &+ timing.index &* (scale.buckets &+ 1)
    add(1, at: first &+ bucket)
    add(microseconds, at: first &+ scale.buckets)
  }
}

/// A number that only goes up.
public struct Meter: Equatable, Sendable, BitwiseCopyable {
  @usableFromInline let index: Int

  @inlinable
  init(_ index: Int) { self.index = index }

  /// Client connections of a listener; sessions and requests that a backend was connected for.
  @inlinable public static var sessions: Meter { Meter(0) }
  /// HTTP requests.
  @inlinable public static var requests: Meter { Meter(1) }
  /// Bytes on their way to backends, without TLS: what a listener's clients have sent, what a backend was sent.
  @inlinable public static var bytesToBackends: Meter { Meter(2) }
  /// Bytes on their way to clients, without TLS.
  @inlinable public static var bytesToClients: Meter { Meter(3) }
  /// Tries after one that failed.
  @inlinable public static var retries: Meter { Meter(4) }
  /// Sessions and requests that have waited in the queue.
  @inlinable public static var queued: Meter { Meter(5) }
  /// Connects that failed, handshakes included.
  @inlinable public static var connectFailures: Meter { Meter(6) }
  /// Connections that a backend broke before all was said.
  @inlinable public static var resets: Meter { Meter(7) }
  /// Responses that did not come, or did not go on, in time.
  @inlinable public static var timeouts: Meter { Meter(8) }
  /// What a backend said against the rules of HTTP or TLS.
  @inlinable public static var faults: Meter { Meter(9) }
  /// HTTP responses by their class, 1xx to 5xx.
  @inlinable
  public static func responses(_ status: UInt16) -> Meter { Meter(10 &+ min(max(Int(status) / 100, 1), 5) &- 1) }

  public static let all = (0..<count).map { Meter($0) }
  @inlinable static var count: Int { 15 }
}

/// A time that histograms are kept of.
public struct Timing: Equatable, Sendable, BitwiseCopyable {
  @usableFromInline let index: Int

  @inlinable
  init(_ index: Int) { self.index = index }

  /// Until a connection to a backend stands, with its TLS handshake where there is one.
  @inlinable public static var connect: Timing { Timing(0) }
  /// From a request to the head of its response.
  @inlinable public static var firstByte: Timing { Timing(1) }
  /// The whole of a session; for pools and backends of a request as well.
  @inlinable public static var session: Timing { Timing(2) }
  /// In a pool's queue.
  @inlinable public static var queue: Timing { Timing(3) }
  /// From accepting a client to the end of its TLS handshake.
  @inlinable public static var handshake: Timing { Timing(4) }

  /// On the coarse scale, of backends, only the first three are kept: a row takes 3 KiB, and 10 on the fine one.
  public static func kept(on scale: HistogramScale) -> [Timing] { (0..<count(scale)).map { Timing($0) } }

  @inlinable static func count(_ scale: HistogramScale) -> Int { scale == .coarse ? 3 : 5 }
}

/// The counters of all workers together, at one moment.
public struct MeterCounts: Sendable {
  fileprivate var values = InlineArray<15, UInt64>(repeating: 0)

  /// Nothing was counted.
  public init() {}

  public subscript(meter: Meter) -> UInt64 { values[meter.index] }
}

/// The meters of all workers together, at one moment.
public struct MeterReading: Equatable, Sendable {
  public let scale: HistogramScale
  fileprivate(set) var values: [UInt64]

  /// Nothing was counted.
  public init(scale: HistogramScale) {
    self.scale = scale
    values = Array(repeating: 0, count: MeterRow.cells(scale))
  }

  public subscript(meter: Meter) -> UInt64 { values[meter.index] }

  public var counts: MeterCounts {
    var counts = MeterCounts()
    for meter in Meter.all { counts.values[meter.index] = self[meter] }
    return counts
  }

  /// Of each bucket of the scale.
  public func buckets(_ timing: Timing) -> ArraySlice<UInt64> { values[cells(timing)] }

  /// Where the buckets of a time are among all cells.
  public func cells(_ timing: Timing) -> Range<Int> {
    let first = Meter.count + timing.index * (scale.buckets + 1)
    return first..<first + scale.buckets
  }

  public func count(at cell: Int) -> UInt64 { values[cell] }

  /// Of all times, in microseconds.
  public func sum(_ timing: Timing) -> UInt64 { values[cells(timing).upperBound] }
}
