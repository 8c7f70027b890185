import Base

extension Shape where Value == Duration {
  /// Longer than nothing.
  static var duration: Shape { .duration(mayBeZero: false) }

  static var durationOrZero: Shape { .duration(mayBeZero: true) }

  private static func duration(mayBeZero: Bool) -> Shape {
    let pattern = mayBeZero ? Duration.pattern : "^(?!0+[a-z])" + Duration.pattern.dropFirst()
    return .scalar(
      "a duration", ["type": "string", "pattern": .string(pattern)],
      definition: mayBeZero ? "durationOrZero" : "duration",
      read: { scalar, _ throws(Mistake) in
        if scalar.text == "off" { throw .described("is not possible here: a duration expected") }
        let duration = try scalar.duration()
        if duration == .zero, !mayBeZero { throw .described("is no time at all: at least \"1ms\" expected") }
        return duration
      },
      write: { .string($0.written) })
  }
}

extension Shape where Value == Duration? {
  /// `"off"` and `"0s"` are nil.
  static var durationOrOff: Shape {
    .scalar(
      "a duration or \"off\"",
      ["type": "string", "pattern": .string("^(off|" + Duration.pattern.dropFirst().dropLast() + ")$")],
      definition: "durationOrOff",
      read: { scalar, _ throws(Mistake) in
        if scalar.text == "off" { return nil }
        if let text = scalar.text, Suggestions.nearest(to: text, among: ["off"]) != nil {
          throw .unexpected(hint: didYouMean("off"))
        }
        let duration = try scalar.duration()
        return duration == .zero ? nil : duration
      },
      write: { .string($0?.written ?? "off") })
  }
}

extension Scalar {
  func duration() throws(Mistake) -> Duration {
    switch kind {
    case .number(let number): throw .sentence("a duration needs a unit: write \"\(number)s\"")
    case .boolean: throw .unexpected()
    case .text(let text):
      if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
        throw .sentence("a duration needs a unit: write \"\(text)s\"")
      }
      do { return try Duration(parsing: text) } catch { throw .described(error.description) }
    }
  }
}
