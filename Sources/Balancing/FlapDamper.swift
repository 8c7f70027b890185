import Base

/// Holds down a backend that goes up and down all the time, as routers do with routes (RFC 2439): each change adds 1 to
/// a penalty that halves with every half-life; above `hold` the backend is held down until the penalty is below
/// `release`.
///
/// The settings come with each call, so that a reload may change them while the penalty lives on; nil is no damping.
public struct FlapDamper: Equatable, Sendable {
  public struct Settings: Equatable, Sendable {
    public var hold: Double
    /// Below `hold`, and above 0.
    public var release: Double
    public var halfLife: Duration

    public init(hold: Double = 5, release: Double = 2, halfLife: Duration = .seconds(60)) {
      self.hold = hold
      self.release = release
      self.halfLife = halfLife
    }
  }

  /// One time of being held down.
  public struct Hold: Equatable, Sendable {
    public let since: Instant
    /// Changes that the checks have seen meanwhile.
    public fileprivate(set) var changes = 0
  }

  /// The penalty is never above so many times `hold`, so that a day of flapping is not followed by a day of silence.
  public static let ceiling: Double = 4

  /// As of `noted`.
  private var penalty = 0.0
  private var noted = Instant.zero
  /// Set while it is held down.
  public private(set) var hold: Hold?

  public init() {}

  public func penalty(_ settings: Settings, now: Instant) -> Double {
    penalty * Self.halved((now - noted).inSeconds / max(settings.halfLife.inSeconds, 1e-3))
  }

  /// Takes a change from up to down or back; the first result of a backend that was being checked is none.
  /// - Returns: whether it is held down from now on.
  public mutating func handleChange(_ settings: Settings?, now: Instant) -> Bool {
    guard let settings else { return false }
    penalty = min(penalty(settings, now: now) + 1, max(settings.hold, 1) * Self.ceiling)
    noted = now
    hold?.changes += 1
    guard hold == nil, penalty > settings.hold else { return false }
    hold = Hold(since: now)
    return true
  }

  /// Takes back the last change: it was not the backend's fault.
  public mutating func forgive(_ settings: Settings?, now: Instant) {
    guard let settings else { return }
    penalty = max(penalty(settings, now: now) - 1, 0)
    noted = now
  }

  /// When the penalty will be below `release`, if no change comes before. Nil when it is not held down.
  public func releaseTime(_ settings: Settings?) -> Instant? {
    guard let hold else { return nil }
    guard let settings else { return hold.since }
    let halvings = max(Self.logarithm(penalty / max(settings.release, 1e-3)), 0)
    let nanoseconds = halvings * Double(settings.halfLife.nanoseconds)
    // Below, not at it.
    return noted.later(nanoseconds < 9e18 ? UInt64(nanoseconds) + 1 : 9_000_000_000_000_000_000)
  }

  /// Releases it when that is due.
  /// - Returns: the hold that is over.
  public mutating func tick(_ settings: Settings?, now: Instant) -> Hold? {
    guard let release = releaseTime(settings), release <= now else { return nil }
    defer { hold = nil }
    return hold
  }

  // MARK: Powers and logarithms of 2, which the standard library has not

  /// 2 to the power of `-halvings`.
  static func halved(_ halvings: Double) -> Double {
    if halvings <= 0 { return 1 }
    if halvings > 1000 { return 0 }
    let whole = Int(halvings)
    // e^-x for the rest, x below ln 2: the series ends far below the precision of a penalty.
    let x = (halvings - Double(whole)) * 0.693147180559945309
    var (term, sum) = (1.0, 1.0)
    for index in 1...14 {
      term *= -x / Double(index)
      sum += term
    }
    return Double(sign: .plus, exponent: -whole, significand: 1) * sum
  }

  /// To the base of 2, of a number above 0; below 1 it is taken as 0.
  static func logarithm(_ value: Double) -> Double {
    guard value > 1, value.isFinite else { return 0 }
    // ln m = 2 artanh((m - 1) / (m + 1)) for the significand, which is 1 ..< 2.
    let z = (value.significand - 1) / (value.significand + 1)
    var (power, sum) = (z, 0.0)
    for index in 0..<16 {
      sum += power / Double(2 * index + 1)
      power *= z * z
    }
    return Double(value.exponent) + 2 * sum * 1.4426950408889634074
  }
}
