extension Shape {
  /// Looks at each value that was read without a mistake, for what only several of its keys together tell.
  func checking(_ body: @escaping @Sendable (Value, JSONValue, Reading) -> Void) -> Shape {
    let shape = self
    return Shape(
      expected: expected,
      read: { json, start, reading in
        let mistakes = reading.errors.count
        guard let value = shape.read(json, start, reading) else { return nil }
        if reading.errors.count == mistakes { body(value, json, reading) }
        return value
      },
      schema: schema,
      write: write)
  }
}

extension Shape where Value == String {
  /// Text of at least one character (Unicode scalar) and at most `longest`.
  static func someText(longest: Int) -> Shape {
    .scalar(
      "a text of 1 to \(longest) characters",
      ["type": "string", "minLength": 1, "maxLength": .integer(longest)],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, (1...longest).contains(text.unicodeScalars.count) else { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  /// What exec(3) takes: anything without a NUL.
  fileprivate static var argument: Shape {
    .scalar(
      "a text of at most 4096 characters without NUL", ["type": "string", "pattern": "^[^\\u0000]{0,4096}$"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, text.unicodeScalars.count <= 4096, !text.utf8.contains(0) else {
          throw .unexpected()
        }
        return text
      },
      write: { .string($0) })
  }
}

extension Shape where Value == [String] {
  private static var mostArguments: Int { 64 }

  /// A program and its arguments. A program with a slash in its path starts from the folder of the configuration file,
  /// any other is looked for in PATH.
  static var command: Shape {
    let arguments = Shape.array("argument", of: Shape<String>.argument)
    return Shape(
      expected: arguments.expected,
      read: { json, start, reading in
        guard var command = arguments.read(json, start, reading), let program = command.first else { return nil }
        if command.count > mostArguments {
          reading.fail(at: json.location, "at most \(mostArguments) arguments expected, found \(command.count)")
          return nil
        }
        if program.isEmpty {
          reading.fail(at: json.location, "the first text is the program: it cannot be empty")
          return nil
        }
        if program.utf8.contains(UInt8(ascii: "/")) { command[0] = reading.resolve(program) }
        return command
      },
      schema: { start, definitions in
        arguments.schema(start, definitions).adding("maxItems", .integer(mostArguments))
      },
      write: arguments.write)
  }
}
