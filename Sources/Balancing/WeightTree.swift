import Base

/// Slots with weights, drawn at random by weight in the logarithm of their number (Fenwick, 1994).
struct WeightTree: Sendable {
  private(set) var weights: [Int]
  private(set) var total = 0
  /// `sums[i]` is the sum of the `i & -i` weights that end with slot i - 1.
  private var sums: [Int]
  /// The highest power of two that is at most the number of slots.
  private let highest: Int

  /// - Parameter capacity: slots are 0 ..< capacity, all of weight 0 at first.
  init(capacity: Int) {
    weights = Array(repeating: 0, count: capacity)
    sums = Array(repeating: 0, count: capacity + 1)
    highest = capacity == 0 ? 0 : 1 << (Int.bitWidth - 1 - capacity.leadingZeroBitCount)
  }

  mutating func set(_ slot: Int, weight: Int) {
    let difference = weight - weights[slot]
    if difference == 0 { return }
    weights[slot] = weight
    total += difference
    var index = slot + 1
    while index < sums.count {
      sums[index] += difference
      index += index & -index
    }
  }

  /// The sum of the weights before a slot.
  func start(of slot: Int) -> Int {
    var sum = 0
    var index = slot
    while index > 0 {
      sum += sums[index]
      index -= index & -index
    }
    return sum
  }

  /// The slot in whose stretch of the line 0 ..< total a position lies.
  func slot(at position: Int) -> Int {
    var rest = position
    var slot = 0
    var step = highest
    while step > 0 {
      if slot + step < sums.count, sums[slot + step] <= rest {
        slot += step
        rest -= sums[slot]
      }
      step >>= 1
    }
    return slot
  }

  /// Two slots drawn by weight, the second among all but the first; twice the same where there is no other. Nil when
  /// all weights are 0.
  func drawTwo(_ random: UInt64) -> (Int, Int)? {
    if total == 0 { return nil }
    var generator = SeededGenerator(seed: random)
    let first = slot(at: generator.below(total))
    let rest = total - weights[first]
    if rest == 0 { return (first, first) }
    let position = generator.below(rest)
    return (first, slot(at: position < start(of: first) ? position : position + weights[first]))
  }
}
