import Base

/// The damping of backends that go up and down all the time.
public struct FlapConfiguration: Equatable, Sendable {
  public var hold = 5
  public var release = 2
  public var halfLife: Duration = .seconds(60)

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "flap",
    [
      Field("hold", \.hold, .integer(1...1000), "The penalty above which a backend is held down."),
      Field("release", \.release, .integer(1...1000), "The penalty below which it is let go; at most hold."),
      Field("halfLife", \.halfLife, .duration, "The time in which the penalty halves."),
    ]
  ).noting { flap, json, reading in
    if flap.release > flap.hold {
      reading.fail(
        at: json["release"]?.location ?? json.location,
        "release is \(flap.release), above hold, \(flap.hold): a backend would be let go at once")
    }
  }
}
