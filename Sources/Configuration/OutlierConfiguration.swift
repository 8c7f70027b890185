import Base

/// The ejection of backends that fail with real traffic.
public struct OutlierConfiguration: Equatable, Sendable {
  public var failures = 5
  public var window: Duration = .seconds(10)
  public var eject: Duration = .seconds(30)
  public var maxEjected = 50

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "outlier",
    [
      Field(
        "failures", \.failures, .integer(1...1000),
        "Connects that fail and connections that are reset before any answer, in a row, after which a backend is ejected."
      ),
      Field("window", \.window, .duration, "The time in which they must fall."),
      Field(
        "eject", \.eject, .duration,
        "How long a backend is out at least; doubled for each ejection in a row, up to 5 minutes."),
      Field("maxEjected", \.maxEjected, .integer(0...100), "The percentage of the pool that may be out at once."),
    ])
}
