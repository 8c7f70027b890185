import Configuration

/// A validator for the part of JSON Schema (draft 2020-12) that the program's schema is written in. It refuses a
/// keyword that it does not know, so that none is taken for checked.
struct SchemaValidator {
  struct UnknownKeyword: Error { let keyword: String }

  let schema: JSONValue
  private let patterns: [String: Regex<AnyRegexOutput>]

  init(_ schema: JSONValue) throws {
    self.schema = schema
    var patterns: [String: Regex<AnyRegexOutput>] = [:]
    try Self.collectPatterns(schema, &patterns)
    self.patterns = patterns
  }

  private static func collectPatterns(_ node: JSONValue, _ patterns: inout [String: Regex<AnyRegexOutput>]) throws {
    switch node.kind {
    case .object(let members):
      for member in members {
        if member.key == "pattern", case .string(let text) = member.value.kind {
          patterns[text] = try Regex(text).matchingSemantics(.unicodeScalar)
        }
        try collectPatterns(member.value, &patterns)
      }
    case .array(let elements): for element in elements { try collectPatterns(element, &patterns) }
    default: break
    }
  }

  func accepts(_ value: JSONValue) throws -> Bool { try accepts(value, schema) }

  private func accepts(_ value: JSONValue, _ node: JSONValue) throws -> Bool {
    switch node.kind {
    case .boolean(let verdict): return verdict
    case .object(let keywords):
      for keyword in keywords {
        guard try satisfies(value, keyword.key, keyword.value, in: node) else { return false }
      }
      return true
    default: throw UnknownKeyword(keyword: node.text)
    }
  }

  private func satisfies(
    _ value: JSONValue, _ keyword: String, _ argument: JSONValue, in node: JSONValue
  ) throws -> Bool {
    switch keyword {
    case "$schema", "$defs", "title", "description", "default": return true
    case "$ref": return try accepts(value, resolve(argument.string!))
    case "anyOf": return try argument.elements!.contains { try accepts(value, $0) }
    case "oneOf": return try argument.elements!.filter { try accepts(value, $0) }.count == 1
    case "enum": return argument.elements!.contains { $0.text == value.text }
    case "const": return argument.text == value.text
    case "type": return value.hasType(argument.string!)
    case "minimum": return try value.number.map { try $0 >= bound(argument) } ?? true
    case "maximum": return try value.number.map { try $0 <= bound(argument) } ?? true
    case "pattern": return value.string.map { $0.contains(patterns[argument.string!]!) } ?? true
    case "maxLength": return try value.string.map { try $0.unicodeScalars.count <= Int(bound(argument)) } ?? true
    case "minLength": return try value.string.map { try $0.unicodeScalars.count >= Int(bound(argument)) } ?? true
    case "maxItems": return try value.elements.map { try $0.count <= Int(bound(argument)) } ?? true
    case "minItems": return try value.elements.map { try $0.count >= Int(bound(argument)) } ?? true
    case "items": return try value.elements?.allSatisfy { try accepts($0, argument) } ?? true
    case "minProperties": return try value.members.map { try $0.count >= Int(bound(argument)) } ?? true
    case "maxProperties": return try value.members.map { try $0.count <= Int(bound(argument)) } ?? true
    case "propertyNames": return try value.members?.allSatisfy { try accepts(.string($0.key), argument) } ?? true
    case "required": return argument.elements!.allSatisfy { key in value.members == nil || value[key.string!] != nil }
    case "properties":
      return try value.members?.allSatisfy { member in
        try argument[member.key].map { try accepts(member.value, $0) } ?? true
      } ?? true
    case "additionalProperties":
      return try value.members?.allSatisfy { member in
        try node["properties"]?[member.key] != nil || accepts(member.value, argument)
      } ?? true
    default: throw UnknownKeyword(keyword: keyword)
    }
  }

  private func resolve(_ reference: String) throws -> JSONValue {
    guard reference.hasPrefix("#/$defs/"), let node = schema["$defs"]?[String(reference.dropFirst(8))] else {
      throw UnknownKeyword(keyword: reference)
    }
    return node
  }

  private func bound(_ argument: JSONValue) throws -> Double {
    guard let number = argument.number else { throw UnknownKeyword(keyword: argument.text) }
    return number
  }
}

extension JSONValue {
  var string: String? { if case .string(let text) = kind { text } else { nil } }
  var elements: [JSONValue]? { if case .array(let elements) = kind { elements } else { nil } }
  var members: [Member]? { if case .object(let members) = kind { members } else { nil } }
  var number: Double? { if case .number(let text) = kind { Double(text) } else { nil } }

  fileprivate func hasType(_ name: String) -> Bool {
    switch (name, kind) {
    case ("null", .null), ("boolean", .boolean), ("string", .string), ("array", .array), ("object", .object),
      ("number", .number):
      true
    case ("integer", .number): number.map { $0 == $0.rounded() } ?? false
    default: false
    }
  }
}
