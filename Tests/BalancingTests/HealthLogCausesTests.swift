import Base
import Foundation
import Testing

@testable import Balancing

/// The causes that docs/health-log.md explains are those that checks give, to the letter.
@Suite struct HealthLogCausesTests {
  @Test func everyCauseIsInTheseWords() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let document = try String(contentsOf: root.appending(path: "docs/health-log.md"), encoding: .utf8)
    let section = document.components(separatedBy: "\n").drop { $0 != "## Causes" }.dropFirst()
      .prefix { !$0.hasPrefix("##") }
    let causes = section.filter { $0.hasPrefix("| `") }.map { $0.components(separatedBy: "`")[1] }
    #expect(causes.count >= 10)
    for cause in causes {
      if let errno = cause.firstMatch(of: /\(([A-Z]+)\)$/)?.1 {
        #expect(ProbeFailure.system(String(errno), took: .zero).cause == cause)
      } else {
        #expect(ProbeFailure.noAnswer(within: .seconds(1), took: .seconds(1)).cause == cause)
      }
    }
  }
}
