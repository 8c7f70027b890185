/// Random numbers that follow from their seed: the same on every machine and in every version of the program.
///
/// SplitMix64 (Steele, Lea and Flood, 2014): eight bytes of state, every seed is good, and it passes BigCrush. Not for
/// secrets.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  @usableFromInline var state: UInt64

  @inlinable
  public init(seed: UInt64) { state = seed }

  @inlinable
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// A number from 0 to `bound` - 1, by the upper half of a product (Lemire, 2019) without its rejection: the bias is at
  /// most `bound` / 2^64. The standard library's `random(in:using:)` may change its numbers between versions; this may not.
  /// - Parameter bound: at least 1.
  @inlinable
  public mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}
