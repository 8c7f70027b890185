/// A value without parts, with its environment filled in.
struct Scalar {
  enum Kind {
    case text(String)
    case number(String)
    case boolean(Bool)
  }

  let kind: Kind
  /// The text had a `${NAME}`: it may then stand for a number or a boolean, which the environment cannot hold
  /// otherwise.
  let isExpanded: Bool

  var text: String? {
    if case .text(let text) = kind { text } else { nil }
  }

  /// The text of a number, from the file or from the environment.
  var number: String? {
    switch kind {
    case .number(let number): number
    case .text(let text): isExpanded ? text : nil
    case .boolean: nil
    }
  }

  var boolean: Bool? {
    switch kind {
    case .boolean(let value): value
    case .text("true"): isExpanded ? true : nil
    case .text("false"): isExpanded ? false : nil
    default: nil
    }
  }

  /// What a parser makes of the text; its errors finish the sentence "`TEXT` …".
  func parsed<Value, Malformed: Error & CustomStringConvertible>(
    _ parse: (String) throws(Malformed) -> Value
  ) throws(Mistake) -> Value {
    guard let text else { throw .unexpected() }
    do throws(Malformed) {
      return try parse(text)
    } catch {
      throw .described(error.description)
    }
  }

  /// As an error quotes it.
  var quoted: String {
    switch kind {
    case .text(let text): text.quoted
    case .number(let number): number.utf8.count <= 40 ? number : number.prefix(40) + "…"
    case .boolean(let value): "\(value)"
    }
  }
}

/// What is wrong with a value.
enum Mistake: Error {
  /// `… expected, found …`, with a hint in parentheses.
  case unexpected(hint: String? = nil)
  /// Another sentence, which begins with the value: `"8080" has no port: …`.
  case described(String)
  /// A sentence of its own.
  case sentence(String)

  func message(expected: String, found: String) -> String {
    switch self {
    case .unexpected(nil): "\(expected) expected, found \(found)"
    case .unexpected(let hint?): "\(expected) expected, found \(found) (\(hint))"
    case .described(let sentence): "\(found) \(sentence)"
    case .sentence(let sentence): sentence
    }
  }
}

extension Shape {
  /// A value without parts. `keywords` are its node in the JSON Schema, which `definition` names where it is worth a
  /// name; a text with a `${NAME}` is always let through there, because only the program sees the environment.
  static func scalar(
    _ expected: String, _ keywords: JSONValue, definition: String? = nil,
    read: @escaping @Sendable (Scalar, Reading) throws(Mistake) -> Value,
    write: @escaping @Sendable (Value) -> JSONValue?
  ) -> Shape {
    Shape(
      expected: expected,
      read: { json, _, reading in
        let scalar: Scalar
        var source = ""
        switch json.kind {
        case .string(let text):
          guard let expanded = reading.expand(text, at: json.location) else { return nil }
          let isExpanded = Template.isTemplate(text)
          scalar = Scalar(kind: .text(expanded), isExpanded: isExpanded)
          if isExpanded { source = " (from \(text.quoted))" }
        case .number(let number): scalar = Scalar(kind: .number(number), isExpanded: false)
        case .boolean(let value): scalar = Scalar(kind: .boolean(value), isExpanded: false)
        default:
          reading.fail(at: json.location, "\(expected) expected, found \(json.summary)")
          return nil
        }
        do throws(Mistake) {
          return try read(scalar, reading)
        } catch {
          reading.fail(at: json.location, error.message(expected: expected, found: scalar.quoted + source))
        }
        return nil
      },
      schema: { start, definitions in
        let node: JSONValue = .anyOf([keywords, definitions.environment])
        let named = definition.map { definitions.reference($0) { node } } ?? node
        return named.adding("default", start.flatMap(write))
      },
      write: write)
  }
}

extension JSONValue {
  /// As an error says what it found.
  var summary: String {
    switch kind {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .number(let number): Scalar(kind: .number(number), isExpanded: false).quoted
    case .string(let text): text.quoted
    case .array: "an array"
    case .object: "an object"
    }
  }
}
