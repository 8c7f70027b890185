import Configuration
import Telemetry

/// A value of what the admin server answered, and where it stands in it.
///
/// Keys that are not known are passed over. One that is missing, or of another type, is a fault only where nothing can be
/// said without it; everything else has a value that says "nothing".
package struct Reply {
  /// Why an answer cannot be shown, in words that finish the sentence "The answer cannot be read: …".
  package struct Fault: Error, Equatable, CustomStringConvertible {
    package let description: String
  }

  private let value: JSONValue?
  private let path: String

  private init(_ value: JSONValue?, _ path: String) {
    self.value = value
    self.path = path
  }

  /// Reads the body of an answer.
  package init(_ body: [UInt8]) throws(Fault) {
    do {
      self.init(try JSONParser.parse(body), "")
    } catch {
      throw Fault(description: "\(error.location.line):\(error.location.column): \(error.message)")
    }
  }

  package subscript(key: String) -> Reply {
    Reply(value?[key], path.isEmpty ? key : "\(path).\(key)")
  }

  package var isNull: Bool {
    if case .some(let value) = value, case .null = value.kind { return true }
    return value == nil
  }

  /// The members of an array; none for anything else.
  package var elements: [Reply] {
    guard case .array(let elements) = value?.kind else { return [] }
    return elements.enumerated().map { Reply($1, "\(path)[\($0)]") }
  }

  /// The members of an object in their order; none for anything else.
  package var members: [(key: String, value: Reply)] {
    guard case .object(let members) = value?.kind else { return [] }
    return members.map { ($0.key, Reply($0.value, "\(path).\($0.key)")) }
  }

  package var text: String? {
    guard case .string(let text) = value?.kind else { return nil }
    return text
  }

  package var texts: [String] { elements.compactMap(\.text) }

  package var number: Double? {
    guard case .number(let text) = value?.kind, let number = Double(text), number.isFinite else { return nil }
    return number
  }

  package var integer: Int? {
    guard case .number(let text) = value?.kind else { return nil }
    return Int(text) ?? number.map { Int(clamping: $0) }
  }

  package var flag: Bool {
    guard case .boolean(let flag) = value?.kind else { return false }
    return flag
  }

  package func needText() throws(Fault) -> String {
    guard let text else { throw Fault(description: "\(path): a text expected") }
    return text
  }

  package func needElements() throws(Fault) -> [Reply] {
    guard case .array = value?.kind else { throw Fault(description: "\(path): an array expected") }
    return elements
  }

  /// All of it as JSON, laid out for people and safe for terminals.
  package var json: String { value?.text ?? "null" }

  /// An event as one line of JSON: this is its data.
  package func event(id: String, name: String) -> String {
    JSONValue.object([("id", .string(id)), ("event", .string(name)), ("data", value ?? JSONValue(.null))]).line
  }

  /// Sessions of several pages as one answer.
  package static func sessions(_ sessions: [Reply], next: String?) -> Reply {
    Reply(
      .object([
        ("sessions", .array(sessions.compactMap(\.value))), ("next", next.map(JSONValue.string) ?? JSONValue(.null)),
      ]), "")
  }

  /// A text of the server's, fit for a terminal.
  package static func safe(_ text: String) -> String { SafeText.line(text) }
}

extension Int {
  fileprivate init(clamping number: Double) {
    self = number >= Double(Int.max) ? .max : number <= Double(Int.min) ? .min : Int(number)
  }
}
