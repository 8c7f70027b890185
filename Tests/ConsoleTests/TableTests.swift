import Testing

@testable import Console

@Suite struct TableTests {
  private func table() -> Table {
    var table = Table([
      .init("NAME", least: 4), .init("STATE"), .init("NUMBER", isRight: true, rank: 1),
      .init("WORDS", rank: 2, least: 5),
    ])
    table.add([StyledText("web/a"), StyledText("up", .good), StyledText("7"), StyledText("nothing to say")])
    table.add([StyledText("web/backend-2"), StyledText("down", .bad), StyledText("1234567"), StyledText("")])
    return table
  }

  @Test func withoutAWidthNothingIsCut() {
    #expect(
      table().lines(width: nil).map(\.text) == [
        "NAME           STATE   NUMBER  WORDS",
        "web/a          up           7  nothing to say",
        "web/backend-2  down   1234567",
      ])
  }

  @Test func theWidestGivesWayFirst() {
    #expect(table().lines(width: 40)[1].text == "web/a        up           7  nothing to…")
    #expect(table().lines(width: 40)[2].text == "web/backen…  down   1234567")
  }

  @Test func theLeastImportantGo() {
    #expect(
      table().lines(width: 20).map(\.text) == [
        "NAME  STATE   NUMBER", "web…  up           7", "web…  down   1234567",
      ])
    #expect(table().lines(width: 12)[2].text == "web/…  down")
  }

  @Test(arguments: 1...60) func noLineIsWiderThanThere(width: Int) {
    for line in table().lines(width: width).map({ $0.fitted(to: width) }) { #expect(line.width <= width) }
  }

  @Test func looksAreWrittenOnlyWhereTheyCanBe() {
    var line = StyledText("→ ", .bad)
    line.append("web…")
    #expect(TerminalStyle(hasLooks: true, hasUnicode: true).render(line) == "\u{1B}[1;31m→ \u{1B}[0mweb…")
    #expect(TerminalStyle(hasLooks: false, hasUnicode: true).render(line) == "→ web…")
    #expect(TerminalStyle(hasLooks: false, hasUnicode: false).render(line) == "> web~")
    #expect(TerminalStyle(hasLooks: false, hasUnicode: false).render(StyledText("日本é")) == "?????")
  }

  @Test func theEnvironmentSaysWhatATerminalCan() {
    func style(_ variables: [String: String], isTerminal: Bool = true) -> TerminalStyle {
      TerminalStyle(isTerminal: isTerminal) { variables[$0] }
    }
    #expect(style(["TERM": "xterm", "LANG": "de_DE.UTF-8"]) == TerminalStyle(hasLooks: true, hasUnicode: true))
    #expect(
      style(["TERM": "xterm", "LANG": "C.utf8", "LC_ALL": "C"]) == TerminalStyle(hasLooks: true, hasUnicode: false))
    #expect(style(["TERM": "dumb", "LC_CTYPE": "C.UTF-8"]) == TerminalStyle(hasLooks: false, hasUnicode: true))
    #expect(style(["TERM": "xterm", "NO_COLOR": "1"]) == TerminalStyle(hasLooks: false, hasUnicode: false))
    #expect(style(["TERM": "xterm", "NO_COLOR": ""]).hasLooks)
    #expect(!style(["TERM": "xterm"], isTerminal: false).hasLooks)
    #expect(!style([:]).hasLooks)
  }
}
