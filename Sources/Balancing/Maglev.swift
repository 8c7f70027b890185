import Base

/// A table from keys to members, made so that another set of members moves few keys (Maglev: Eisenbud and others, NSDI
/// 2016, 3.4). Immutable.
///
/// Every process that knows the same names and weights makes the same table, in whatever order it knows them: several
/// balancers choose alike without talking to each other. Each member takes places of the table in an order of its own
/// that follows from its name; they take turns, the heavier ones more often, until no place is left.
struct Maglev: Sendable {
  /// Prime numbers, so that every step leads through the whole table.
  private static let sizes = [65_537, 131_071, 262_147, 524_309, 1_048_583]
  /// Places for each member, at least: shares are even within about a percent, and little moves.
  private static let placesPerMember = 100

  struct Member {
    /// A stable hash of its name.
    var name: UInt64
    /// 0 takes no place.
    var weight: Int
  }

  private static let nobody = UInt32.max
  /// Places that are asked for a key. When that many refuse, few members are left, and they are compared instead.
  private static let attempts = 64

  /// The member in each place, by its index.
  private let places: [UInt32]
  private let members: [Member]

  init(_ members: [Member]) {
    self.members = members
    let count = members.count { $0.weight > 0 }
    guard count > 0 else {
      places = []
      return
    }
    let size = Self.sizes.first { $0 >= count * Self.placesPerMember } ?? Self.sizes[Self.sizes.count - 1]
    places = Self.fill(size, with: members)
  }

  var isEmpty: Bool { places.isEmpty }
  var size: Int { places.count }

  /// How many places each of `count` members has.
  func shares(of count: Int) -> [Int] {
    var shares = [Int](repeating: 0, count: count)
    for member in places { shares[Int(member)] += 1 }
    return shares
  }

  /// The member that a key belongs to, or where `accepts` refuses it, the next that takes it: each key has an order of
  /// its own among the members, in which nobody's absence changes the places of the others. Nil when all refuse.
  @inline(__always)
  func member(for key: UInt64, where accepts: (Int) -> Bool) -> Int? {
    if places.isEmpty { return nil }
    let size = places.count
    return places.withUnsafeBufferPointer { places in
      // The upper half of a product is even over the table without a division.
      var place = Int(truncatingIfNeeded: key.multipliedFullWidth(by: UInt64(size)).high)
      let first = Int(places[place])
      if accepts(first) { return first }
      // The lower half of the key has had no say yet. The size is prime: any step leads through the whole table.
      let step = 1 + Int(truncatingIfNeeded: (key << 32).multipliedFullWidth(by: UInt64(size - 1)).high)
      for _ in 1..<Self.attempts {
        place += step
        if place >= size { place -= size }
        let member = Int(places[place])
        if accepts(member) { return member }
      }
      return nearest(to: key, where: accepts)
    }
  }

  /// The member that draws the shortest lot for this key, lots being weighted (rendezvous hashing: Thaler and
  /// Ravishankar, 1998). Nobody's absence changes the lots of the others.
  private func nearest(to key: UInt64, where accepts: (Int) -> Bool) -> Int? {
    var nearest: Int?
    var shortest = Double.infinity
    for (index, member) in members.enumerated() where member.weight > 0 && accepts(index) {
      var generator = SeededGenerator(seed: key ^ member.name)
      let draw = generator.next() | 1
      // -log2 of the draw as a fraction of 1, between powers of two by a straight line.
      let zeros = draw.leadingZeroBitCount
      let mantissa = Double(draw << UInt64(zeros)) / 0x1p63
      let lot = (Double(zeros) + 2 - mantissa) / Double(member.weight)
      if lot < shortest {
        shortest = lot
        nearest = index
      }
    }
    return nearest
  }

  private static func fill(_ size: Int, with members: [Member]) -> [UInt32] {
    /// A member that takes its turns.
    struct Taker {
      let member: UInt32
      let weight: Int
      /// Grows by the weight in each round; a turn costs the heaviest weight.
      var credit: Int
      var next: Int
      let step: Int
    }
    let heaviest = members.reduce(0) { max($0, $1.weight) }
    // By name, since the order of a configuration must not matter.
    let ordered = members.indices.filter { members[$0].weight > 0 }
      .sorted { (members[$0].name, $0) < (members[$1].name, $1) }
    var takers = ordered.map { index in
      var generator = SeededGenerator(seed: members[index].name)
      return Taker(
        member: UInt32(index), weight: members[index].weight,
        // The first round gives everybody a turn, so that the lightest is in the table as well.
        credit: heaviest - members[index].weight, next: generator.below(size), step: 1 + generator.below(size - 1))
    }
    return [UInt32](unsafeUninitializedCapacity: size) { places, count in
      places.initialize(repeating: nobody)
      count = size
      takers.withUnsafeMutableBufferPointer { takers in
        var free = size
        while true {
          for index in 0..<takers.count {
            takers[index].credit &+= takers[index].weight
            guard takers[index].credit >= heaviest else { continue }
            takers[index].credit &-= heaviest
            var place = takers[index].next
            while places[place] != nobody {
              place &+= takers[index].step
              if place >= size { place &-= size }
            }
            places[place] = takers[index].member
            takers[index].next = place
            free &-= 1
            if free == 0 { return }
          }
        }
      }
    }
  }
}
