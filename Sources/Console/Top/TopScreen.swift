/// `top`'s picture: a function of what it knows and the window's size, to exactly as many lines as the window has, none wider.
package enum TopScreen {
  /// Lines that are no rows of the list, where there is room for all of them.
  private static let frame = 7

  /// Rows of the list that a window has room for.
  package static func page(rows: Int) -> Int { max(1, rows - frame) }

  /// - Parameter address: of the server, for when it does not answer.
  package static func lines(_ model: TopModel, columns: Int, rows: Int, address: String) -> [StyledText] {
    let (columns, rows) = (max(1, columns), max(1, rows))
    var lines =
      model.mode == .help ? TopHelp.lines(columns: columns) : picture(model, columns, rows, address)
    lines = Array(lines.prefix(rows)).map { $0.fitted(to: columns) }
    return lines + Array(repeating: StyledText(), count: rows - lines.count)
  }

  /// As long as it takes, for what is no screen.
  package static func printed(_ model: TopModel, columns: Int, address: String) -> [StyledText] {
    Array(picture(model, columns, model.rows.count + frame, address).dropLast(2))
  }

  private static func picture(_ model: TopModel, _ columns: Int, _ rows: Int, _ address: String) -> [StyledText] {
    guard let status = model.status else {
      return [
        StyledText("balancer top", .bold), StyledText(),
        model.fault.map { StyledText("\(address) does not answer: \($0)", .bad) } ?? StyledText("asking \(address) …"),
      ]
    }
    let list = model.rows
    let place = model.selection(in: list)
    let bottom = [details(list, place), prompt(model, list, place, columns)]
    // A window that is too low for everything keeps the list's title and a row, and what is asked.
    let top = [summary(status), traffic(status), health(status), news(model, address)]
    let room = max(0, rows - bottom.count - 2)
    var lines = Array(top.prefix(room))
    let table = table(model, list)
    let layout = table.layout(width: columns)
    lines.append(
      StyledText(table.heading(layout).text, .heading).fitted(to: columns).padded(to: columns, look: .heading))
    let page = max(0, rows - lines.count - bottom.count)
    let offset = max(0, min((place ?? 0) - page / 2, list.count - page))
    for index in offset..<min(list.count, offset + page) {
      let line = table.line(index, layout)
      lines.append(
        index == place ? line.fitted(to: columns, look: .selected).padded(to: columns, look: .selected) : line)
    }
    if list.isEmpty {
      lines.append(StyledText(model.filter.isEmpty ? "nothing there" : "nothing matches the filter", .dim))
    }
    lines = Array(lines.prefix(max(0, rows - bottom.count)))
    lines += Array(repeating: StyledText(), count: max(0, rows - lines.count - bottom.count))
    return rows == 1 ? [bottom[1]] : lines + bottom
  }

  // MARK: Above the list

  private static func summary(_ status: Status) -> StyledText {
    var line = StyledText("balancer \(status.version)", .bold)
    line.append(" \(status.state)", status.state == "running" ? .plain : .bad)
    line.append(
      " for \(Figures.age(status.uptime)), process \(status.process), \(Figures.count(status.workers, "worker"))")
    line.append(", \(status.connections)" + (status.connectionLimit.map { "/\($0)" } ?? "") + " connections")
    return line
  }

  private static func traffic(_ status: Status) -> StyledText {
    func sum(_ figure: (Rates) -> Double) -> Double { status.listeners.reduce(0) { $0 + figure($1.rates) } }
    var line = StyledText("sessions \(Figures.rate(sum(\.sessions)))/s")
    if status.listeners.contains(where: { $0.mode == "http" }) {
      line.append(", requests \(Figures.rate(sum(\.requests)))/s")
    }
    let errors = sum(\.errors)
    line.append(", ")
    line.append("errors \(Figures.rate(errors))/s", errors > 0 ? .warning : .plain)
    line.append(", in \(Figures.bytes(sum(\.bytesIn)))/s, out \(Figures.bytes(sum(\.bytesOut)))/s")
    return line
  }

  /// `pools: 2 up, 1 degraded; backends: 10 up, 1 down`, the worst first.
  private static func health(_ status: Status) -> StyledText {
    var line = StyledText("pools: ")
    line.append(count(status.pools.map(\.state)))
    line.append("; backends: ")
    line.append(count(status.backends.map(\.state)))
    return line
  }

  private static func count(_ states: [String]) -> StyledText {
    var counts: [(state: String, count: Int)] = []
    for state in states {
      if let index = counts.firstIndex(where: { $0.state == state }) {
        counts[index].count += 1
      } else {
        counts.append((state, 1))
      }
    }
    counts.sort {
      let (left, right) = (Condition(state: $0.state), Condition(state: $1.state))
      return left == right ? $0.state < $1.state : left > right
    }
    var line = StyledText(counts.isEmpty ? "none" : "")
    for (index, entry) in counts.enumerated() {
      line.append(index == 0 ? "" : ", ")
      let condition = Condition(state: entry.state)
      line.append("\(entry.count) \(entry.state)", condition == .good ? .plain : condition.look)
    }
    return line
  }

  /// The one thing that has to be known most.
  private static func news(_ model: TopModel, _ address: String) -> StyledText {
    if let fault = model.fault {
      return StyledText("\(address) does not answer: \(fault); what is shown is old, trying again", .bad)
    }
    if let notice = model.notice { return notice }
    if let status = model.status, let reload = status.lastReload, reload.result == "refused" {
      return StyledText("the last reload was refused: \(reload.errors.first ?? "see the log")", .bad)
    }
    return StyledText()
  }

  // MARK: The list

  private static func table(_ model: TopModel, _ list: [TopRow]) -> Table {
    let shown = TopColumn.allCases.filter { column in
      switch (model.subject, column) {
      case (.pools, .since), (.pools, .connect50), (.pools, .connect99), (.pools, .firstByte99), (.pools, .session50),
        (.pools, .weight), (.pools, .changes), (.listeners, .since), (.listeners, .connect50), (.listeners, .connect99),
        (.listeners, .firstByte99), (.listeners, .weight), (.listeners, .changes):
        false
      default: true
      }
    }
    var table = Table(
      shown.map { column in
        var title = column == .name ? name(model.subject) : column.title
        if column == model.column { title += model.isReversed ? "▲" : "▼" }
        // What is sorted by is shown, however little room there is.
        let rank = column == model.column ? 0 : column.rank
        return Table.Column(title, isRight: column.isRight, rank: rank, least: column == .name ? 16 : nil)
      })
    for row in list { table.add(shown.map { $0.cell(row) }) }
    return table
  }

  private static func name(_ subject: TopSubject) -> String {
    switch subject {
    case .backends: "BACKEND"
    case .pools: "POOL"
    case .listeners: "LISTENER"
    }
  }

  // MARK: Below the list

  private static func details(_ list: [TopRow], _ place: Int?) -> StyledText {
    guard let place else { return StyledText() }
    let row = list[place]
    var line = StyledText("\(row.name): ", .bold)
    line.append(row.details)
    return line
  }

  private static func prompt(_ model: TopModel, _ list: [TopRow], _ place: Int?, _ columns: Int) -> StyledText {
    switch model.mode {
    case .filter:
      // The end is what is being typed.
      return StyledText("filter: " + DisplayWidth.cutFront(model.filter, to: max(1, columns - 9)) + "_", .bold)
    case .confirm(let action, let name):
      let open = list.first { $0.name == name }?.sessions ?? 0
      return StyledText(question(action, name, open), .bold)
    case .list, .help:
      if !model.filter.isEmpty {
        return StyledText("filter: \(model.filter) (\(list.count) shown; Esc shows all) ? help", .bold)
      }
      let next = name(model.subject.next).lowercased()
      return StyledText("q quit  s sort  r reverse  / filter  Tab \(next)s  d drain  e enable  ? help", .dim)
    }
  }

  private static func question(_ action: TopModel.Action, _ name: String, _ open: Int) -> String {
    switch action {
    case .drain: "Drain \(name)? No new sessions; \(open) open stay. y/n"
    case .enable: "Enable \(name) again? y/n"
    case .disable: "Disable \(name)? No sessions, no checks; \(open) open. y/n"
    }
  }
}
