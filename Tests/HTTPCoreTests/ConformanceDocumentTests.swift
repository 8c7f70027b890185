import Foundation
import Testing

/// docs/conformance.md names tests and messages; those that it names are there.
@Suite struct ConformanceDocumentTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

  private static func rows() throws -> [[String]] {
    let document = folder.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "docs/conformance.md")
    return try String(contentsOf: document, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("|") && !$0.hasPrefix("|---") && !$0.hasPrefix("| section") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
  }

  /// What stands between backquotes.
  private static func references(_ cell: String) -> [String] {
    cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  /// The functions of each suite, as `Suite.function`, of the targets that test HTTP.
  private static func tests() throws -> Set<String> {
    var tests: Set<String> = []
    for target in ["HTTPCoreTests", "TCPProxyTests", "EndToEndTests"] {
      let folder = folder.deletingLastPathComponent().appending(path: target)
      for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      where file.pathExtension == "swift" {
        var suite = ""
        var isSuite = false
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
          // What it is may stand on a line of its own before it.
          isSuite = isSuite || line.contains("@Suite")
          if isSuite, let name = line.firstMatch(of: /struct (\w+)/)?.1 {
            suite = String(name)
            isSuite = false
          }
          if let name = line.firstMatch(of: /^ +(?:@Test.* )?func (\w+)\(/)?.1 { tests.insert("\(suite).\(name)") }
        }
      }
    }
    return tests
  }

  @Test func everyDemandNamesTestsThatExist() throws {
    let tests = try Self.tests()
    let corpus = [
      "requests": CorpusEntry.requests, "responses": CorpusEntry.responses, "chunked": CorpusEntry.chunked,
      "paths": CorpusEntry.paths,
    ].mapValues { Set($0.map(\.name)) }
    let rows = try Self.rows()
    #expect(rows.count > 70)
    for row in rows {
      guard row.count == 3 else {
        Issue.record("not three columns: \(row)")
        continue
      }
      let references = Self.references(row[2])
      #expect(!references.isEmpty, "nothing shows: \(row[0]) \(row[1])")
      for reference in references {
        if let colon = reference.firstRange(of: ": ") {
          let names = corpus[String(reference[..<colon.lowerBound])]
          #expect(names?.contains(String(reference[colon.upperBound...])) == true, "\(reference)")
        } else {
          #expect(tests.contains(reference), "\(reference)")
        }
      }
    }
  }

  @Test func whatIsNotThereIsNoticed() throws {
    let tests = try Self.tests()
    #expect(tests.contains("ConformanceDocumentTests.whatIsNotThereIsNoticed"))
    #expect(!tests.contains("ConformanceDocumentTests.whatIsNotThere"))
    #expect(tests.contains("HTTPCorpus.requestsArePassedOnOrRefused"))
    #expect(tests.contains("HTTPCompressionTests.leavesAlone"))
    #expect(!tests.contains("HTTPCompressionTests.requestsArePassedOnOrRefused"))
  }
}
