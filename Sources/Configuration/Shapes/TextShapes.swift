func didYouMean(_ word: String) -> String { "did you mean \(word.quoted)?" }

/// `"a", "b" or "c"`
func alternatives(_ words: [String]) -> String {
  guard let last = words.last, words.count > 1 else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or " + last
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
        guard let text = scalar.text else { throw .unexpected() }
        if Name.isSegment(text) { throw .sentence(Name.segment(text)) }
        guard Name.isValid(text) else { throw .unexpected() }
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
