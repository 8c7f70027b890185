import Testing

@testable import Console

@Suite struct TopTests {
  private func model(_ keys: String = "", _ more: [Key] = []) throws -> TopModel {
    var model = TopModel()
    model.take(try Answers.usual())
    for key in keys { _ = model.press(.character(key), page: 10) }
    for key in more { _ = model.press(key, page: 10) }
    return model
  }

  private func screen(_ model: TopModel, _ columns: Int = 80, _ rows: Int = 24) -> [String] {
    TopScreen.lines(model, columns: columns, rows: rows, address: "127.0.0.1:9900").map(\.text)
  }

  private func names(_ model: TopModel) -> [String] { model.rows.map(\.name) }

  // MARK: The picture

  @Test func eightyByTwentyFour() throws {
    let lines = screen(try model())
    #expect(lines.count == 24)
    #expect(lines[0] == "balancer 0.1.0 running for 1h, process 4711, 2 workers, 12/10000 connections")
    #expect(lines[1] == "sessions 1.5/s, requests 340/s, errors 0/s, in 1/s, out 2/s")
    #expect(lines[2] == "pools: 1 degraded, 1 up; backends: 1 down, 1 drained, 2 up")
    #expect(lines[4].hasPrefix("BACKEND  STATE▼"))
    #expect(lines[4].count == 80)
    for title in ["SINCE", "SESS", "SESS/S", "ERR/S", "CONN99"] { #expect(lines[4].contains(title)) }
    // The worst first, and chosen.
    #expect(lines[5].hasPrefix("web/b    down"))
    #expect(lines[6].hasPrefix("mail/m   drained"))
    #expect(lines[22] == "web/b: connection refused (ECONNREFUSED); 10.0.0.1:80")
    #expect(lines[23] == "q quit  s sort  r reverse  / filter  Tab pools  d drain  e enable  ? help")
  }

  @Test func aWideWindowHasMoreColumns() throws {
    let heading = screen(try model(), 200, 50)[4]
    for column in TopColumn.allCases where column != .name { #expect(heading.contains(column.title), "\(column)") }
  }

  @Test func theHelpFits() throws {
    let lines = screen(try model("?"))
    #expect(lines.allSatisfy { !$0.contains("…") })
    #expect(lines.contains { $0.contains("WEIGHT 3*") })
  }

  /// Many sizes, with every mode: as many lines as there are, none too wide.
  @Test(arguments: [1, 2, 3, 7, 20, 39, 40, 79, 80, 81, 120, 133, 300], [1, 2, 3, 4, 5, 8, 10, 24, 25, 40, 100])
  func everySizeIsFilledAndNoneIsLeft(columns: Int, rows: Int) throws {
    var models = [
      TopModel(), try model(), try model("?"), try model("/we"), try model("d"), try model("/nothing", [.enter]),
    ]
    models.append(try model("", [.tab]))
    models.append(try model("", [.tab, .tab]))
    var lost = try model()
    lost.lose("connection refused (ECONNREFUSED)")
    models.append(lost)
    for model in models {
      let lines = TopScreen.lines(model, columns: columns, rows: rows, address: "unix:/run/balancer.sock")
      #expect(lines.count == rows)
      #expect(lines.allSatisfy { $0.width <= columns })
    }
  }

  @Test func theChosenRowIsAlwaysOnTheScreen() throws {
    let backends = (0..<200).map { Answers.backend("b\($0)") }
    var model = TopModel()
    model.take(try Answers.read(Answers.status([Answers.pool("web", backends)])))
    for step in 0..<60 {
      let rows = model.rows
      let chosen = rows[try #require(model.selection(in: rows))].name
      let lines = TopScreen.lines(model, columns: 80, rows: 24, address: "")
      let selected = lines.first { $0.pieces.contains { $0.look == .selected } }
      #expect(selected?.text.hasPrefix("\(chosen) ") == true, "\(chosen)")
      _ = model.press(step % 7 == 6 ? .pageDown : step % 11 == 3 ? .up : .down, page: TopScreen.page(rows: 24))
    }
    _ = model.press(.end, page: 17)
    #expect(model.selection(in: model.rows) == 199)
    _ = model.press(.home, page: 17)
    #expect(model.selection(in: model.rows) == 0)
  }

  @Test func whatIsLostIsSaid() throws {
    var model = try model()
    model.lose("connection refused (ECONNREFUSED)")
    #expect(screen(model)[3].hasPrefix("127.0.0.1:9900 does not answer: connection refused (ECONNREFUSED)"))
    model.take(try Answers.usual())
    #expect(screen(model)[3] == "")
  }

  @Test func poolsAndListenersHaveTheirLists() throws {
    #expect(names(try model("", [.tab])) == ["web", "mail"])
    #expect(screen(try model("", [.tab]))[4].hasPrefix("POOL  STATE▼"))
    #expect(names(try model("", [.tab, .tab])) == ["web"])
    #expect(screen(try model("", [.tab, .tab]))[4].hasPrefix("LISTENER"))
    #expect(try model("", [.tab, .tab, .tab]).subject == .backends)
  }

  // MARK: Sorting and filtering

  @Test func everyColumnSorts() throws {
    #expect(names(try model()) == ["web/b", "mail/m", "web/a", "web/c"])
    var model = try model()
    var seen: [TopColumn: [String]] = [:]
    for _ in TopColumn.allCases {
      seen[model.column] = names(model)
      _ = model.press(.character("s"), page: 10)
    }
    #expect(model.column == .state)
    #expect(seen[.name] == ["mail/m", "web/a", "web/b", "web/c"])
    #expect(seen[.sessions] == ["web/c", "web/a", "mail/m", "web/b"])
    #expect(seen[.sessionRate] == ["web/a", "web/c", "web/b", "mail/m"])
    #expect(seen[.errorRate]?.first == "web/b")
    #expect(seen[.connect50]?.prefix(2) == ["web/c", "web/a"])
    #expect(seen[.since]?.first == "web/b")
  }

  @Test func theOtherWayRound() throws {
    let rows = TopRow.all(try Answers.usual(), .backends)
    #expect(TopColumn.sessions.sorted(rows, isReversed: true).map(\.sessions) == [0, 1, 4, 8])
    // Equal ones stay in the order of the file.
    #expect(
      TopColumn.changes.sorted(rows, isReversed: true).map(\.name)
        == TopColumn.changes.sorted(rows, isReversed: false).map(\.name))
  }

  @Test func aFilterIsTypedAndTakenBack() throws {
    #expect(names(try model("/web/b")) == ["web/b"])
    #expect(names(try model("/web up")) == ["web/a", "web/c"])
    #expect(names(try model("/EAST")) == ["web/a"])
    var model = try model("/web/b", [.enter])
    #expect(model.mode == .list && names(model) == ["web/b"])
    #expect(screen(model)[23].hasPrefix("filter: web/b (1 shown"))
    _ = model.press(.escape, page: 10)
    #expect(names(model).count == 4)
    // While typing, Esc takes back what was typed.
    model = try self.model("/web", [.enter])
    for key in "/zzz" { _ = model.press(.character(key), page: 10) }
    #expect(names(model) == [])
    _ = model.press(.escape, page: 10)
    #expect(model.filter == "web")
    #expect(try self.model("/abc", [.backspace, .backspace]).filter == "a")
    #expect(try self.model("/ab cd", [.control("w")]).filter == "ab ")
    #expect(try self.model("/ab cd", [.control("u")]).filter == "")
    // q is a letter there.
    #expect(try self.model("/q").filter == "q")
  }

  @Test func theChoiceStaysOnItsRow() throws {
    var model = try model("", [.down, .down])
    #expect(model.rows[try #require(model.selection(in: model.rows))].name == "web/a")
    _ = model.press(.character("s"), page: 10)
    #expect(model.rows[try #require(model.selection(in: model.rows))].name == "web/a")
    for key in "/down" { _ = model.press(.character(key), page: 10) }
    #expect(model.selection(in: model.rows) == 0)
  }

  // MARK: Actions

  @Test func anActionIsDoneOnlyAfterAYes() throws {
    var model = try model("", [.down, .down])
    #expect(model.press(.character("d"), page: 10) == nil)
    #expect(screen(model)[23] == "Drain web/a? No new sessions; 4 open stay. y/n")
    #expect(model.press(.character("y"), page: 10) == .act(.drain, "web/a"))
    #expect(model.mode == .list)
    _ = model.press(.character("d"), page: 10)
    #expect(model.press(.enter, page: 10) == nil)
    #expect(model.notice?.text == "nothing done")
    _ = model.press(.character("e"), page: 10)
    #expect(model.press(.character("Y"), page: 10) == .act(.enable, "web/a"))
    _ = model.press(.character("x"), page: 10)
    #expect(model.press(.character("y"), page: 10) == .act(.disable, "web/a"))
  }

  /// The question is about one backend, whatever becomes of the list meanwhile.
  @Test func anActionIsForTheOneThatWasAskedAbout() throws {
    var model = try model("", [.down])
    _ = model.press(.character("d"), page: 10)
    model.take(try Answers.read(Answers.status([Answers.pool("web", [Answers.backend("a")])])))
    #expect(model.press(.character("y"), page: 10) == .act(.drain, "mail/m"))
  }

  @Test func onlyBackendsAreDrained() throws {
    var model = try model("", [.tab])
    #expect(model.press(.character("d"), page: 10) == nil)
    #expect(model.mode == .list && model.notice != nil)
    model = TopModel()
    #expect(model.press(.character("d"), page: 10) == nil)
    #expect(model.mode == .list)
  }

  @Test func endings() throws {
    var model = try model()
    #expect(model.press(.character("q"), page: 10) == .quit)
    #expect(model.press(.control("c"), page: 10) == .quit)
    _ = model.press(.character("?"), page: 10)
    #expect(model.press(.character("x"), page: 10) == nil)
    #expect(model.mode == .list)
    _ = model.press(.character("/"), page: 10)
    #expect(model.press(.control("c"), page: 10) == .quit)
  }

  @Test func howOftenItAsksHasEnds() throws {
    var model = try model("++++++++")
    #expect(model.interval == 250)
    for _ in 0..<20 { _ = model.press(.character("-"), page: 10) }
    #expect(model.interval == 10_000)
  }

  @Test func anyKeysAreBorne() throws {
    var random = SystemRandomNumberGenerator()
    let keys: [Key] =
      "qhjkgGsSrdexyn/?+- <>ab".map { .character($0) } + [
        .up, .down, .left, .right, .home, .end, .pageUp, .pageDown, .tab, .enter, .escape, .backspace, .unknown,
      ]
    var model = try model()
    let statuses = [try Answers.usual(), try Answers.read(Answers.status([])), Status()]
    for step in 0..<5000 {
      _ = model.press(keys.randomElement(using: &random)!, page: 5)
      if step % 10 == 0 { model.take(statuses.randomElement(using: &random)!) }
      let lines = TopScreen.lines(model, columns: 60, rows: 12, address: "a")
      #expect(lines.count == 12)
    }
  }
}
