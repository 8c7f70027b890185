import Base

// MARK: Numbers and booleans

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

// MARK: Texts

func didYouMean(_ word: String) -> String { "did you mean \(word.quoted)?" }

/// `"a", "b" or "c"`
func alternatives(_ words: [String]) -> String {
  guard let last = words.last, words.count > 1 else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or " + last
}

/// The names of listeners, pools and backends.
enum Name {
  static let pattern = "^[A-Za-z0-9._-]{1,64}$"
  static let expected = "a name of 1 to 64 letters, digits, \".\", \"_\" or \"-\""

  static func check(_ member: JSONValue.Member, _ reading: Reading) {
    if isValid(member.key) { return }
    reading.fail(at: member.location, "\(expected) expected, found \(member.key.quoted)")
  }

  static func isValid(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      }
  }
}

extension Shape where Value == String {
  /// Text of at most `longest` characters (Unicode scalars).
  static func text(longest: Int) -> Shape {
    .scalar(
      "a text of at most \(longest) characters", ["type": "string", "maxLength": .integer(longest)],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, text.unicodeScalars.count <= longest else { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  static var name: Shape {
    .scalar(
      Name.expected, ["type": "string", "pattern": .string(Name.pattern)], definition: "name",
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, Name.isValid(text) else { throw .unexpected() }
        return text
      },
      write: { $0.isEmpty ? nil : .string($0) })
  }

  /// The name of a pool of the same file.
  static var pool: Shape {
    name.noting { name, json, reading in
      reading.poolReferences.append(Reading.Mention(value: name, location: json.location, path: reading.path))
    }
  }

  /// A file, relative to the folder of the configuration file.
  static var file: Shape {
    .scalar(
      "a file's path", ["type": "string", "pattern": "^[^\\u0000]{1,4095}$"], definition: "file",
      read: { scalar, reading throws(Mistake) in
        guard let text = scalar.text, !text.isEmpty, text.utf8.count <= 4095, !text.utf8.contains(0) else {
          throw .unexpected()
        }
        return reading.resolve(text)
      },
      write: { .string($0) })
  }
}

extension Shape where Value: RawRepresentable<String> & CaseIterable {
  /// One of an enumeration's words.
  static var word: Shape {
    let words = Value.allCases.map(\.rawValue)
    return .scalar(
      alternatives(words.map(\.quoted)), ["enum": .array(words.map { .string($0) })],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if let value = Value(rawValue: text) { return value }
        throw .unexpected(hint: Suggestions.nearest(to: text, among: words).map(didYouMean))
      },
      write: { .string($0.rawValue) })
  }
}

extension Shape where Value: Equatable {
  /// Words that stand for values, in a fixed order; `besides` is what may stand there instead of a word.
  static func words(_ words: [(String, Value)], besides: String...) -> Shape {
    let names = words.map(\.0)
    return .scalar(
      alternatives(names.map(\.quoted) + besides), ["enum": .array(names.map { .string($0) })],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if let word = words.first(where: { $0.0 == text }) { return word.1 }
        throw .unexpected(hint: Suggestions.nearest(to: text, among: names).map(didYouMean))
      },
      write: { value in words.first { $0.1 == value }.map { .string($0.0) } })
  }
}

// MARK: Durations

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

// MARK: Addresses

extension Shape where Value == Endpoint {
  /// Where a listener waits.
  static var listenAddress: Shape {
    .address(example: "\":8080\"", pattern: AddressPattern.listen, definition: "listenAddress") { _ throws(Mistake) in }
      .noting { endpoint, json, reading in
        reading.listenAddresses.append(Reading.Mention(value: endpoint, location: json.location, path: reading.path))
      }
  }

  /// Where a backend is.
  static var backendAddress: Shape {
    .address(example: "\"127.0.0.1:8080\"", pattern: AddressPattern.backend, definition: "backendAddress") {
      endpoint throws(Mistake) in
      if case .any(let port) = endpoint {
        throw .described("has no host: write the backend's, for example \"127.0.0.1:\(port)\"")
      }
    }
  }

  private static func address(
    example: String, pattern: String, definition: String,
    check: @escaping @Sendable (Endpoint) throws(Mistake) -> Void
  ) -> Shape {
    .scalar(
      "an address such as \(example)", ["type": "string", "pattern": .string(pattern)], definition: definition,
      read: { scalar, reading throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if text.contains("://") { throw .described("is a URL: write only its host and port, such as \(example)") }
        let endpoint: Endpoint
        do throws(Endpoint.Malformed) {
          endpoint = try Endpoint(parsing: text)
        } catch {
          throw .described(error.description)
        }
        try check(endpoint)
        return try endpoint.resolved(in: reading)
      },
      write: { .string($0.description) })
  }
}

extension Endpoint {
  /// A socket's path, too, starts from the folder of the configuration file.
  fileprivate func resolved(in reading: Reading) throws(Mistake) -> Endpoint {
    guard case .unix(let path) = self else { return self }
    let resolved = reading.resolve(path)
    guard resolved.utf8.count <= Endpoint.longestUnixPath else {
      throw .described(
        "has a path of \(resolved.utf8.count) bytes, \(resolved.quoted); the kernel takes at most "
          + "\(Endpoint.longestUnixPath)")
    }
    return .unix(resolved)
  }
}
