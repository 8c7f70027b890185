extension Shape where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> Shape {
    .scalar(
      range.text, ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)],
      read: { scalar, _ throws(Mistake) in try scalar.integer(in: range) },
      write: { .integer($0) })
  }
}

extension Shape where Value == Int? {
  /// A word that stands for nil, or a number.
  static func integer(_ range: ClosedRange<Int>, or word: String) -> Shape {
    .scalar(
      "\(word.quoted) or \(range.text)",
      [
        "anyOf": [
          ["const": .string(word)],
          ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)],
        ]
      ],
      read: { scalar, _ throws(Mistake) in
        if scalar.text == word { return nil }
        if let text = scalar.text, let near = Suggestions.nearest(to: text, among: [word]) {
          throw .unexpected(hint: didYouMean(near))
        }
        return try scalar.integer(in: range)
      },
      write: { $0.map { .integer($0) } ?? .string(word) })
  }

  /// A number of which 0 stands for nil: no limit.
  static func limit(upTo most: Int) -> Shape {
    Shape<Int>.integer(0...most).map({ $0 == 0 ? nil : $0 }, { $0 ?? 0 })
  }
}

extension Shape where Value == Double {
  /// A number with or without a fraction.
  static func decimal(_ range: ClosedRange<Int>) -> Shape {
    .scalar(
      range.text, ["type": "number", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)],
      read: { scalar, _ throws(Mistake) in
        func value(_ text: String) -> Double? {
          guard text.utf8.count <= 40, let value = Double(text) else { return nil }
          return value >= Double(range.lowerBound) && value <= Double(range.upperBound) ? value : nil
        }
        if let number = scalar.number, let value = value(number) { return value }
        if let text = scalar.text, !scalar.isExpanded, value(text) != nil {
          throw .unexpected(hint: "without quotes: \(text)")
        }
        throw .unexpected()
      },
      write: { JSONValue(.number("\($0)")) })
  }
}

extension Shape where Value == Bool {
  static var boolean: Shape {
    .scalar(
      "true or false", ["type": "boolean"],
      read: { scalar, _ throws(Mistake) in
        if let value = scalar.boolean { return value }
        let isQuoted = ["true", "false"].contains(scalar.text)
        throw .unexpected(hint: isQuoted ? "without quotes" : nil)
      },
      write: { JSONValue(.boolean($0)) })
  }
}

extension ClosedRange<Int> {
  var text: String { "\(lowerBound)…\(upperBound)" }
}

extension Scalar {
  func integer(in range: ClosedRange<Int>) throws(Mistake) -> Int {
    if let number, let value = Self.integer(number) {
      if range.contains(value) { return value }
    } else if let text, !isExpanded, let value = Self.integer(text), range.contains(value) {
      throw .unexpected(hint: "without quotes: \(value)")
    }
    throw .unexpected()
  }

  /// The value of a JSON number that is whole, in whatever form: `16`, `16.0` and `1.6e1` are one number, as they are
  /// for the JSON Schema.
  static func integer(_ text: String) -> Int? {
    if let value = Int(text) { return text.utf8.first == UInt8(ascii: "+") ? nil : value }
    let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
    guard parts[0].utf8.count <= 40, parts.count == 1 || parts[1].utf8.count <= 3 else { return nil }
    let exponent = parts.count == 1 ? 0 : Int(parts[1])
    let mantissa = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let fraction = mantissa.count == 2 ? mantissa[1] : ""
    guard let exponent, mantissa.count == 1 || !fraction.isEmpty,
      fraction.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    var digits = String(mantissa[0] + fraction)
    var shift = exponent - fraction.utf8.count
    while shift < 0, digits.utf8.count > 1, digits.hasSuffix("0") {
      digits.removeLast()
      shift += 1
    }
    guard var value = Int(digits) else { return nil }
    if value == 0 { return 0 }
    guard (0...18).contains(shift) else { return nil }
    for _ in 0..<shift {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
  }
}
