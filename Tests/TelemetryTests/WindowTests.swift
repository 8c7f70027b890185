import Base
import Testing

@testable import Telemetry

struct RateWindowTests {
  private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64((1000 + seconds) * 1e9)) }

  private static func traffic(_ count: Int) -> Traffic {
    var traffic = Traffic()
    traffic.sessions = UInt64(count)
    traffic.requests = UInt64(2 * count)
    traffic.errors = UInt64(count / 10)
    traffic.bytesToBackends = UInt64(100 * count)
    traffic.bytesToClients = UInt64(1000 * count)
    return traffic
  }

  @Test
  func aSteadyRateIsWhatItIs() {
    var window = RateWindow(start: Self.at(0))
    for second in 1...60 {
      window.sample(Self.traffic(second * 50), now: Self.at(Double(second)))
      let rates = window.rates(Self.traffic(second * 50 + 25), now: Self.at(Double(second) + 0.5))
      #expect(rates.sessions == 50 && rates.requests == 100 && rates.errors > 4 && rates.errors < 6)
      #expect(rates.bytesToBackends == 5000 && rates.bytesToClients == 50_000)
    }
  }

  @Test
  func whatHasJustBegunIsNotBlownUp() {
    let window = RateWindow(start: Self.at(0))
    #expect(window.rates(Self.traffic(5), now: Self.at(0.001)).sessions == 5)
    #expect(window.rates(Self.traffic(5), now: Self.at(0)).sessions == 5)
    #expect(window.rates(Self.traffic(10), now: Self.at(4)).sessions == 2.5)
  }

  @Test
  func whatIsOlderThanTheSpanDoesNotCount() {
    var window = RateWindow(start: Self.at(0))
    window.sample(Self.traffic(1000), now: Self.at(1))
    for second in 2...11 { window.sample(Self.traffic(1000), now: Self.at(Double(second))) }
    #expect(window.rates(Self.traffic(1000), now: Self.at(11)).sessions == 0)
    #expect(window.rates(Self.traffic(1100), now: Self.at(11)).sessions == 10)
  }

  /// Samples may be late, early or missing: a rate is over the time that has really passed.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func samplesMayComeAtAnyTime(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var window = RateWindow(start: Self.at(0))
    var time = 0.0
    for _ in 0..<200 {
      time += Double(1 + random.below(3000)) / 1000
      window.sample(Self.traffic(Int(time * 1000)), now: Self.at(time))
      let rate = window.rates(Self.traffic(Int(time * 1000)), now: Self.at(time)).sessions
      if time > 1 { #expect(abs(rate - 1000) < 2, "seed \(seed), after \(time) s") }
    }
  }

  @Test
  func countersThatGoBackAreNoRate() {
    var window = RateWindow(start: Self.at(0))
    window.sample(Self.traffic(100), now: Self.at(20))
    #expect(window.rates(Self.traffic(10), now: Self.at(31)).sessions == 0)
  }
}

struct TimesWindowTests {
  private static func at(_ seconds: Int) -> Instant { Instant(nanoseconds: UInt64(1000 + seconds) * 1_000_000_000) }

  /// One time each second, as long as the second is late.
  @Test(arguments: [HistogramScale.fine, .coarse])
  func theLastMinuteIsWhatCounts(_ scale: HistogramScale) throws {
    let meters = Meters(workers: 1, scale: scale)
    var window = TimesWindow(scale: scale, start: Self.at(0))
    for second in 1...300 {
      meters.record(.connect, microseconds: UInt64(second) * 1000, worker: 0)
      let found = meters.reading
      let reading = try #require(found)
      window.sample(reading, now: Self.at(second))
      let times = window.times(.connect, reading, now: Self.at(second))
      #expect(times.count == UInt64(second < 60 ? second : 50 + second % 10), "after \(second) s")
      #expect(window.times(.session, reading, now: Self.at(second)).count == 0)
      let median = try #require(times.quantile(0.5))
      let exact = Double(second) - Double(times.count) / 2
      #expect(abs(Double(median) / 1000 - exact) <= exact / 8 + 2, "after \(second) s")
    }
  }

  @Test
  func aMinuteOfSilenceEndsInNothing() throws {
    let meters = Meters(workers: 1, scale: .coarse)
    var window = TimesWindow(scale: .coarse, start: Self.at(0))
    meters.record(.session, microseconds: 5000, worker: 0)
    let found = meters.reading
    let reading = try #require(found)
    #expect(window.times(.session, reading, now: Self.at(5)).count == 1)
    window.sample(reading, now: Self.at(10))
    #expect(window.times(.session, reading, now: Self.at(59)).count == 1)
    #expect(window.times(.session, reading, now: Self.at(60)).count == 0)
    for second in stride(from: 20, through: 70, by: 10) { window.sample(reading, now: Self.at(second)) }
    #expect(window.times(.session, reading, now: Self.at(70)).quantile(0.5) == nil)
  }
}

struct MetricsFormatTests {
  @Test(arguments: [
    ("", MetricsText.Format.prometheus), ("*/*", .prometheus), ("text/html", .prometheus),
    ("application/openmetrics-text", .openMetrics),
    ("application/openmetrics-text; version=1.0.0; q=0", .prometheus),
    ("text/plain;q=0.9, application/openmetrics-text;q=0.5", .prometheus),
    ("text/plain;q=0.5, APPLICATION/OpenMetrics-Text ; q=0.5", .openMetrics),
    // As Prometheus sends it.
    (
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        + "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,*/*;q=0.2", .openMetrics
    ),
    ("application/openmetrics-text;q=nonsense", .prometheus),
  ])
  func isWhatTheClientPrefers(_ accept: String, _ format: MetricsText.Format) {
    #expect(MetricsText.Format(accept: accept) == format)
  }
}
