import Base

/// `source-hash` and `hash`: the same key goes to the same backend, in every process that has the same configuration.
///
/// While a backend takes no sessions, its keys go elsewhere and no others move. With a bound on the load, a backend
/// that has more than that multiple of its fair share passes the next key on (Mirrokni, Thorup and Zadimoghaddam, 2018).
/// One that starts slowly takes a part of its keys at first, always the same ones, and more as its weight grows.
struct KeyHash: Scheduler {
  /// Bounds a backend to that multiple of the mean sessions for a weight; at least 1. Nil is no bound.
  let load: Double?

  private var table = Maglev([])
  private struct Member {
    let name: UInt64
    /// What the table was made for.
    let share: Int
    var weight: Int
    var sessions: Int

    /// Whether a key is among the part that this member takes.
    func takes(_ key: UInt64) -> Bool {
      if weight == share { return true }
      var generator = SeededGenerator(seed: name ^ key &* 0x9E37_79B9_7F4A_7C15)
      return generator.below(share) < weight
    }
  }

  private var members: [Member] = []
  private var candidates = SlotSet(capacity: 0)
  /// Of the candidates.
  private var weight = 0
  private var sessions = 0

  init() { self.init(load: nil) }

  init(load: Double?) { self.load = load.map { max($0, 1) } }

  mutating func reset(members: [ScheduledMember]) {
    table = Maglev(members.map { Maglev.Member(name: $0.name, weight: $0.weight) })
    self.members = members.map {
      Member(name: $0.name, share: $0.weight, weight: $0.weight, sessions: $0.sessions)
    }
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

  mutating func weightChanged(_ slot: Int, weight: Int) {
    if candidates.contains(slot) { self.weight += weight - members[slot].weight }
    members[slot].weight = weight
  }

  mutating func pick(_ request: PickRequest) -> Int? {
    if candidates.count == 0 { return nil }
    let key = request.key
    // The session to be placed counts: the bounds add up to more than there are sessions, so that somebody has room.
    let bound = load.map { $0 * Double(sessions + 1) / Double(weight) } ?? .infinity
    return table.member(for: key) { slot in
      candidates.contains(slot)
        && (load == nil || Double(members[slot].sessions) < bound * Double(members[slot].weight))
        && members[slot].takes(key)
    } ?? table.member(for: key) { candidates.contains($0) }
  }
}
