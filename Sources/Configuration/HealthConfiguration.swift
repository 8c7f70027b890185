public struct HealthConfiguration: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Equatable, Sendable {
    case tcp
  }

  /// What a backend is before its first result.
  public enum Initial: String, CaseIterable, Equatable, Sendable {
    case up, down, checking
  }

  public var type = Kind.tcp
  public var interval: Duration = .seconds(2)
  public var timeout: Duration = .seconds(1)
  /// Between up and down; nil is a quarter of the interval.
  public var fastInterval: Duration?
  /// While down; nil is the interval.
  public var downInterval: Duration?
  public var fall = 3
  public var rise = 2
  public var initial = Initial.checking
  /// nil is no damping.
  public var flap: FlapConfiguration? = FlapConfiguration()

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "health",
    [
      Field("type", \.type, .word, "What a check does. tcp: it connects."),
      Field("interval", \.interval, .duration, "From one check of a backend to the next, give or take 10 %."),
      Field("timeout", \.timeout, .duration, "How long a check may take before it has failed."),
      Field(
        "fastInterval", \.fastInterval, .optional(.duration),
        "The interval while a backend is between up and down. Default: a quarter of interval."),
      Field(
        "downInterval", \.downInterval, .optional(.duration),
        "The interval while a backend is down. Default: interval."),
      Field("fall", \.fall, .integer(1...1000), "Failed checks in a row after which a backend is down."),
      Field("rise", \.rise, .integer(1...1000), "Passed checks in a row after which a backend is up again."),
      Field(
        "initial", \.initial, .word,
        "What a backend is before its first check: up, down, or checking: not used until that check, which is sent at once and decides alone."
      ),
      Field(
        "flap", \.flap,
        .either(
          .words([("off", nil)], besides: "an object"), or: .optional(FlapConfiguration.shape), "\"off\" or an object"),
        "Damping: each change adds 1 to a penalty that halves with time; while it is high the backend is held down."),
    ])
}
