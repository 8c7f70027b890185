import Base

/// Remembers the times of the last minute, to say what most of them were.
///
/// Kept are the meters as they were at the last sample, and what five steps of ten seconds have added to each histogram before
/// that, of which only the buckets that are not empty: a few hundred bytes for a backend, bounded by its buckets.
///
/// Pure: whoever has it takes a sample every ten seconds, or when there is time.
public struct TimesWindow: Sendable {
  /// How often a sample is worth taking.
  public static let interval = Duration.seconds(10)
  /// Steps that are kept: with the one under way they are the last minute.
  static let steps = 5

  private struct Step: Sendable {
    let end: Instant
    let counts: [(cell: UInt16, count: UInt32)]
  }

  private var last: MeterReading
  private var kept: [Step] = []
  private var sampled: Instant

  /// - Parameter start: when nothing was measured yet.
  public init(scale: HistogramScale, start: Instant) {
    last = MeterReading(scale: scale)
    sampled = start
  }

  /// Takes in how things stand, if it is time.
  public mutating func sample(_ reading: MeterReading, now: Instant) {
    guard now - sampled >= Self.interval else { return }
    sampled = now
    var counts: [(UInt16, UInt32)] = []
    for timing in Timing.kept(on: reading.scale) {
      for cell in reading.cells(timing) {
        let count = reading.count(at: cell) &- last.count(at: cell)
        if count > 0 { counts.append((UInt16(cell), UInt32(clamping: count))) }
      }
    }
    last = reading
    kept.append(Step(end: now, counts: counts))
    if kept.count > Self.steps { kept.removeFirst() }
  }

  /// The times of one kind.
  /// - Parameter reading: how things stand now.
  public func times(_ timing: Timing, _ reading: MeterReading, now: Instant) -> HistogramSnapshot {
    var snapshot = HistogramSnapshot(scale: reading.scale)
    let cells = reading.cells(timing)
    for cell in cells { snapshot.add(reading.count(at: cell) &- last.count(at: cell), at: cell - cells.lowerBound) }
    let span = Self.interval.nanoseconds * Int64(Self.steps)
    for step in kept where (now - step.end).nanoseconds < span {
      for (cell, count) in step.counts where cells.contains(Int(cell)) {
        snapshot.add(UInt64(count), at: Int(cell) - cells.lowerBound)
      }
    }
    return snapshot
  }
}
