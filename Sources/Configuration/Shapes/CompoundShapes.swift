// MARK: Objects

extension Shape {
  /// An object with these keys and no others. `initial` has the defaults; `definition` names the object in the JSON
  /// Schema, where it may be used more than once. One of the keys of `needed` has to be there, best the first, and of
  /// those of `exactlyOne` one and no more.
  static func object(
    _ initial: Value, definition: String? = nil, oneOf needed: [String] = [], exactlyOne: [String] = [],
    _ fields: [Field<Value>]
  ) -> Shape {
    Shape(
      expected: "an object",
      read: { json, start, reading in
        guard let members = members(json, reading) else { return nil }
        var value = start ?? initial
        var isWhole = true
        for member in members where !fields.contains(where: { $0.key == member.key }) && !reading.isFull {
          unknown(member, fields.map(\.key), reading)
        }
        // The order of the fields, not of the file: what is inherited is read before its heirs.
        for field in fields {
          if let member = members.first(where: { $0.key == field.key }) {
            let isRead = reading.inside(member) { field.read(member.value, &value, reading) }
            if field.isRequired, !isRead { isWhole = false }
          } else if field.isRequired {
            reading.fail(at: json.location, "\(field.key.quoted) is missing")
            isWhole = false
          }
        }
        if let first = needed.first, !members.contains(where: { needed.contains($0.key) }) {
          reading.fail(at: json.location, "\(first.quoted) is missing")
          isWhole = false
        }
        let ones = members.filter { exactlyOne.contains($0.key) }
        if ones.isEmpty, !exactlyOne.isEmpty {
          reading.fail(at: json.location, "\(alternatives(exactlyOne.map(\.quoted))) is missing")
          isWhole = false
        }
        for member in ones.dropFirst() {
          reading.inside(member) {
            reading.fail(at: member.location, "stands beside \(ones[0].key.quoted): only one of them can be")
          }
        }
        return isWhole ? value : nil
      },
      schema: { start, definitions in
        let start = start ?? initial
        func make() -> JSONValue {
          func having(_ keys: [String]) -> JSONValue? {
            keys.isEmpty ? nil : .array(keys.map { .object([("required", .array([.string($0)]))]) })
          }
          return node(fields, start, definitions).adding("anyOf", having(needed)).adding("oneOf", having(exactlyOne))
        }
        return definition.map { definitions.reference($0, make) } ?? make()
      },
      write: { value in
        .object(fields.compactMap { field in field.write(value).map { (field.key, $0) } })
      })
  }

  private static func node(
    _ fields: [Field<Value>], _ start: Value, _ definitions: SchemaDefinitions
  ) -> JSONValue {
    let required = fields.filter(\.isRequired)
    return JSONValue.object([
      ("type", "object"),
      ("properties", .object(fields.map { ($0.key, $0.schema(start, definitions)) })),
    ])
    .adding("required", required.isEmpty ? nil : .array(required.map { .string($0.key) }))
    .adding("additionalProperties", false)
  }

  /// The members of an object, without the second and later ones of a key, which are errors.
  static func members(_ json: JSONValue, _ reading: Reading) -> [JSONValue.Member]? {
    guard case .object(let members) = json.kind else {
      reading.fail(at: json.location, "an object expected, found \(json.summary)")
      return nil
    }
    var first: [String: Location] = [:]
    return members.filter { member in
      guard let earlier = first[member.key] else {
        first[member.key] = member.location
        return true
      }
      reading.inside(member) {
        reading.fail(at: member.location, "this key stands here twice, first at \(earlier.line):\(earlier.column)")
      }
      return false
    }
  }

  private static func unknown(_ member: JSONValue.Member, _ known: [String], _ reading: Reading) {
    let near = Suggestions.nearest(to: member.key, among: known)
    reading.fail(
      at: member.location, "unknown key \(member.key.quoted)" + (near.map { " (\(didYouMean($0)))" } ?? ""))
  }
}

// MARK: Many of one kind

extension Shape {
  /// An array of at least one element, unless it may be empty. `check` sees those that were read well, each with its
  /// index, and judges what only all of them tell.
  static func array<Element>(
    _ noun: String, of shape: Shape<Element>, mayBeEmpty: Bool = false,
    check: @escaping @Sendable ([(index: Int, json: JSONValue, value: Element)], Reading) -> Void = { _, _ in }
  ) -> Shape where Value == [Element] {
    Shape(
      expected: "an array",
      read: { json, _, reading in
        guard case .array(let elements) = json.kind else {
          reading.fail(at: json.location, "an array expected, found \(json.summary)")
          return nil
        }
        if elements.isEmpty, !mayBeEmpty { reading.fail(at: json.location, "at least one \(noun) expected") }
        let values = elements.enumerated().compactMap { index, json in
          reading.inside(index) { shape.read(json, nil, reading) }.map { (index: index, json: json, value: $0) }
        }
        check(values, reading)
        return values.map(\.value)
      },
      schema: { start, definitions in
        JSONValue.object([("type", "array")])
          .adding("minItems", mayBeEmpty ? nil : 1)
          .adding("items", shape.schema(nil, definitions))
          .adding("default", mayBeEmpty ? start.map { .array($0.compactMap(shape.write)) } : nil)
      },
      write: { values in .array(values.compactMap(shape.write)) })
  }

  /// One value, or an array of them.
  static func oneOrMore<Element>(_ noun: String, of shape: Shape<Element>) -> Shape where Value == [Element] {
    let many = Shape.array(noun, of: shape)
    return Shape(
      expected: "\(shape.expected) or an array of them",
      read: { json, start, reading in
        if case .array = json.kind { return many.read(json, start, reading) }
        return shape.read(json, nil, reading).map { [$0] }
      },
      schema: { _, definitions in
        .anyOf([shape.schema(nil, definitions), many.schema(nil, definitions)])
      },
      write: many.write)
  }

  /// Texts with names: at most `most`, of at most `longest` characters each.
  static func texts(atMost most: Int, longest: Int) -> Shape where Value == [String: String] {
    let shape = Shape<String>.text(longest: longest)
    return Shape(
      expected: "an object of texts",
      read: { json, _, reading in
        guard let members = members(json, reading) else { return nil }
        if members.count > most { reading.fail(at: json.location, "at most \(most) expected, found \(members.count)") }
        var texts: [String: String] = [:]
        for member in members {
          Name.check(member, reading)
          texts[member.key] = reading.inside(member) { shape.read(member.value, nil, reading) }
        }
        return texts
      },
      schema: { _, definitions in
        [
          "type": "object", "maxProperties": .integer(most), "propertyNames": ["pattern": .string(Name.pattern)],
          "additionalProperties": shape.schema(nil, definitions),
        ]
      },
      write: { texts in
        .object(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
      })
  }
}

// MARK: Either

extension Shape {
  /// A short form (a text) or an object; `expected` says both.
  static func either(_ text: Shape, or object: Shape, _ expected: String) -> Shape {
    Shape(
      expected: expected,
      read: { json, start, reading in
        switch json.kind {
        case .object: return object.read(json, start, reading)
        case .string: return text.read(json, start, reading)
        default:
          reading.fail(at: json.location, "\(expected) expected, found \(json.summary)")
          return nil
        }
      },
      schema: { start, definitions in
        JSONValue.anyOf([text.schema(nil, definitions), object.schema(start, definitions)])
          .adding("default", start.flatMap(text.write))
      },
      write: { text.write($0) ?? object.write($0) })
  }
}
