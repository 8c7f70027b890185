/// What reading a file has to know, and this target cannot find out by itself.
public struct Judges: Sendable {
  /// Judges a regular expression.
  public var expression: @Sendable (String) -> ExpressionVerdict
  /// Why no request can have a path, in words that finish the sentence "`PATH` …"; nil when one can.
  public var path: @Sendable (String) -> String?

  public init(
    expression: @escaping @Sendable (String) -> ExpressionVerdict, path: @escaping @Sendable (String) -> String?
  ) {
    self.expression = expression
    self.path = path
  }
}

public enum ExpressionVerdict: Equatable, Sendable {
  /// With so many groups in parentheses.
  case valid(groups: Int)
  /// Why it is none, in words that finish the sentence "`EXPRESSION` …".
  case malformed(String)
}

extension Shape where Value == String {
  static var longestExpression: Int { 1024 }

  /// A regular expression as PCRE2 has them.
  static var expression: Shape {
    .scalar(
      "a regular expression of 1 to \(longestExpression) characters",
      ["type": "string", "minLength": 1, "maxLength": .integer(longestExpression)], definition: "expression",
      read: { scalar, reading throws(Mistake) in
        guard let text = scalar.text, (1...longestExpression).contains(text.unicodeScalars.count) else {
          throw .unexpected()
        }
        if case .malformed(let why) = reading.judges.expression(text) { throw .described(why) }
        return text
      },
      write: { .string($0) })
  }
}
