import Base

/// What the backends of one pool are to its sessions, out of all that speaks for and against them: their checks, the
/// damping of those that flap, ejection by real traffic, a network that is suspected, and the pool's panic.
///
/// Members are 0 ..< `count`, in the order of the configuration. Those that are absent have no address to be reached at:
/// they are down whatever happens, in a panic too.
public struct PoolVerdicts: Sendable {
  public struct Settings: Equatable, Sendable {
    /// Nil is no active checks: every backend is up by itself.
    public var initial: BackendHealth?
    public var flap: FlapDamper.Settings?
    public var outlier: OutlierDetector.Settings?
    /// With a smaller percentage of healthy backends all are used; 0 is never.
    public var panic: Int

    public init(
      initial: BackendHealth? = .checking, flap: FlapDamper.Settings? = FlapDamper.Settings(),
      outlier: OutlierDetector.Settings? = nil, panic: Int = 0
    ) {
      self.initial = initial
      self.flap = flap
      self.outlier = outlier
      self.panic = min(max(panic, 0), 100)
    }
  }

  private struct Member: Sendable {
    var checked: BackendHealth
    var damper = FlapDamper()
    /// Used although its checks fail, because our own network is suspected.
    var isTrusted = false
    var isEjected = false
    var ejectedAt = Instant.zero
    /// It has been said that it would be ejected if not so many were.
    var isSparedTold = false
    var isAbsent = false

    /// By its checks or held: what `onDown` is about.
    var isDown: Bool { checked == .down && !isTrusted || damper.hold != nil || isAbsent }
    var isUnhealthy: Bool { isDown || isEjected }
  }

  public private(set) var settings: Settings
  private var members: [Member]
  private var detector: OutlierDetector
  public private(set) var isPanicking = false

  public init(_ settings: Settings, count: Int, absent: Set<Int> = []) {
    self.settings = settings
    members = (0..<count).map { Member(checked: settings.initial ?? .up, isAbsent: absent.contains($0)) }
    detector = OutlierDetector(settings.outlier ?? OutlierDetector.Settings(), count: count)
  }

  /// Takes the members of a new configuration. One that stays keeps what is known of it.
  /// - Parameter former: for each member, its index before.
  public mutating func reset(_ settings: Settings, former: [Int?], absent: Set<Int> = []) {
    let before = members
    detector.reset(settings.outlier ?? OutlierDetector.Settings(), former: former)
    if settings.outlier == nil { detector = OutlierDetector(OutlierDetector.Settings(), count: former.count) }
    members = former.map { former in
      guard let former else { return Member(checked: settings.initial ?? .up) }
      var member = before[former]
      if settings.initial == nil { member = Member(checked: .up) }
      // Checks that are new have to give their first verdict.
      if settings.initial != nil, self.settings.initial == nil { member.checked = settings.initial ?? .up }
      member.isEjected = settings.outlier != nil && before[former].isEjected
      member.ejectedAt = before[former].ejectedAt
      return member
    }
    for member in members.indices { members[member].isAbsent = absent.contains(member) }
    self.settings = settings
  }

  public var count: Int { members.count }

  /// What the pool is to be told.
  public func health(of member: Int) -> BackendHealth {
    let member = members[member]
    if member.isAbsent { return .down }
    if isPanicking, member.isUnhealthy { return .up }
    if member.isUnhealthy { return .down }
    return member.checked == .down ? .up : member.checked
  }

  /// Down by its checks, or held down: what happens to its sessions depends on it.
  public func isDown(_ member: Int) -> Bool { members[member].isDown }
  public func isEjected(_ member: Int) -> Bool { members[member].isEjected }
  public func isTrusted(_ member: Int) -> Bool { members[member].isTrusted }
  public func isHeld(_ member: Int) -> Bool { members[member].damper.hold != nil }
  public func penalty(of member: Int, now: Instant) -> Double {
    settings.flap.map { members[member].damper.penalty($0, now: now) } ?? 0
  }
  public func releaseTime(of member: Int) -> Instant? { members[member].damper.releaseTime(settings.flap) }

  /// Not counting those that have no result yet and may turn out well.
  public var unhealthy: Int { members.count { $0.isUnhealthy } }

  // MARK: Checks

  /// The checks' verdict has changed.
  /// - Returns: whether the backend is held down from now on.
  public mutating func checked(_ member: Int, _ health: BackendHealth, now: Instant) -> Bool {
    let former = members[member].checked
    members[member].checked = health
    // A first result is no flip, and a flip of the network is none of the backend's.
    guard former != .checking, former != health, !members[member].isTrusted else { return false }
    return members[member].damper.handleChange(settings.flap, now: now)
  }

  /// Since a network is suspected, or no longer, this backend's failed checks do not count, or do.
  public mutating func trust(_ member: Int, _ isTrusted: Bool, now: Instant) {
    guard members[member].isTrusted != isTrusted else { return }
    members[member].isTrusted = isTrusted
    // The change that is the network's fault has been counted, unless the suspicion was there first.
    if isTrusted, members[member].checked == .down, members[member].damper.hold == nil {
      members[member].damper.forgive(settings.flap, now: now)
    }
  }

  /// When `release` has something to do.
  public var nextRelease: Instant? { members.compactMap { $0.damper.releaseTime(settings.flap) }.min() }

  /// Lets go of those that have been quiet for long enough.
  public mutating func release(now: Instant) -> [(member: Int, hold: FlapDamper.Hold)] {
    var released: [(Int, FlapDamper.Hold)] = []
    for member in members.indices {
      if let hold = members[member].damper.tick(settings.flap, now: now) { released.append((member, hold)) }
    }
    return released
  }

  // MARK: Traffic

  /// Sessions on it have succeeded, and then so many have failed.
  /// - Returns: what follows; `.spared` is told once until one succeeds.
  public mutating func traffic(
    _ member: Int, succeeded: Bool, failures: Int, now: Instant
  ) -> OutlierDetector.Verdict {
    guard settings.outlier != nil else { return .none }
    if succeeded {
      detector.succeeded(member)
      members[member].isSparedTold = false
    }
    for _ in 0..<min(failures, detector.settings.failures) {
      switch detector.failed(member, now: now) {
      case .none: continue
      case .spared where members[member].isSparedTold: continue
      case let verdict:
        if case .ejected = verdict {
          members[member].isEjected = true
          members[member].ejectedAt = now
        }
        members[member].isSparedTold = true
        return verdict
      }
    }
    return .none
  }

  /// A check of an ejected backend ended.
  /// - Returns: how long it was out, when it is back with this one.
  public mutating func probed(_ member: Int, passed: Bool, now: Instant) -> Duration? {
    guard members[member].isEjected, detector.probed(member, passed: passed, now: now) else { return nil }
    members[member].isEjected = false
    members[member].isSparedTold = false
    return now - members[member].ejectedAt
  }

  // MARK: Panic

  /// Looks whether the pool begins or ends to panic.
  /// - Returns: whether that has changed.
  public mutating func reviewPanic() -> Bool {
    let healthy = members.count - unhealthy
    let panics = healthy * 100 < settings.panic * members.count
    defer { isPanicking = panics }
    return panics != isPanicking
  }
}
