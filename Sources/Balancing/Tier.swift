import Base

/// The members of a pool of one rank, its ordinary ones or its backups, and the scheduler that chooses among them.
///
/// Keeps the scheduler's candidates in step with what `BackendState` says of each member.
struct Tier {
  private(set) var members: [BackendState] = []
  private(set) var tally = Tally()
  private(set) var eligibleWeight = 0
  private(set) var weight = 0
  private var scheduler: any Scheduler
  private var slowStart: SlowStart?
  /// The slots whose weight grows, and when the next of them has reached another step.
  private var warming: [Int] = []
  private var nextStep = Instant.zero
  /// Slots by the stable hash of their backend's name.
  private var slots: [UInt64: Int] = [:]

  init(scheduler: any Scheduler) { self.scheduler = scheduler }

  /// - Parameter former: for each member, its slot in this tier before, where the scheduler is the same.
  mutating func reset(
    members: [BackendState], former: [Int?], scheduler other: (any Scheduler)? = nil, slowStart: SlowStart? = nil
  ) {
    if let other { scheduler = other }
    self.slowStart = slowStart
    warming = []
    slots = Dictionary(
      members.indices.map { (members[$0].backend.nameHash, $0) }, uniquingKeysWith: { first, _ in first })
    self.members = members
    tally = Tally()
    eligibleWeight = 0
    weight = members.reduce(0) { $0 + $1.weight }
    scheduler.reset(
      members: zip(members, former).map { member, former in
        ScheduledMember(
          name: member.backend.nameHash, weight: member.weight * (slowStart == nil ? 1 : SlowStart.steps),
          sessions: member.backend.sessions.load(ordering: .relaxed),
          former: other == nil ? former : nil)
      })
    for slot in members.indices {
      members[slot].backend.slot.store(slot, ordering: .relaxed)
      let availability = members[slot].availability
      tally[availability] += 1
      if availability == .eligible { enter(slot) }
      switch members[slot].warmth {
      case .warm: break
      case .cold: if members[slot].health == .up { startSlowly(slot, since: nil) }
      case .warming(let since): startSlowly(slot, since: since)
      }
    }
  }

  /// Nil when the backend is no member of this tier.
  func slot(of backend: Backend) -> Int? {
    // Only a hint: it may come from another tier, another pool or an earlier configuration.
    let slot = backend.slot.load(ordering: .relaxed)
    return members.indices.contains(slot) && members[slot].backend === backend ? slot : nil
  }

  mutating func setHealth(_ health: BackendHealth, of backend: Backend) {
    guard let slot = slot(of: backend) else { return }
    change(slot) { $0.health = health }
    if health == .down { members[slot].warmth = .cold }
    if health == .up, members[slot].warmth == .cold { startSlowly(slot, since: nil) }
  }

  private mutating func startSlowly(_ slot: Int, since: Instant?) {
    guard let slowStart, members[slot].weight > 0 else {
      members[slot].warmth = .warm
      return
    }
    members[slot].warmth = .warming(since: since)
    scheduler.weightChanged(slot, weight: slowStart.weight(members[slot].weight, at: .zero))
    if !warming.contains(slot) { warming.append(slot) }
    nextStep = .zero
  }

  /// Gives those that start slowly the weight that they have reached.
  private mutating func warm(now: Instant) {
    nextStep = Instant(nanoseconds: .max)
    warming.removeAll { slot in
      guard let slowStart, case .warming(let beginning) = members[slot].warmth else { return true }
      let since = beginning ?? now
      let age = now - since
      members[slot].warmth = .warming(since: since)
      scheduler.weightChanged(slot, weight: slowStart.weight(members[slot].weight, at: age))
      guard let step = slowStart.nextStep(at: age) else {
        members[slot].warmth = .warm
        return true
      }
      nextStep = min(nextStep, now + step)
      return false
    }
  }

  mutating func answered(_ backend: Backend, after latency: Duration, failed: Bool, now: Instant) {
    guard let slot = slot(of: backend) else { return }
    if failed {
      scheduler.failed(slot, after: latency, now: now)
    } else {
      scheduler.answered(slot, after: latency, now: now)
    }
  }

  /// Counts a session on a member (`by` 1) or off it (-1).
  mutating func count(_ difference: Int, at slot: Int) {
    var sessions = 0
    change(slot) { sessions = $0.backend.countSession(difference) }
    scheduler.loadChanged(slot, sessions: sessions)
  }

  /// The scheduler's choice; nil when no member is eligible that is not in `tried`.
  mutating func choose(avoiding tried: [Backend], for request: PickRequest) -> Int? {
    if tally[.eligible] == 0 { return nil }
    if !warming.isEmpty, request.now >= nextStep { warm(now: request.now) }
    if let preferred = request.preferred, let slot = slots[preferred], members[slot].availability == .eligible,
      !tried.contains(where: { $0 === members[slot].backend })
    {
      return slot
    }
    if tried.isEmpty { return scheduler.pick(request) }
    for backend in tried {
      if let slot = slot(of: backend) { scheduler.remove(slot) }
    }
    let choice = scheduler.pick(request)
    for backend in tried {
      if let slot = slot(of: backend), members[slot].availability == .eligible { scheduler.add(slot) }
    }
    return choice
  }

  private mutating func change(_ slot: Int, _ body: (inout BackendState) -> Void) {
    let before = members[slot].availability
    body(&members[slot])
    let after = members[slot].availability
    if before == after { return }
    tally[before] -= 1
    tally[after] += 1
    if before == .eligible { leave(slot) }
    if after == .eligible { enter(slot) }
  }

  private mutating func enter(_ slot: Int) {
    eligibleWeight += members[slot].weight
    scheduler.add(slot)
  }

  private mutating func leave(_ slot: Int) {
    eligibleWeight -= members[slot].weight
    scheduler.remove(slot)
  }
}
