import Base

/// Random numbers of the distributions that a simulation needs, the same on every machine: nothing but the operations
/// that IEEE 754 defines to the last bit.
enum Draw {
  /// Above 0, up to 1.
  static func unit(_ random: inout SeededGenerator) -> Double { Double(random.next() >> 11 + 1) * 0x1p-53 }

  static func exponential(mean: Double, _ random: inout SeededGenerator) -> Double {
    -mean * naturalLogarithm(unit(&random))
  }

  /// Pareto with the exponent 4/3, cut at a thousand times its least: a few requests are most of the work.
  static func heavyTailed(mean: Double, _ random: inout SeededGenerator) -> Double {
    let root = unit(&random).squareRoot()
    let multiple = min(1 / (root * root.squareRoot()), 1000)
    // The mean of the multiple: 4 - 3 / 1000^(1/3), less what the cut takes off.
    return mean / 3.7 * multiple
  }

  /// By the series of the inverse hyperbolic tangent, whose argument is at most 1/3.
  static func naturalLogarithm(_ value: Double) -> Double {
    let ratio = (value.significand - 1) / (value.significand + 1)
    var power = ratio
    var sum = 0.0
    for term in 0..<18 {
      sum += power / Double(2 * term + 1)
      power *= ratio * ratio
    }
    return Double(value.exponent) * 0.693_147_180_559_945_3 + 2 * sum
  }
}
