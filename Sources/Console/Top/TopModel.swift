/// What `top` knows and what it does with a key: a value. Keys and statuses in, commands out.
package struct TopModel: Sendable {
  package enum Action: String, Sendable {
    case drain, enable, disable
  }

  package enum Command: Equatable, Sendable {
    case quit
    case refresh
    /// To be asked of the server.
    case act(Action, String)
  }

  package enum Mode: Equatable, Sendable {
    case list, help
    /// What is typed goes into the filter; this is what it was before.
    case filter(former: String)
    case confirm(Action, String)
  }

  /// The fastest and the slowest that is asked for a status, in milliseconds, and what is between.
  package static let intervals = [250, 500, 1000, 2000, 5000, 10_000]
  private static let longestFilter = 100

  package private(set) var mode = Mode.list
  package private(set) var subject = TopSubject.backends
  package private(set) var column = TopColumn.state
  package private(set) var isReversed = false
  package private(set) var filter = ""
  package private(set) var interval = 1000
  package private(set) var status: Status?
  /// What came of the last action, or is to be known else.
  package private(set) var notice: StyledText?
  /// Why there is no newer status.
  package private(set) var fault: String?
  /// The name of the chosen row; nil while nobody has chosen: then it is the first.
  private var chosen: String?
  /// Where it was, for when it is gone.
  private var chosenPlace = 0

  package init() {}

  // MARK: What comes from the server

  package mutating func take(_ status: Status) {
    self.status = status
    fault = nil
    keepPlace()
  }

  package mutating func lose(_ fault: String) { self.fault = fault }

  package mutating func say(_ text: String, _ look: StyledText.Look = .plain) { notice = StyledText(text, look) }

  package mutating func setInterval(_ milliseconds: Int) { interval = milliseconds }

  // MARK: The list

  /// What is listed, in order.
  package var rows: [TopRow] {
    guard let status else { return [] }
    return column.sorted(TopRow.all(status, subject).filter { $0.matches(filter) }, isReversed: isReversed)
  }

  /// The place of the chosen row in `rows`; nil when there is none.
  package func selection(in rows: [TopRow]) -> Int? {
    if rows.isEmpty { return nil }
    guard let chosen else { return 0 }
    return rows.firstIndex { $0.name == chosen } ?? min(chosenPlace, rows.count - 1)
  }

  private mutating func keepPlace() {
    let rows = rows
    guard chosen != nil, let place = selection(in: rows) else { return }
    chosen = rows[place].name
    chosenPlace = place
  }

  private mutating func move(by distance: Int) {
    let rows = rows
    guard let place = selection(in: rows) else { return }
    let (sum, overflow) = place.addingReportingOverflow(distance)
    chosenPlace = overflow ? (distance < 0 ? 0 : rows.count - 1) : min(max(0, sum), rows.count - 1)
    chosen = rows[chosenPlace].name
  }

  // MARK: Keys

  /// - Parameter page: rows of the list that the screen has.
  package mutating func press(_ key: Key, page: Int) -> Command? {
    if key == .control("c") || key == .control("d") { return .quit }
    switch mode {
    case .help:
      mode = .list
      return key == .character("q") ? .quit : nil
    case .filter(let former): edit(key, former)
    case .confirm(let action, let name):
      mode = .list
      if key == .character("y") || key == .character("Y") { return .act(action, name) }
      say("nothing done")
    case .list: return pressInList(key, page)
    }
    return nil
  }

  private mutating func pressInList(_ key: Key, _ page: Int) -> Command? {
    notice = nil
    switch key {
    case .character("q"): return .quit
    case .character("h"), .character("?"): mode = .help
    case .character(" "): return .refresh
    case .up, .character("k"): move(by: -1)
    case .down, .character("j"): move(by: 1)
    case .pageUp, .control("b"): move(by: -max(1, page - 1))
    case .pageDown, .control("f"): move(by: max(1, page - 1))
    case .home, .character("g"): move(by: .min)
    case .end, .character("G"): move(by: .max)
    case .right, .character("s"), .character(">"): sort(by: 1)
    case .left, .character("S"), .character("<"): sort(by: -1)
    case .character("r"): isReversed.toggle()
    case .tab:
      subject = subject.next
      chosen = nil
    case .character("/"): mode = .filter(former: filter)
    case .escape: filter = ""
    case .character("+"): changeInterval(by: -1)
    case .character("-"): changeInterval(by: 1)
    case .character("d"): confirm(.drain)
    case .character("e"): confirm(.enable)
    case .character("x"): confirm(.disable)
    case .control("l"): return .refresh
    default: break
    }
    keepPlace()
    return nil
  }

  private mutating func sort(by step: Int) {
    let all = TopColumn.allCases
    column = all[(all.firstIndex(of: column)! + step + all.count) % all.count]
    isReversed = false
  }

  private mutating func changeInterval(by step: Int) {
    let place = Self.intervals.firstIndex { $0 >= interval } ?? Self.intervals.count - 1
    interval = Self.intervals[min(max(0, place + step), Self.intervals.count - 1)]
    say("every \(Double(interval) / 1000) s")
  }

  private mutating func confirm(_ action: Action) {
    guard subject == .backends else { return say("only backends can be drained: Tab goes to them") }
    let rows = rows
    guard let place = selection(in: rows) else { return say("no backend is chosen") }
    chosen = rows[place].name
    chosenPlace = place
    mode = .confirm(action, rows[place].name)
  }

  private mutating func edit(_ key: Key, _ former: String) {
    switch key {
    case .enter: mode = .list
    case .escape:
      filter = former
      mode = .list
    case .backspace: if !filter.isEmpty { filter.removeLast() }
    case .control("u"): filter = ""
    case .control("w"):
      while filter.last == " " { filter.removeLast() }
      while let last = filter.last, last != " " { filter.removeLast() }
    case .character(let character): if filter.count < Self.longestFilter { filter.append(character) }
    default: break
    }
    keepPlace()
  }
}
