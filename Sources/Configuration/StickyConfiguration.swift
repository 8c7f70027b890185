/// A client that comes back gets the backend that it had.
public struct StickyConfiguration: Equatable, Sendable {
  /// By the client's address: the one thing that tells clients apart in tcp mode.
  public var source = true
  /// How long after its last session a client is remembered.
  public var ttl: Duration = .seconds(1800)
  /// Clients that are remembered; past that, whoever has not come for longest is forgotten.
  public var size = 100_000

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "sticky",
    [
      .required("source", \.source, .yes, "By the client's address; an IPv6 client is its /64."),
      Field("ttl", \.ttl, .duration, "How long after its last session began a client is remembered."),
      Field(
        "size", \.size, .integer(1...10_000_000),
        "Clients that are remembered; past that, whoever has not come for longest is forgotten."),
    ])
}

extension Shape where Value == Bool {
  /// Only true: what is off is left out.
  static var yes: Shape {
    .scalar(
      "true", ["const": JSONValue(.boolean(true))],
      read: { scalar, _ throws(Mistake) in
        switch scalar.boolean {
        case true?: return true
        case false?:
          throw .sentence("true expected, found false: leave \"sticky\" out where no client is to be remembered")
        case nil: throw .unexpected(hint: scalar.text == "true" ? "without quotes" : nil)
        }
      },
      write: { JSONValue(.boolean($0)) })
  }
}
