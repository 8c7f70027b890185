/// The candidate with the fewest sessions for its weight: the least of (sessions + 1) / weight. Among equals the turn
/// goes to the one that was picked longest ago.
///
/// A winner tree: each inner node holds the better of its two children, the root the best of all. A change of one slot
/// replays the matches on its way up, ten for a thousand slots.
struct LeastConnections: Scheduler {
  private struct Entry {
    var sessions: Int32 = 0
    var weight: Int32 = 1
    /// The number of the pick that chose it last; 0 is never.
    var turn: UInt64 = 0
  }

  private var entries: [Entry] = []
  /// `tree[1]` is the root; the leaf of a slot is `leaves + slot` and holds the slot, or `nobody` when it is no
  /// candidate.
  private var tree: [UInt32] = []
  private var leaves = 1
  private var picks: UInt64 = 0

  private static let nobody = UInt32.max

  mutating func reset(members: [ScheduledMember]) {
    let before = entries
    entries = members.map { member in
      Entry(
        sessions: Int32(clamping: member.sessions), weight: Int32(member.weight),
        turn: member.former.map { before[$0].turn } ?? 0)
    }
    leaves = 1
    while leaves < entries.count { leaves *= 2 }
    tree = [UInt32](repeating: Self.nobody, count: leaves * 2)
  }

  mutating func add(_ slot: Int) {
    tree[leaves + slot] = UInt32(slot)
    replay(from: slot)
  }

  mutating func remove(_ slot: Int) {
    tree[leaves + slot] = Self.nobody
    replay(from: slot)
  }

  mutating func loadChanged(_ slot: Int, sessions: Int) {
    entries[slot].sessions = Int32(clamping: sessions)
    if tree[leaves + slot] != Self.nobody { replay(from: slot) }
  }

  mutating func weightChanged(_ slot: Int, weight: Int) {
    entries[slot].weight = Int32(weight)
    if tree[leaves + slot] != Self.nobody { replay(from: slot) }
  }

  mutating func pick(_ request: PickRequest) -> Int? {
    guard tree.count > 1, tree[1] != Self.nobody else { return nil }
    let slot = Int(tree[1])
    picks += 1
    entries[slot].turn = picks
    replay(from: slot)
    return slot
  }

  private mutating func replay(from slot: Int) {
    let leaf = leaves + slot
    tree.withUnsafeMutableBufferPointer { tree in
      entries.withUnsafeBufferPointer { entries in
        var node = leaf >> 1
        while node > 0 {
          tree[node] = Self.better(tree[node &* 2], tree[node &* 2 &+ 1], entries)
          node >>= 1
        }
      }
    }
  }

  /// The left one wins a draw: its slot is the lower.
  private static func better(_ left: UInt32, _ right: UInt32, _ entries: UnsafeBufferPointer<Entry>) -> UInt32 {
    if right == nobody { return left }
    if left == nobody { return right }
    let a = entries[Int(left)]
    let b = entries[Int(right)]
    let loadOfA = (Int64(a.sessions) &+ 1) &* Int64(b.weight)
    let loadOfB = (Int64(b.sessions) &+ 1) &* Int64(a.weight)
    if loadOfA != loadOfB { return loadOfA < loadOfB ? left : right }
    return a.turn <= b.turn ? left : right
  }
}
