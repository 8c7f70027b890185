import ArgumentParser
import Configuration

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Print the JSON Schema of balancer.json.",
    discussion: """
      Example:
        balancer schema > balancer.schema.json
      An editor that reads `"$schema": "./balancer.schema.json"` in the file then completes and checks it.
      """)

  func run() { print(JSONSchema.text, terminator: "") }
}
