import Base

/// `peak-ewma`: of two candidates drawn by weight, the one that promises the shorter wait: its latency times the
/// sessions it would have, for its weight; of equals, the one drawn first.
///
/// The latency is an average that rises to a peak at once and falls slowly (twitter/finagle has it so): a backend that
/// turns slow is noticed with its first answer. It also falls while nothing is heard, so that a backend which was slow
/// is tried again. Latencies below a floor count as the floor: differences that small are noise, and would starve all
/// but the fastest.
struct PeakEWMA: Scheduler {
  /// What a latency has fallen to half of, if it is not confirmed.
  static let halfLife: Duration = .seconds(10)
  static let floor: Duration = .milliseconds(1)
  /// What a backend that never answered is taken for from its first pick on, until it does: one session is enough to
  /// find out.
  static let assumed: Duration = .seconds(1)

  // For each pick: a `Duration` has 128 bits, and dividing them is what would cost most.
  private static let floorNanoseconds = Double(floor.nanoseconds)
  private static let assumedNanoseconds = Double(assumed.nanoseconds)
  private static let halfLifeNanoseconds = Double(halfLife.nanoseconds)

  private struct Member {
    var weight: Int
    var sessions: Int
    /// In nanoseconds, at `measured`; 0 is not known.
    var latency: Double = 0
    var measured = Instant.zero
    var isAssumed = true
  }

  private var members: [Member] = []
  /// Weights of the candidates, 0 for all others.
  private var candidates = WeightTree(capacity: 0)
  /// Over all members that may become candidates.
  private var meanWeight = 1.0
  /// The latest moment anybody has told of. Time passes with the picks and the answers.
  private var now = Instant.zero

  mutating func reset(members: [ScheduledMember]) {
    let before = self.members
    self.members = members.map { member in
      var new = Member(weight: member.weight, sessions: member.sessions)
      if let former = member.former {
        new.latency = before[former].latency
        new.measured = before[former].measured
        new.isAssumed = before[former].isAssumed
      }
      return new
    }
    candidates = WeightTree(capacity: members.count)
    let weights = members.map(\.weight).filter { $0 > 0 }
    meanWeight = weights.isEmpty ? 1 : Double(weights.reduce(0, +)) / Double(weights.count)
  }

  mutating func add(_ slot: Int) { candidates.set(slot, weight: members[slot].weight) }

  mutating func remove(_ slot: Int) { candidates.set(slot, weight: 0) }

  mutating func loadChanged(_ slot: Int, sessions: Int) { members[slot].sessions = sessions }

  mutating func weightChanged(_ slot: Int, weight: Int) {
    members[slot].weight = weight
    if candidates.weights[slot] > 0 { candidates.set(slot, weight: weight) }
  }

  /// A backend that refuses at once is not a fast one.
  mutating func failed(_ slot: Int, after latency: Duration, now: Instant) {
    answered(slot, after: max(latency, Self.assumed), now: now)
  }

  mutating func answered(_ slot: Int, after latency: Duration, now: Instant) {
    self.now = max(self.now, now)
    let sample = Double(max(latency.nanoseconds, 1))
    let former = members[slot].isAssumed ? 0 : members[slot].latency
    let remaining = Self.remaining(from: members[slot].measured, to: self.now)
    members[slot].latency = max(sample, former * remaining + sample * (1 - remaining))
    members[slot].measured = self.now
    members[slot].isAssumed = false
  }

  mutating func pick(_ request: PickRequest) -> Int? {
    now = max(now, request.now)
    guard let (first, second) = candidates.drawTwo(request.random) else { return nil }
    let choice = cost(of: second) < cost(of: first) ? second : first
    if members[choice].latency == 0 {
      members[choice].latency = Self.assumedNanoseconds
      members[choice].measured = now
    }
    return choice
  }

  /// The latency of a slot as it counts now, in nanoseconds.
  func latency(of slot: Int) -> Double {
    let member = members[slot]
    return max(member.latency * Self.remaining(from: member.measured, to: now), Self.floorNanoseconds)
  }

  /// The session to come counts as on a backend of mean weight: among idle ones it is for the draw to heed the weights.
  private func cost(of slot: Int) -> Double {
    latency(of: slot) * (Double(members[slot].sessions) * meanWeight / Double(members[slot].weight) + 1)
  }

  /// What is left of 1 after a while; between halves by a straight line.
  private static func remaining(from start: Instant, to end: Instant) -> Double {
    if end <= start { return 1 }
    let halves = Double(end.nanoseconds - start.nanoseconds) / halfLifeNanoseconds
    guard halves < 64 else { return 0 }
    let whole = UInt64(halves)
    return (1 - (halves - Double(whole)) / 2) / Double(UInt64(1) << whole)
  }
}
