import Base

/// What is shown as a rate: numbers that only go up.
public struct Traffic: Equatable, Sendable, BitwiseCopyable {
  public var sessions: UInt64 = 0
  public var requests: UInt64 = 0
  public var errors: UInt64 = 0
  public var bytesToBackends: UInt64 = 0
  public var bytesToClients: UInt64 = 0

  public init() {}
}

/// The same per second.
public struct TrafficRates: Equatable, Sendable {
  public var sessions = 0.0
  public var requests = 0.0
  public var errors = 0.0
  public var bytesToBackends = 0.0
  public var bytesToClients = 0.0

  public init() {}
}

/// Remembers a few seconds of traffic, to say how much of it there is per second.
///
/// Pure: whoever has it takes a sample once a second, or when there is time.
public struct RateWindow: Sendable {
  /// What rates are over.
  public static let span = Duration.seconds(10)
  /// How often a sample is worth taking.
  public static let interval = Duration.seconds(1)

  private var samples: [(time: Instant, traffic: Traffic)]

  /// - Parameter start: when there was no traffic yet.
  public init(start: Instant) { samples = [(start, Traffic())] }

  /// Takes in how things stand. The oldest sample kept is the youngest that is a whole span old.
  public mutating func sample(_ traffic: Traffic, now: Instant) {
    if let last = samples.last, now <= last.time { return }
    let most = Int(Self.span.nanoseconds / Self.interval.nanoseconds) + 1
    while samples.count > 1, samples[1].time + Self.span <= now || samples.count >= most { samples.removeFirst() }
    samples.append((now, traffic))
  }

  /// Rounded to a thousandth.
  public func rates(_ traffic: Traffic, now: Instant) -> TrafficRates {
    let edge = samples.last { $0.time + Self.span <= now } ?? samples[0]
    // What has just begun is not blown up.
    let seconds = max((now - edge.time).inSeconds, Self.interval.inSeconds)
    func rate(_ now: UInt64, _ before: UInt64) -> Double {
      now <= before ? 0 : (Double(now - before) / seconds * 1000).rounded() / 1000
    }
    let before = edge.traffic
    var rates = TrafficRates()
    rates.sessions = rate(traffic.sessions, before.sessions)
    rates.requests = rate(traffic.requests, before.requests)
    rates.errors = rate(traffic.errors, before.errors)
    rates.bytesToBackends = rate(traffic.bytesToBackends, before.bytesToBackends)
    rates.bytesToClients = rate(traffic.bytesToClients, before.bytesToClients)
    return rates
  }
}
