import Foundation
import Testing

/// docs/conformance.md names tests and messages; those that it names are there.
@Suite struct ConformanceDocumentTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

  private static func document() throws -> String {
    try String(
      contentsOf: folder.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "docs/conformance.md"), encoding: .utf8)
  }

  private static func rows(_ text: String) -> [[String]] {
    text.split(separator: "\n")
      .filter { $0.hasPrefix("|") && !$0.hasPrefix("|---") && !$0.hasPrefix("| section") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
  }

  /// What stands between backquotes.
  private static func references(_ cell: String) -> [String] {
    cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  /// The functions of each suite, as `Suite.function`, of the targets that test HTTP and TLS.
  private static func tests() throws -> Set<String> {
    var tests: Set<String> = []
    for target in ["HTTPCoreTests", "HTTPProxyTests", "TCPProxyTests", "TLSTests", "EndToEndTests"] {
      let folder = folder.deletingLastPathComponent().appending(path: target)
      for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      where file.pathExtension == "swift" {
        var suite = ""
        var isSuite = false
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
          // What it is may stand on a line of its own before it, or go without saying.
          isSuite = isSuite || line.contains("@Suite") || line.hasPrefix("struct ")
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
    let rows = Self.rows(try Self.document())
    #expect(rows.count > 110)
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

  /// Where each RFC says MUST, SHALL or REQUIRED.
  private static let demanding = [
    "RFC 9112": """
    2.2 2.3 3 3.2 3.2.1 3.2.2 3.2.3 3.2.4 4 5.1 5.2 6.1 6.2 6.3 7.1 7.1.1 7.1.2 7.3 7.4 8 9.2 9.3 9.3.2 9.6 9.7 9.8 \
    10.1
    """,
    "RFC 9110": """
    2.2 2.3 2.4 3.3 4.2.1 4.2.2 4.2.4 4.3.4 5.1 5.3 5.4 5.5 5.6.1.1 5.6.1.2 5.6.3 5.6.4 5.6.7 6 6.2 6.5.1 6.5.2 \
    6.6.1 7.1 7.2 7.4 7.6 7.6.1 7.6.2 7.6.3 7.7 7.8 8.3.3 8.4 8.6 8.7 8.8.2.1 8.8.3 9.1 9.2.1 9.2.2 9.3.2 9.3.4 \
    9.3.6 9.3.7 9.3.8 10.1.1 10.1.3 10.1.4 10.1.5 10.2.1 10.2.2 11.2 11.5 11.6.1 11.6.2 11.7.1 12.4.2 12.5.3 12.5.4 \
    12.5.5 13.1.1 13.1.2 13.1.3 13.1.4 13.1.5 13.2.1 13.2.2 14.1.2 14.2 14.3 14.4 15 15.2 15.2.2 15.3.6 15.3.7 \
    15.3.7.1 15.3.7.2 15.3.7.3 15.4.5 15.4.8 15.5.2 15.5.6 15.5.8 15.5.20 15.5.22 16.1.1 16.2.1 16.3.1 16.4.1 16.4.2 \
    16.5.1 16.6.1 16.7
    """,
  ]

  @Test(arguments: demanding.sorted { $0.key < $1.key })
  func everySectionThatDemandsIsListedOrLeftOut(_ title: String, _ sections: String) throws {
    let parts = try Self.document().components(separatedBy: "\n## ")
    let listed = Set(
      Self.rows(try #require(parts.first { $0.hasPrefix(title) })).flatMap { $0[0].components(separatedBy: ", ") })
    let leftOut = try #require(parts.first { $0.hasPrefix("Left out") })
      .matches(of: /\d+(?:\.\d+)*/).map { String($0.output) }
    for section in sections.split(separator: " ").map(String.init) {
      #expect(
        listed.contains(section) || leftOut.contains { section == $0 || section.hasPrefix($0 + ".") }, "\(section)")
    }
  }

  @Test func whatIsNotThereIsNoticed() throws {
    let tests = try Self.tests()
    #expect(tests.contains("ConformanceDocumentTests.whatIsNotThereIsNoticed"))
    #expect(!tests.contains("ConformanceDocumentTests.whatIsNotThere"))
    #expect(tests.contains("HTTPCorpus.requestsArePassedOnOrRefused"))
    #expect(tests.contains("HTTPCompressionTests.leavesAlone"))
    #expect(!tests.contains("HTTPCompressionTests.requestsArePassedOnOrRefused"))
    #expect(tests.contains("ForwardedAddressTests.longChainsAreBounded"))
  }
}
