import Base
import Foundation
import Logging
import Testing

@testable import Telemetry

/// docs/health-log.md shows what the program writes, to the letter.
@Suite struct HealthLogDocumentTests {
  let document: [String]

  init() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    document = try String(contentsOf: root.appending(path: "docs/health-log.md"), encoding: .utf8)
      .components(separatedBy: "\n")
  }

  @Test func everyLineOfTextIsTrue() {
    let start = moment
    let written =
      [
        text(Examples.down, start),
        text(Examples.up, start + .milliseconds(41_127)),
        text(Examples.firstUp, start + .milliseconds(-65_119)),
      ] + (Examples.causes + Examples.conversations).map { text($0, start) } + [
        text(Examples.lost, start),
        text(Examples.stillUp, start + .milliseconds(-1253)),
        text(Examples.stillDown, start + .milliseconds(4747)),
        text(Examples.flapping, start),
        text(Examples.stillFlapping, start + .seconds(60)),
        text(Examples.stopped, start + .milliseconds(124_881)),
        text(Examples.held, start),
        text(Examples.released, start + .milliseconds(124_881)),
        text(Examples.ejected, start),
        text(Examples.spared, start),
        text(Examples.returned, start + .milliseconds(63_881)),
        text(Examples.unresolved, start),
      ]
    #expect(block("log") == written)
  }

  @Test func everyLineOfJSONIsTrue() {
    #expect(
      block("json") == [
        json(Examples.down, moment),
        json(Examples.up, moment + .milliseconds(41_127)),
        json(Examples.flapping, moment),
        json(Examples.stillFlapping, moment + .seconds(60)),
        json(Examples.stopped, moment + .milliseconds(124_881)),
        json(Examples.held, moment),
        json(Examples.released, moment + .milliseconds(124_881)),
        json(Examples.ejected, moment),
        json(Examples.spared, moment),
        json(Examples.returned, moment + .milliseconds(63_881)),
        json(Examples.unresolved, moment),
        json(Examples.stillUp, moment + .milliseconds(-1253)),
      ])
  }

  @Test(arguments: ["health", "flapping", "damping", "ejection", "unresolved", "check"])
  func theTableNamesTheKeysInTheirOrder(event: String) throws {
    let example = try #require(block("json").first { $0.contains("\"event\":\"\(event)\"") })
    let keys = try topLevelKeys(example)
    let section = document.drop { $0 != "### `\(event)`" }.dropFirst().prefix { !$0.hasPrefix("#") }
    let documented = section.filter { $0.hasPrefix("| `") }.flatMap { row in
      row.split(separator: "|")[0].split(separator: "`").map(String.init).filter { $0.contains(/^[a-z_]+$/) }
    }
    #expect(documented == keys)
  }

  /// The lines of all fenced blocks of a language.
  private func block(_ language: String) -> [String] {
    var lines: [String] = []
    var isInside = false
    for line in document {
      if line.hasPrefix("```") {
        isInside = line == "```" + language
      } else if isInside {
        lines.append(line)
      }
    }
    return lines
  }

  private func text(_ event: some LoggedEvent, _ time: WallTime) -> String {
    String(line(at: time) { $0.log(event) }.dropLast())
  }

  private func json(_ event: some LoggedEvent, _ time: WallTime) -> String {
    String(line(.json, at: time) { $0.log(event) }.dropLast())
  }

  /// The keys in the order of the text, which a parsed dictionary would not keep.
  private func topLevelKeys(_ text: String) throws -> [String] {
    let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    return object.keys.sorted { left, right in
      text.range(of: "\"\(left)\":")!.lowerBound < text.range(of: "\"\(right)\":")!.lowerBound
    }
  }
}

private func + (time: WallTime, duration: Duration) -> WallTime {
  WallTime(nanosecondsSinceEpoch: time.nanosecondsSinceEpoch + duration.nanoseconds)
}
