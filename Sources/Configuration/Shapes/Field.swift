/// One key of an object: its name, where its value goes, what it looks like, and what it means to an operator.
struct Field<Root: Sendable>: Sendable {
  let key: String
  let isRequired: Bool
  /// False after an error that left no value.
  let read: @Sendable (_ json: JSONValue, _ root: inout Root, _ reading: Reading) -> Bool
  let schema: @Sendable (_ start: Root, _ definitions: SchemaDefinitions) -> JSONValue
  let write: @Sendable (Root) -> JSONValue?

  /// A key that may be left out: the value that `property` has at the start is then its value.
  init<Value>(
    _ key: String, _ property: WritableKeyPath<Root, Value> & Sendable, _ shape: Shape<Value>, _ meaning: String
  ) {
    self.init(key, property, shape, meaning, isRequired: false)
  }

  /// A key that must be there.
  static func required<Value>(
    _ key: String, _ property: WritableKeyPath<Root, Value> & Sendable, _ shape: Shape<Value>, _ meaning: String
  ) -> Field {
    Field(key, property, shape, meaning, isRequired: true)
  }

  private init<Value>(
    _ key: String, _ property: WritableKeyPath<Root, Value> & Sendable, _ shape: Shape<Value>, _ meaning: String,
    isRequired: Bool
  ) {
    self.key = key
    self.isRequired = isRequired
    read = { json, root, reading in
      guard let value = shape.read(json, root[keyPath: property], reading) else { return false }
      root[keyPath: property] = value
      return true
    }
    schema = { start, definitions in
      shape.schema(isRequired ? nil : start[keyPath: property], definitions).describing(meaning)
    }
    write = { root in shape.write(root[keyPath: property]) }
  }

  private init(
    key: String, isRequired: Bool,
    read: @escaping @Sendable (JSONValue, inout Root, Reading) -> Bool,
    schema: @escaping @Sendable (Root, SchemaDefinitions) -> JSONValue,
    write: @escaping @Sendable (Root) -> JSONValue?
  ) {
    self.key = key
    self.isRequired = isRequired
    self.read = read
    self.schema = schema
    self.write = write
  }

  /// A key that must be there: an object of named values, each of which begins as `start` (what it inherits).
  static func named<Element>(
    _ key: String, _ property: WritableKeyPath<Root, [Element]> & Sendable, _ shape: Shape<Element>,
    name: WritableKeyPath<Element, String> & Sendable, noun: String,
    startingFrom start: (@Sendable (Root) -> Element)? = nil, _ meaning: String
  ) -> Field {
    Field(
      key: key, isRequired: true,
      read: { json, root, reading in
        guard let members = Shape<[Element]>.members(json, reading) else { return false }
        if members.isEmpty { reading.fail(at: json.location, "at least one \(noun) expected") }
        let start = start?(root)
        root[keyPath: property] = members.compactMap { member in
          Name.check(member, reading)
          return reading.inside(member) {
            var element = shape.read(member.value, start, reading)
            element?[keyPath: name] = member.key
            return element
          }
        }
        return true
      },
      schema: { _, definitions in
        let node: JSONValue = [
          "type": "object", "minProperties": 1, "propertyNames": ["pattern": .string(Name.pattern)],
          "additionalProperties": shape.schema(nil, definitions),
        ]
        return node.describing(meaning)
      },
      write: { _ in nil })
  }

  /// A key whose value the program has no use for.
  static func ignored(_ key: String, _ meaning: String) -> Field {
    let shape = Shape<String>.text(longest: 4096)
    return Field(
      key: key, isRequired: false,
      read: { json, _, reading in shape.read(json, nil, reading) != nil },
      schema: { _, definitions in shape.schema(nil, definitions).describing(meaning) },
      write: { _ in nil })
  }
}
