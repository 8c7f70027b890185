import Base

/// The weight of a backend that came up a while ago: it grows in steps, so that caches fill and compilers warm up
/// before the whole load arrives. Not for backends that are up from the start: they all begin alike.
public struct SlowStart: Equatable, Sendable {
  /// Weights are counted in this fraction of what the configuration says, so that even a weight of 1 has steps to go.
  /// A pool that starts slowly counts the weights of all its backends so.
  public static let steps = 10

  /// From coming up to the full weight.
  public let duration: Duration

  /// Nil where `slowStart` is 0.
  public init?(duration: Duration) {
    guard duration > .zero else { return nil }
    self.duration = duration
  }

  /// The steps that a backend has reached, 1…`steps`.
  /// - Parameter age: since it came up.
  public func step(at age: Duration) -> Int {
    if age >= duration { return Self.steps }
    if age <= .zero { return 1 }
    return min(max(Int(age.inSeconds / duration.inSeconds * Double(Self.steps)), 1), Self.steps - 1)
  }

  /// What a weight of the configuration counts as, in fractions of `steps`. 0 stays 0, anything else is at least 1.
  public func weight(_ weight: Int, at age: Duration) -> Int { max(weight, 0) * step(at: age) }

  /// How long until the next step; nil when there is none any more.
  public func nextStep(at age: Duration) -> Duration? {
    let step = step(at: age)
    if step == Self.steps { return nil }
    // Never nothing, or whoever waits for it would spin on a rounding.
    return max(duration * (step + 1) / Self.steps - max(age, .zero), .milliseconds(1))
  }
}
