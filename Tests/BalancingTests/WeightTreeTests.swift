import Base
import Testing

@testable import Balancing

@Suite struct WeightTreeTests {
  @Test(arguments: UInt64(0)..<20)
  func agreesWithAPlainList(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let capacity = generator.below(70)
    var tree = WeightTree(capacity: capacity)
    var weights = [Int](repeating: 0, count: capacity)
    for _ in 0..<200 where capacity > 0 {
      let slot = generator.below(capacity)
      weights[slot] = generator.below(3) == 0 ? 0 : generator.below(257)
      tree.set(slot, weight: weights[slot])
      #expect(tree.weights == weights, "seed \(seed)")
      #expect(tree.total == weights.reduce(0, +), "seed \(seed)")
      guard tree.total > 0 else { continue }
      for position in [0, tree.total - 1, generator.below(tree.total)] {
        var sum = 0
        let expected = weights.firstIndex { weight in
          sum += weight
          return sum > position
        }
        #expect(tree.slot(at: position) == expected, "seed \(seed)")
      }
      #expect(tree.start(of: slot) == weights[..<slot].reduce(0, +), "seed \(seed)")
    }
  }

  @Test func drawsTwoByWeight() {
    var tree = WeightTree(capacity: 5)
    #expect(tree.drawTwo(1) == nil)
    tree.set(3, weight: 9)
    #expect(tree.drawTwo(1)! == (3, 3))
    for (slot, weight) in [1, 0, 2, 3, 4].enumerated() { tree.set(slot, weight: weight) }
    var generator = SeededGenerator(seed: 1)
    var firsts = [Int](repeating: 0, count: 5)
    var behindLast = [Int](repeating: 0, count: 5)
    for _ in 0..<100_000 {
      let (first, second) = tree.drawTwo(generator.next())!
      #expect(first != second)
      firsts[first] += 1
      if first == 4 { behindLast[second] += 1 }
    }
    for (slot, weight) in [1, 0, 2, 3, 4].enumerated() { #expect(abs(firsts[slot] - 10_000 * weight) < 600) }
    // Behind the last, the other three share by weight.
    for (slot, weight) in [1, 0, 2, 3, 0].enumerated() {
      #expect(abs(behindLast[slot] - behindLast.reduce(0, +) * weight / 6) < 500)
    }
  }
}
