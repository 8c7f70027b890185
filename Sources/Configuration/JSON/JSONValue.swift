/// A place in a text: lines and characters (Unicode scalars), both counted from 1.
public struct Location: Comparable, Hashable, Sendable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  public static let start = Location(line: 1, column: 1)

  public static func < (left: Location, right: Location) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A JSON value (RFC 8259) that knows where it stands. Objects keep their order and their duplicates; numbers keep
/// their text, so that nothing is lost before somebody says what the number is for.
package struct JSONValue: Sendable {
  package enum Kind: Sendable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])
  }

  package struct Member: Sendable {
    package var key: String
    package var location: Location
    package var value: JSONValue
  }

  package var kind: Kind
  package var location: Location

  package init(_ kind: Kind, at location: Location = .start) {
    self.kind = kind
    self.location = location
  }

  /// The value of the first member with this key, if this is an object that has one.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let members) = kind else { return nil }
    return members.first { $0.key == key }?.value
  }
}

/// Literals make a schema or an expected document readable in code.
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self.init(.string(value)) }
  package init(booleanLiteral value: Bool) { self.init(.boolean(value)) }
  package init(integerLiteral value: Int) { self.init(.number("\(value)")) }
  package init(arrayLiteral elements: JSONValue...) { self.init(.array(elements)) }

  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(.object(elements.map { Member(key: $0.0, location: .start, value: $0.1) }))
  }

  package static func string(_ text: String) -> JSONValue { JSONValue(.string(text)) }
  package static func integer(_ number: Int) -> JSONValue { JSONValue(.number("\(number)")) }
  package static func array(_ elements: [JSONValue]) -> JSONValue { JSONValue(.array(elements)) }

  package static func object(_ members: [(String, JSONValue)]) -> JSONValue {
    JSONValue(.object(members.map { Member(key: $0.0, location: .start, value: $0.1) }))
  }

  /// This object with further members; anything else stays as it is.
  package func adding(_ key: String, _ value: JSONValue?) -> JSONValue {
    guard case .object(var members) = kind, let value else { return self }
    members.append(Member(key: key, location: .start, value: value))
    return JSONValue(.object(members), at: location)
  }
}
