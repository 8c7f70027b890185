/// The schema of balancer.json (JSON Schema, draft 2020-12), made from the same tables that the program reads with.
public enum JSONSchema {
  /// As `balancer schema` prints it; ends with a newline.
  public static var text: String { document.text + "\n" }

  package static var document: JSONValue {
    let definitions = SchemaDefinitions()
    let root = Draft.shape.schema(nil, definitions)
    guard case .object(let members) = root.kind else { return root }
    return .object(
      [
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("title", "balancer.json"),
        ("description", "The configuration of balancer. Comments and trailing commas are allowed."),
      ] + members.map { ($0.key, $0.value) } + [("$defs", definitions.node)])
  }
}

/// The parts of a schema that have a name: each stands there once, however often it is used.
final class SchemaDefinitions {
  private var nodes: [String: JSONValue] = [:]

  var node: JSONValue { .object(nodes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }

  func reference(_ name: String, _ node: () -> JSONValue) -> JSONValue {
    if nodes[name] == nil { nodes[name] = node() }
    return ["$ref": .string("#/$defs/\(name)")]
  }

  /// A text with a `${NAME}`, which only the program can fill in.
  var environment: JSONValue {
    reference("environment") {
      [
        "description": "A text that is filled in from the environment: ${NAME} or ${NAME:-fallback}.",
        "type": "string", "pattern": .string(Template.pattern),
      ]
    }
  }
}

extension JSONValue {
  /// One of these nodes; an alternative that is nothing but alternatives becomes several.
  static func anyOf(_ nodes: [JSONValue]) -> JSONValue {
    var alternatives: [JSONValue] = []
    for node in nodes {
      if case .object(let members) = node.kind, members.count == 1, members[0].key == "anyOf",
        case .array(let inner) = members[0].value.kind
      {
        alternatives += inner
      } else {
        alternatives.append(node)
      }
    }
    return ["anyOf": .array(alternatives)]
  }

  /// With an explanation for editors, which comes first.
  func describing(_ meaning: String) -> JSONValue {
    guard case .object(let members) = kind else { return self }
    return JSONValue(.object([Member(key: "description", location: .start, value: .string(meaning))] + members))
  }
}
