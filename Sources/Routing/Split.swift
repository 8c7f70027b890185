/// Shares of a route: which of several pools a request goes to, in proportion to their weights.
public struct Split: Sendable {
  /// Where each share ends, in ascending order; a share of weight 0 ends where it begins.
  private let ends: [UInt64]

  /// - Parameter weights: at least one; when all are 0 the first takes everything.
  public init(weights: [Int]) {
    precondition(!weights.isEmpty, "a share at least")
    var sum: UInt64 = 0
    ends = weights.map { weight in
      sum += UInt64(max(weight, 0))
      return sum
    }
  }

  public var count: Int { ends.count }

  /// The index of a share.
  ///
  /// A random word spreads requests by weight. The same word always gives the same share: where a client is to stay,
  /// give the stable hash of what it is known by. Those that change sides when a weight changes are no more than the
  /// shares' borders move.
  public func share(of word: UInt64) -> Int {
    let total = ends[ends.count - 1]
    if total == 0 { return 0 }
    // A multiplication mixes the word, for words that count up; the upper half of a product scales it (Lemire, 2019).
    var mixed = word
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    let point = mixed.multipliedFullWidth(by: total).high
    var index = 0
    while ends[index] <= point { index += 1 }
    return index
  }
}
