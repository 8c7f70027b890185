/// The members of a pool of one rank, its ordinary ones or its backups, and the scheduler that chooses among them.
///
/// Keeps the scheduler's candidates in step with what `BackendState` says of each member.
struct Tier {
  private(set) var members: [BackendState] = []
  private(set) var tally = Tally()
  private(set) var eligibleWeight = 0
  private(set) var weight = 0
  private var scheduler: any Scheduler

  init(scheduler: any Scheduler) { self.scheduler = scheduler }

  /// - Parameter former: for each member, its slot in this tier before, where the scheduler is the same.
  mutating func reset(members: [BackendState], former: [Int?], scheduler other: (any Scheduler)? = nil) {
    if let other { scheduler = other }
    self.members = members
    tally = Tally()
    eligibleWeight = 0
    weight = members.reduce(0) { $0 + $1.weight }
    scheduler.reset(
      members: zip(members, former).map { member, former in
        ScheduledMember(
          weight: member.weight, sessions: member.backend.sessions.load(ordering: .relaxed),
          former: other == nil ? former : nil)
      })
    for slot in members.indices {
      members[slot].backend.slot.store(slot, ordering: .relaxed)
      let availability = members[slot].availability
      tally[availability] += 1
      if availability == .eligible { enter(slot) }
    }
  }

  /// Nil when the backend is no member of this tier.
  func slot(of backend: Backend) -> Int? {
    // Only a hint: it may come from another tier, another pool or an earlier configuration.
    let slot = backend.slot.load(ordering: .relaxed)
    return members.indices.contains(slot) && members[slot].backend === backend ? slot : nil
  }

  mutating func setHealth(_ health: BackendHealth, of backend: Backend) {
    if let slot = slot(of: backend) { change(slot) { $0.health = health } }
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
