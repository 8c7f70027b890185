import Base
import Telemetry

/// The last seconds and the last minute of everything that is metered, sampled by the control thread: a look at a few numbers
/// once a second, and at the histograms every ten. What was never counted takes no memory.
struct MeterWindows {
  private struct Record {
    var rates: RateWindow
    var times: TimesWindow
  }

  private var records: [ObjectIdentifier: Record] = [:]
  private var sampled: Instant
  private var timesSampled: Instant

  init(now: Instant) {
    sampled = now
    timesSampled = now
  }

  /// When `sample` is worth while.
  var next: Instant { sampled + RateWindow.interval }

  /// A listener, a pool or a backend.
  struct Subject {
    let identifier: ObjectIdentifier
    let traffic: Traffic
    let scale: HistogramScale
    /// Asked only when it is time.
    let reading: () -> MeterReading?
  }

  /// Takes in all that there is; what is no longer among it is forgotten.
  mutating func sample(_ subjects: [Subject], now: Instant) {
    let isTimeForTimes = now - timesSampled >= TimesWindow.interval
    var kept: [ObjectIdentifier: Record] = [:]
    kept.reserveCapacity(subjects.count)
    for subject in subjects {
      var record =
        records.removeValue(forKey: subject.identifier)
        // All that it has counted came after the last look.
        ?? Record(rates: RateWindow(start: sampled), times: TimesWindow(scale: subject.scale, start: timesSampled))
      record.rates.sample(subject.traffic, now: now)
      if isTimeForTimes, let reading = subject.reading() { record.times.sample(reading, now: now) }
      kept[subject.identifier] = record
    }
    records = kept
    sampled = now
    if isTimeForTimes { timesSampled = now }
  }

  func rates(_ identifier: ObjectIdentifier, _ traffic: Traffic, now: Instant) -> TrafficRates {
    (records[identifier]?.rates ?? RateWindow(start: sampled)).rates(traffic, now: now)
  }

  func times(
    _ identifier: ObjectIdentifier, _ timing: Timing, _ reading: MeterReading, now: Instant
  ) -> HistogramSnapshot {
    (records[identifier]?.times ?? TimesWindow(scale: reading.scale, start: timesSampled))
      .times(timing, reading, now: now)
  }
}
