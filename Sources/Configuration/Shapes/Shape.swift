/// What a value of the file looks like: how it is read into a `Value`, and how the JSON Schema says so. The program
/// and the schema cannot disagree, because both come from here.
struct Shape<Value: Sendable>: Sendable {
  /// Completes the sentence "… expected", such as `0…256` or `an object`.
  let expected: String

  /// Reads a value of the file. `start` is what holds where the file is silent: a default, or what is inherited. Returns
  /// nil after an error, which `reading` then has.
  let read: @Sendable (_ json: JSONValue, _ start: Value?, _ reading: Reading) -> Value?

  /// The node of the JSON Schema (draft 2020-12), with `start` as its default where it can be written.
  let schema: @Sendable (_ start: Value?, _ definitions: SchemaDefinitions) -> JSONValue

  /// A value as the file would write it; nil for what can only be left out.
  let write: @Sendable (Value) -> JSONValue?
}

extension Shape {
  /// The same value in another type.
  func map<Other>(
    _ into: @escaping @Sendable (Value) -> Other, _ back: @escaping @Sendable (Other) -> Value
  ) -> Shape<Other> {
    let shape = self
    return Shape<Other>(
      expected: expected,
      read: { json, start, reading in shape.read(json, start.map(back), reading).map(into) },
      schema: { start, definitions in shape.schema(start.map(back), definitions) },
      write: { value in shape.write(back(value)) })
  }

  /// The same, for a key that may be left out and then has no value.
  static func optional<Wrapped>(_ shape: Shape<Wrapped>) -> Shape where Value == Wrapped? {
    Shape(
      expected: shape.expected,
      read: { json, start, reading in shape.read(json, start ?? nil, reading).map { .some($0) } },
      schema: { start, definitions in shape.schema(start ?? nil, definitions) },
      write: { value in value.flatMap(shape.write) })
  }

  /// Looks at each value that was read well, such as to remember it for a check at the end.
  func noting(_ body: @escaping @Sendable (Value, JSONValue, Reading) -> Void) -> Shape {
    let shape = self
    return Shape(
      expected: expected,
      read: { json, start, reading in
        guard let value = shape.read(json, start, reading) else { return nil }
        body(value, json, reading)
        return value
      },
      schema: schema,
      write: write)
  }

  /// The same, written otherwise.
  func writing(_ write: @escaping @Sendable (Value) -> JSONValue?) -> Shape {
    Shape(expected: expected, read: read, schema: schema, write: write)
  }

  /// What looks the same to a schema, and is read and written by others.
  func replacing<Other>(
    read: @escaping @Sendable (_ json: JSONValue, _ start: Other?, _ reading: Reading) -> Other?,
    write: @escaping @Sendable (Other) -> JSONValue?
  ) -> Shape<Other> {
    let shape = self
    return Shape<Other>(
      expected: expected, read: read,
      schema: { start, definitions in shape.schema(nil, definitions).adding("default", start.flatMap(write)) },
      write: write)
  }

  /// Many of a kind, of which none means that the key is not there.
  static func given<Element>(_ shape: Shape) -> Shape where Value == [Element] {
    Shape(
      expected: shape.expected, read: shape.read,
      schema: { _, definitions in shape.schema(nil, definitions) },
      write: { $0.isEmpty ? nil : shape.write($0) })
  }

  /// An object of which only what is not as in `initial` is written: nothing at all where nothing is.
  func sparse(_ initial: Value) -> Shape {
    writing { [write] value in
      guard case .object(let members) = write(value)?.kind else { return nil }
      let plain = write(initial)
      let others = members.filter { $0.value.text != plain?[$0.key]?.text }
      return others.isEmpty ? nil : JSONValue(.object(others))
    }
  }
}
