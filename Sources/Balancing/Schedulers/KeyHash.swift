/// `source-hash` and `hash`: the same key goes to the same backend, in every process that has the same configuration.
///
/// While a backend takes no sessions, its keys go elsewhere and no others move. With a bound on the load, a backend
/// that has more than that multiple of its fair share passes the next key on (Mirrokni, Thorup and Zadimoghaddam, 2018).
struct KeyHash: KeyedScheduler {
  /// Bounds a backend to that multiple of the mean sessions for a weight; at least 1. Nil is no bound.
  let load: Double?

  private var table = Maglev([])
  private var members: [(weight: Int, sessions: Int)] = []
  private var candidates = SlotSet(capacity: 0)
  /// Of the candidates.
  private var weight = 0
  private var sessions = 0

  init() { self.init(load: nil) }

  init(load: Double?) { self.load = load.map { max($0, 1) } }

  mutating func reset(members: [ScheduledMember], names: [UInt64]) {
    table = Maglev(zip(members, names).map { Maglev.Member(name: $1, weight: $0.weight) })
    self.members = members.map { ($0.weight, $0.sessions) }
    candidates = SlotSet(capacity: members.count)
    weight = 0
    sessions = 0
  }

  mutating func add(_ slot: Int) {
    guard candidates.insert(slot) else { return }
    weight += members[slot].weight
    sessions += members[slot].sessions
  }

  mutating func remove(_ slot: Int) {
    guard candidates.remove(slot) else { return }
    weight -= members[slot].weight
    sessions -= members[slot].sessions
  }

  mutating func loadChanged(_ slot: Int, sessions count: Int) {
    if candidates.contains(slot) { sessions += count - members[slot].sessions }
    members[slot].sessions = count
  }

  mutating func pick(_ request: PickRequest) -> Int? {
    if candidates.count == 0 { return nil }
    guard let load else { return table.member(for: request.key) { candidates.contains($0) } }
    // The session to be placed counts: the bounds add up to more than there are sessions, so that somebody has room.
    let bound = load * Double(sessions + 1) / Double(weight)
    return table.member(for: request.key) { slot in
      candidates.contains(slot)
        && Double(members[slot].sessions) < bound * Double(members[slot].weight)
    } ?? candidates.next(from: 0)
  }
}
