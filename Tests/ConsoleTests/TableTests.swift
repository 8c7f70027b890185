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
    func render(_ line: StyledText, looks: Bool, colours: Bool, unicode: Bool = true) -> String {
      TerminalStyle(hasLooks: looks, hasColours: colours, hasUnicode: unicode).render(line)
    }
    var line = StyledText("→ ", .bad)
    line.append("web…", .good)
    #expect(render(line, looks: true, colours: true) == "\u{1B}[1;31m→ \u{1B}[0m\u{1B}[32mweb…\u{1B}[0m")
    #expect(render(line, looks: true, colours: false) == "\u{1B}[1m→ \u{1B}[0mweb…")
    #expect(render(line, looks: false, colours: false) == "→ web…")
    #expect(render(line, looks: false, colours: false, unicode: false) == "> web~")
    #expect(render(StyledText("日本é"), looks: false, colours: false, unicode: false) == "?????")
  }

  @Test func theEnvironmentSaysWhatATerminalCan() {
    func style(_ variables: [String: String], isTerminal: Bool = true) -> [Bool] {
      let style = TerminalStyle(isTerminal: isTerminal) { variables[$0] }
      return [style.hasLooks, style.hasColours, style.hasUnicode]
    }
    #expect(style(["TERM": "xterm", "LANG": "de_DE.UTF-8"]) == [true, true, true])
    #expect(style(["TERM": "xterm", "LANG": "C.utf8", "LC_ALL": "C"]) == [true, true, false])
    #expect(style(["TERM": "dumb", "LC_CTYPE": "C.UTF-8"]) == [false, false, true])
    // The chosen row is still to be seen.
    #expect(style(["TERM": "xterm", "NO_COLOR": "1"]) == [true, false, false])
    #expect(style(["TERM": "xterm", "NO_COLOR": ""]) == [true, true, false])
    #expect(style(["TERM": "xterm"], isTerminal: false) == [false, false, false])
    #expect(style([:]) == [false, false, false])
  }
}
