import Configuration
import Foundation
import Testing

/// docs/configuration.md says what the program does.
@Suite struct DocumentationTests {
  static let text = try! String(
    contentsOf: Example.root.appending(path: "docs/configuration.md"), encoding: .utf8)

  @Test func everyTableIsThereAsTheSchemaHasIt() {
    for table in ReferenceTable.all {
      #expect(Self.text.contains(table.text), "the table of \(table.title) should be:\n\(table.text)")
    }
  }

  /// An example is a whole file, or keys of its top level.
  @Test func everyExampleIsRead() throws {
    let tls = try String(contentsOf: Example.root.appending(path: "docs/tls.md"), encoding: .utf8)
    let blocks = [Self.text, tls].flatMap { text in
      text.components(separatedBy: "```jsonc\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }
    #expect(blocks.count >= 16)
    for block in blocks {
      let isWhole = block.hasPrefix("{") || block.hasPrefix("//")
      let text = isWhole ? block : "{\n\(block)}"
      var document = try JSONParser.parse(Array(text.utf8))
      if !isWhole {
        if document["listeners"] == nil {
          document = document.adding("listeners", ["web": ["listen": ":8080", "pool": "web"]])
        }
        if document["pools"] == nil { document = document.adding("pools", ["web": ["backends": ["127.0.0.1:9001"]]]) }
      }
      #expect(errors(document.text, environment: ["PORT": "80", "BACKEND": "h"]) == [], "\(block)")
    }
  }

  /// The errors that it shows are the errors that come.
  @Test func theErrorsItShowsAreReal() throws {
    let parts = Self.text.components(separatedBy: "<!-- errors -->")
    try #require(parts.count == 3)
    let blocks = parts[1].components(separatedBy: "```")
    let file = try #require(blocks.first { $0.hasPrefix("json\n") }).dropFirst(5)
    let shown = try #require(blocks.first { $0.hasPrefix("text\n") }).dropFirst(5)
    #expect(errors(String(file)).joined(separator: "\n") + "\n" == shown)
  }

  @Test func theProjectsOwnFileIsRead() throws {
    let configuration = try read(JSONSchemaTests.ownFile)
    #expect(configuration.listeners.map(\.listen) == [[.any(port: 8080)]])
    #expect(configuration.pools[0].backends.map(\.name) == ["127.0.0.1:9001", "127.0.0.1:9002", "127.0.0.1:9003"])
    #expect(ConfigurationAdvice(configuration, workers: 2, descriptors: 1024).warnings.isEmpty)
  }
}
