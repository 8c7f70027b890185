/// `random`: two candidates are drawn by weight, and the one with fewer sessions for its weight wins; of equals, the
/// one drawn first.
///
/// As good as knowing everybody's load, nearly (Mitzenmacher, 2001), and better where many balancers do not know of
/// each other: they do not all run after the same idlest backend.
struct TwoChoices: Scheduler {
  private var members: [(weight: Int, sessions: Int)] = []
  /// Weights of the candidates, 0 for all others.
  private var candidates = WeightTree(capacity: 0)

  mutating func reset(members: [ScheduledMember]) {
    self.members = members.map { ($0.weight, $0.sessions) }
    candidates = WeightTree(capacity: members.count)
  }

  mutating func add(_ slot: Int) { candidates.set(slot, weight: members[slot].weight) }

  mutating func remove(_ slot: Int) { candidates.set(slot, weight: 0) }

  mutating func loadChanged(_ slot: Int, sessions: Int) { members[slot].sessions = sessions }

  mutating func weightChanged(_ slot: Int, weight: Int) {
    members[slot].weight = weight
    if candidates.weights[slot] > 0 { candidates.set(slot, weight: weight) }
  }

  mutating func pick(_ request: PickRequest) -> Int? {
    guard let (first, second) = candidates.drawTwo(request.random) else { return nil }
    let (a, b) = (members[first], members[second])
    return b.sessions * a.weight < a.sessions * b.weight ? second : first
  }
}
