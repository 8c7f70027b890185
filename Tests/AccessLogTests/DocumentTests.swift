import Foundation
import Testing

@testable import AccessLog

/// docs/access-log.md shows what is written.
struct DocumentTests {
  private let document = try! String(
    contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/access-log.md"), encoding: .utf8)

  @Test(arguments: [AccessFormat.text, .json, .combined])
  func itsLinesAreReal(_ format: AccessFormat) {
    #expect(document.contains("```\n" + Example.ordinary().line(format) + "```\n"))
  }

  @Test(arguments: AccessEnding.allCases)
  func everyEndingIsExplained(_ ending: AccessEnding) {
    #expect(document.contains("`\(ending.name)`"))
  }
}
