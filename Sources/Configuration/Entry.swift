/// A value with a name that the file's author chose, such as a header field's.
public struct Entry<Value: Equatable & Sendable>: Equatable, Sendable {
  public var name: String
  public var value: Value

  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}

/// What a key of an object with free keys has to be.
struct KeyRule: Sendable {
  /// Completes the sentence "… expected, found …".
  let expected: String
  /// ECMA-262.
  let pattern: String
  let isValid: @Sendable (String) -> Bool
}

extension Shape {
  /// An object whose keys are names, in the order of the file; at most `most`.
  static func entries<Element>(
    of shape: Shape<Element>, atMost most: Int, _ rule: KeyRule,
    check: @escaping @Sendable (JSONValue.Member, Reading) -> Void = { _, _ in }
  ) -> Shape where Value == [Entry<Element>] {
    Shape(
      expected: "an object",
      read: { json, _, reading in
        guard let members = members(json, reading) else { return nil }
        if members.count > most { reading.fail(at: json.location, "at most \(most) expected, found \(members.count)") }
        return members.compactMap { member in
          reading.inside(member) {
            if rule.isValid(member.key) {
              check(member, reading)
            } else {
              reading.fail(at: member.location, "\(rule.expected) expected, found \(member.key.quoted)")
            }
            return shape.read(member.value, nil, reading).map { Entry(member.key, $0) }
          }
        }
      },
      schema: { _, definitions in
        [
          "type": "object", "maxProperties": .integer(most), "propertyNames": ["pattern": .string(rule.pattern)],
          "additionalProperties": shape.schema(nil, definitions),
        ]
      },
      write: { entries in
        entries.isEmpty
          ? nil : .object(entries.compactMap { entry in shape.write(entry.value).map { (entry.name, $0) } })
      })
  }
}
