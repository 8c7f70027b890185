/// Smooth weighted round-robin, as nginx has it: weights 5, 1, 1 give a a b a c a a, never five in a row.
///
/// With every pick each candidate's credit grows by its weight; the highest credit wins, the first of equals, and pays
/// the sum of the weights. Credits stay within that sum on either side, hence within 32 bits. Equal weights make plain
/// turns of this, and are served from a bit set without touching any credit.
struct RoundRobin: Scheduler {
  private var weights: [Int32] = []
  private var candidates = SlotSet(capacity: 0)
  private var areWeightsEqual = true
  /// Equal weights: where the search for the next candidate starts.
  private var cursor = 0
  /// What a pick adds to each credit: the weight of a candidate, 0 for all others.
  private var gains: [Int32] = []
  /// The credit of a candidate, `RoundRobin.parked` for all others.
  private var credits: [Int32] = []
  /// The credit of a slot that is no candidate.
  private var parkedCredits: [Int32] = []
  private var gainSum: Int32 = 0

  private static let parked = Int32.min
  /// Slots that are searched together: the winner's block is remembered and only that one is searched again.
  private static let block = 64

  mutating func reset(members: [ScheduledMember]) {
    let weightsBefore = weights
    var creditsBefore = parkedCredits
    for slot in credits.indices where credits[slot] != Self.parked { creditsBefore[slot] = credits[slot] }

    // The turn is with the first slot after the cursor whose member stays.
    let turnBefore = members.indices.min { left, right in
      func distance(_ slot: Int) -> Int {
        guard let former = members[slot].former else { return .max }
        return former >= cursor ? former - cursor : former - cursor + weightsBefore.count
      }
      return distance(left) < distance(right)
    }
    cursor = turnBefore ?? 0

    weights = members.map { Int32($0.weight) }
    compareWeights()
    let bound = weights.reduce(0, &+)
    candidates = SlotSet(capacity: members.count)
    gains = [Int32](repeating: 0, count: members.count)
    credits = [Int32](repeating: Self.parked, count: members.count)
    parkedCredits = [Int32](repeating: 0, count: members.count)
    gainSum = 0
    for (slot, member) in members.enumerated() {
      // A credit is worth something only beside the weight it was earned with.
      guard let former = member.former, weightsBefore[former] == weights[slot] else { continue }
      parkedCredits[slot] = min(max(creditsBefore[former], -bound), bound)
    }
  }

  mutating func add(_ slot: Int) {
    guard candidates.insert(slot) else { return }
    gains[slot] = weights[slot]
    credits[slot] = parkedCredits[slot]
    gainSum &+= weights[slot]
  }

  mutating func remove(_ slot: Int) {
    guard candidates.remove(slot) else { return }
    gains[slot] = 0
    parkedCredits[slot] = credits[slot]
    credits[slot] = Self.parked
    gainSum &-= weights[slot]
  }

  mutating func loadChanged(_ slot: Int, sessions: Int) {}

  mutating func weightChanged(_ slot: Int, weight: Int) {
    weights[slot] = Int32(weight)
    if candidates.contains(slot) {
      gainSum &+= weights[slot] &- gains[slot]
      gains[slot] = weights[slot]
    }
    compareWeights()
  }

  private mutating func compareWeights() {
    let heaviest = weights.max() ?? 0
    areWeightsEqual = weights.allSatisfy { $0 == heaviest || $0 == 0 }
  }

  mutating func pick(_ request: PickRequest) -> Int? {
    if areWeightsEqual {
      guard let slot = candidates.next(from: cursor) else { return nil }
      cursor = slot + 1
      return slot
    }
    if candidates.count == 0 { return nil }
    let slot = credits.withUnsafeMutableBufferPointer { credits in
      gains.withUnsafeBufferPointer { gains in Self.raise(credits, by: gains) }
    }
    credits[slot] &-= gainSum
    return slot
  }

  /// Adds the gains and returns the first slot with the highest credit. The inner loop compiles to vector
  /// instructions, which it would not if it kept the index as well.
  private static func raise(
    _ credits: UnsafeMutableBufferPointer<Int32>, by gains: UnsafeBufferPointer<Int32>
  ) -> Int {
    var best = parked
    var bestBlock = 0
    var start = 0
    while start < credits.count {
      let end = min(start &+ block, credits.count)
      var highest = parked
      for slot in start..<end {
        let credit = credits[slot] &+ gains[slot]
        credits[slot] = credit
        highest = max(highest, credit)
      }
      if highest > best {
        best = highest
        bestBlock = start
      }
      start = end
    }
    var slot = bestBlock
    while credits[slot] != best { slot &+= 1 }
    return slot
  }
}
