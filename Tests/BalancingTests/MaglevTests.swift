import Base
import Testing

@testable import Balancing

@Suite struct MaglevTests {
  private func members(_ weights: [Int], names: String = "10.0.0.") -> [Maglev.Member] {
    weights.enumerated().map { index, weight in
      Maglev.Member(name: StableHash.of("\(names)\(index):80"), weight: weight)
    }
  }

  private static let keys: [UInt64] = {
    var generator = SeededGenerator(seed: 1)
    return (0..<100_000).map { _ in StableHash.of(IPAddress(ipv4: UInt32(truncatingIfNeeded: generator.next()))) }
  }()

  private func owners(_ table: Maglev, where accepts: (Int) -> Bool = { _ in true }) -> [Int?] {
    Self.keys.map { table.member(for: $0, where: accepts) }
  }

  @Test(arguments: [2, 3, 10, 100, 655, 656, 2000])
  func sharesAreEven(count: Int) {
    let table = Maglev(members([Int](repeating: 1, count: count)))
    let mean = Double(table.size) / Double(count)
    for share in table.shares(of: count) { #expect(abs(Double(share) / mean - 1) <= 0.02) }
  }

  @Test(arguments: [
    [1, 2], [1, 2, 3], [256, 1], [5, 1, 1], [0, 3, 0, 1], [100, 99, 98], [1] + [Int](repeating: 7, count: 50),
  ])
  func sharesFollowTheWeights(weights: [Int]) {
    let table = Maglev(members(weights))
    let total = weights.reduce(0, +)
    for (weight, share) in zip(weights, table.shares(of: weights.count)) {
      let expected = Double(table.size) * Double(weight) / Double(total)
      #expect(abs(Double(share) - expected) <= max(0.01 * expected, 2), "\(weights): \(share), expected \(expected)")
    }
  }

  @Test func evenTheLightestAmongAThousandIsInTheTable() {
    let table = Maglev(members([Int](repeating: 256, count: 999) + [1]))
    #expect(table.shares(of: 1000)[999] >= 1)
    #expect(Self.keys.prefix(1000).allSatisfy { table.member(for: $0, where: { $0 == 999 }) == 999 })
  }

  @Test func keysFindTheirShareOfMembers() {
    let owners = owners(Maglev(members([1, 1, 2])))
    for (member, expected) in [25_000, 25_000, 50_000].enumerated() {
      #expect(abs(owners.count { $0 == member } - expected) < 1000)
    }
  }

  @Test func theOrderOfMembersDoesNotMatter() {
    let forward = members([1, 2, 3, 4, 5])
    let backward = Array(forward.reversed())
    let a = owners(Maglev(forward)).map { forward[$0!].name }
    let b = owners(Maglev(backward)).map { backward[$0!].name }
    #expect(a == b)
  }

  /// The table is a contract between processes and versions: these keys stay with these members.
  @Test func theTableIsTheSameEverywhere() {
    let table = Maglev(members([1, 2, 3]))
    let owners = (0..<24 as Range<UInt64>).map { table.member(for: StableHash.of("\($0)"), where: { _ in true })! }
    #expect(owners == Self.frozen, "\(owners)")
  }
  private static let frozen: [Int] = [1, 2, 1, 2, 1, 2, 2, 1, 1, 0, 0, 1, 2, 0, 0, 1, 1, 2, 1, 2, 2, 1, 1, 1]

  @Test func noMembersNoOwner() {
    #expect(Maglev([]).member(for: 7, where: { _ in true }) == nil)
    #expect(Maglev(members([0, 0])).member(for: 7, where: { _ in true }) == nil)
    #expect(Maglev(members([1, 1])).member(for: 7, where: { _ in false }) == nil)
  }

  /// One of n members refuses, as one that is down or full does: nobody else's keys move.
  @Test(arguments: [2, 3, 10, 100, 1000])
  func aRefusalMovesOnlyItsOwnKeys(count: Int) {
    let table = Maglev(members([Int](repeating: 1, count: count)))
    let before = owners(table)
    for refusing in Set([0, count / 2]) {
      let after = owners(table) { $0 != refusing }
      var shares = [Int](repeating: 0, count: count)
      for (old, new) in zip(before, after) {
        if old == refusing {
          #expect(new != refusing)
          shares[new!] += 1
        } else if old != new {
          Issue.record("a key of \(old!) moved to \(new!)")
          return
        }
      }
      // And its keys are spread over all others.
      if count <= 100 {
        let mean = Double(shares.reduce(0, +)) / Double(count - 1)
        for (member, share) in shares.enumerated() where member != refusing {
          #expect(abs(Double(share) - mean) <= max(0.2 * mean, 6 * mean.squareRoot()), "\(count) members: \(share)")
        }
      }
    }
  }

  /// Of a hundred members three are left: their keys stay, and those of all others are shared by weight.
  @Test func theLastOnesShareByWeight() {
    let table = Maglev(members((0..<100).map { $0 == 7 ? 3 : 1 }))
    let few = owners(table) { $0 == 3 || $0 == 7 || $0 == 11 }
    for (member, expected) in [(3, 20_000), (7, 60_000), (11, 20_000)] {
      #expect(abs(few.count { $0 == member } - expected) < 2000, "\(member): \(few.count { $0 == member })")
    }
    let fewer = owners(table) { $0 == 3 || $0 == 7 }
    for (before, after) in zip(few, fewer) where before != 11 { #expect(before == after) }
  }

  /// One of n members is taken out of the configuration: its keys move, and at most 2 % of the others.
  @Test(arguments: [
    [Int](repeating: 1, count: 2), [Int](repeating: 1, count: 3), [Int](repeating: 1, count: 10),
    [Int](repeating: 1, count: 30), [Int](repeating: 1, count: 100), [Int](repeating: 1, count: 300),
    [Int](repeating: 1, count: 655), [Int](repeating: 1, count: 1000), [1, 2, 3, 4, 5], [10, 1, 1, 1], [256, 3, 17],
    (0..<100).map { 1 + $0 % 4 },
  ])
  func aRemovalMovesFewOtherKeys(weights: [Int]) {
    let all = members(weights)
    let before = owners(Maglev(all))
    for removed in weights.count > 10 ? [weights.count / 2] : Array(weights.indices) {
      var left = all
      left[removed].weight = 0
      let after = owners(Maglev(left))
      var moved = 0
      var others = 0
      for (old, new) in zip(before, after) where old != removed {
        others += 1
        if old != new { moved += 1 }
      }
      #expect(
        Double(moved) <= 0.02 * Double(others), "\(weights.count) members, without \(removed): \(moved) of \(others)")
    }
  }
}
