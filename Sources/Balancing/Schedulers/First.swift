/// `first`: the first candidate in the order of the configuration, until it is full; then the next. The fewest backends
/// that can do the work do it, and the others may sleep.
struct First: Scheduler {
  private var candidates = SlotSet(capacity: 0)

  mutating func reset(members: [ScheduledMember]) { candidates = SlotSet(capacity: members.count) }
  mutating func add(_ slot: Int) { candidates.insert(slot) }
  mutating func remove(_ slot: Int) { candidates.remove(slot) }
  mutating func loadChanged(_ slot: Int, sessions: Int) {}
  mutating func weightChanged(_ slot: Int, weight: Int) {}
  mutating func pick(_ request: PickRequest) -> Int? { candidates.next(from: 0) }
}
