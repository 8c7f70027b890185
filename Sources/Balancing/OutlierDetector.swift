import Base

/// Takes backends out of their pool that fail with real traffic, however well they pass their checks.
///
/// So many failures in a row within the window eject a backend for a time, which doubles with each ejection in a row.
/// When the time is over it still gets no session: it comes back when enough checks in a row have passed since. Checks
/// of an ejected backend are made where `health` is off as well. Never more than a share of the pool is out: when
/// everything fails the fault is somewhere else.
public struct OutlierDetector: Sendable {
  public struct Settings: Equatable, Sendable {
    /// In a row to be ejected; 1…`mostFailures`.
    public var failures: Int
    /// In which they must fall.
    public var window: Duration
    /// The first ejection; each one in a row doubles it up to `longestEjection`.
    public var eject: Duration
    /// The percentage of the members that may be out at once, rounded down.
    public var maxEjected: Int
    /// Checks in a row that must pass to come back.
    public var passes: Int

    public init(
      failures: Int = 5, window: Duration = .seconds(10), eject: Duration = .seconds(30), maxEjected: Int = 50,
      passes: Int = 2
    ) {
      self.failures = min(max(failures, 1), OutlierDetector.mostFailures)
      self.window = window
      self.eject = max(eject, .zero)
      self.maxEjected = min(max(maxEjected, 0), 100)
      self.passes = max(passes, 1)
    }
  }

  public enum Verdict: Equatable, Sendable {
    /// It stays what it is.
    case none
    case ejected(Ejection)
    /// It failed often enough, but as many are out already as may be: so many of so many.
    case spared(out: Int, total: Int)
  }

  /// For the log.
  public struct Ejection: Equatable, Sendable {
    /// Failures in a row, and the time from the first to the last of them.
    public let failures: Int
    public let span: Duration
    public let duration: Duration
    /// 1 for the first; higher when the one before is not long ago.
    public let inARow: Int
  }

  public enum State: Equatable, Sendable {
    case member
    /// It takes no session, and passed checks do not count yet.
    case ejected(until: Instant)
    /// Its time is over; so many checks in a row have passed since.
    case onProbation(passes: Int)
  }

  public static let mostFailures = 1000
  public static let longestEjection: Duration = .seconds(300)

  private struct Record: Sendable {
    /// When the last failures in a row were, oldest first from `oldest` on, around the end.
    var times: [Instant] = []
    var oldest = 0
    /// Set while it is out.
    var until: Instant?
    var passes = 0
    /// Of the last ejections in a row: how many, how long the last was and when it was over.
    var inARow = 0
    var lastDuration: Duration = .zero
    var returned = Instant.zero
  }

  public private(set) var settings: Settings
  /// Backends that are out, be they on probation or not.
  public private(set) var out = 0
  private var records: [Record]

  /// - Parameter count: members are 0 ..< count.
  public init(_ settings: Settings, count: Int) {
    self.settings = settings
    records = Array(repeating: Record(), count: count)
  }

  /// Takes the members of a new configuration. One that stays keeps what is known of it; more may be out than the new
  /// settings allow, until they are back.
  /// - Parameter former: for each member, its index before.
  public mutating func reset(_ settings: Settings, former: [Int?]) {
    let before = records
    records = former.map { former in
      guard let former else { return Record() }
      var record = before[former]
      if settings.failures != self.settings.failures {
        record.times = []
        record.oldest = 0
      }
      return record
    }
    self.settings = settings
    out = records.count { $0.until != nil }
  }

  public func state(of member: Int, now: Instant) -> State {
    guard let until = records[member].until else { return .member }
    return now < until ? .ejected(until: until) : .onProbation(passes: records[member].passes)
  }

  /// A session or request went well.
  public mutating func succeeded(_ member: Int) {
    if records[member].times.isEmpty { return }
    records[member].times.removeAll(keepingCapacity: true)
    records[member].oldest = 0
  }

  /// A connect failed, or a connection was reset before any answer, or the answer was a 502, 503 or 504. Late failures
  /// of a backend that is out do not count.
  public mutating func failed(_ member: Int, now: Instant) -> Verdict {
    guard records[member].until == nil else { return .none }
    let first = note(now, of: member)
    guard records[member].times.count == settings.failures, now - first <= settings.window else { return .none }
    let allowed = records.count * settings.maxEjected / 100
    guard out < allowed else { return .spared(out: out, total: records.count) }
    return .ejected(eject(member, span: now - first, now: now))
  }

  /// A check of a backend that is out ended.
  /// - Returns: whether it is back with this one.
  public mutating func probed(_ member: Int, passed: Bool, now: Instant) -> Bool {
    guard let until = records[member].until, now >= until else { return false }
    records[member].passes = passed ? records[member].passes + 1 : 0
    guard records[member].passes >= settings.passes else { return false }
    records[member].until = nil
    records[member].passes = 0
    records[member].returned = now
    out -= 1
    return true
  }

  /// Notes the time of a failure in place of the oldest that is not needed any more.
  /// - Returns: the time of the oldest that is.
  private mutating func note(_ now: Instant, of member: Int) -> Instant {
    if records[member].times.count < settings.failures {
      records[member].times.append(now)
    } else {
      records[member].times[records[member].oldest] = now
      records[member].oldest = (records[member].oldest + 1) % settings.failures
    }
    return records[member].times[records[member].oldest]
  }

  private mutating func eject(_ member: Int, span: Duration, now: Instant) -> Ejection {
    // In a row is what follows before the backend has been in for as long as it was out.
    let former = records[member]
    let isInARow = former.inARow > 0 && now - former.returned < former.lastDuration
    let inARow = isInARow ? former.inARow + 1 : 1
    let duration = isInARow ? min(former.lastDuration * 2, Self.longest(settings)) : settings.eject
    records[member] = Record(until: now + duration, inARow: inARow, lastDuration: duration)
    out += 1
    return Ejection(failures: settings.failures, span: span, duration: duration, inARow: inARow)
  }

  /// An `eject` that is longer than the longest is what the operator asked for.
  private static func longest(_ settings: Settings) -> Duration { max(longestEjection, settings.eject) }
}
