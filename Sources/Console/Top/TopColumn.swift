/// What `top` shows of a row, and sorts by.
package enum TopColumn: CaseIterable, Sendable {
  case name, state, since, sessions, sessionRate, requestRate, errorRate, connect50, connect99, firstByte99, session50
  case bytesIn, bytesOut, weight, changes

  package var title: String {
    switch self {
    case .name: "NAME"
    case .state: "STATE"
    case .since: "SINCE"
    case .sessions: "SESS"
    case .sessionRate: "SESS/S"
    case .requestRate: "REQ/S"
    case .errorRate: "ERR/S"
    case .connect50: "CONN50"
    case .connect99: "CONN99"
    case .firstByte99: "BYTE99"
    case .session50: "LAST50"
    case .bytesIn: "IN/S"
    case .bytesOut: "OUT/S"
    case .weight: "WEIGHT"
    case .changes: "CHANGES"
    }
  }

  /// `Table.Column.rank`: the first eight fit 80 columns beside a name of a good length.
  var rank: Int {
    switch self {
    case .name, .state: 0
    case .sessions: 1
    case .errorRate: 2
    case .sessionRate: 3
    case .since: 4
    case .connect99: 5
    case .requestRate: 6
    case .connect50: 7
    case .bytesOut: 8
    case .bytesIn: 9
    case .firstByte99: 10
    case .weight: 11
    case .session50: 12
    case .changes: 13
    }
  }

  var isRight: Bool { self != .name && self != .state }

  func cell(_ row: TopRow) -> StyledText {
    switch self {
    case .name: StyledText(row.name)
    case .state: StyledText(row.state, row.condition.look)
    case .since: StyledText(Figures.age(row.age))
    case .sessions: StyledText("\(row.sessions)")
    case .sessionRate: StyledText(Figures.rate(row.rates.sessions))
    case .requestRate: StyledText(row.hasRequests ? Figures.rate(row.rates.requests) : "-")
    case .errorRate: StatusText.errors(row.rates)
    case .connect50: StyledText(Figures.latency(row.connect?.p50))
    case .connect99: StyledText(Figures.latency(row.connect?.p99))
    case .firstByte99: StyledText(Figures.latency(row.firstByte?.p99))
    case .session50: StyledText(Figures.latency(row.session?.p50))
    case .bytesIn: StyledText(Figures.bytes(row.rates.bytesIn))
    case .bytesOut: StyledText(Figures.bytes(row.rates.bytesOut))
    case .weight: row.weight ?? StyledText("-")
    case .changes: StyledText(row.changes.map { "\($0)" } ?? "-")
    }
  }

  /// What is sorted by: the larger comes first. Names are compared as texts instead.
  private func figure(_ row: TopRow) -> Double {
    switch self {
    case .name: 0
    case .state: Double(row.condition.rawValue)
    // What has changed last comes first.
    case .since: -(row.age ?? .infinity)
    case .sessions: Double(row.sessions)
    case .sessionRate: row.rates.sessions
    case .requestRate: row.rates.requests
    case .errorRate: row.rates.errors
    case .connect50: row.connect?.p50 ?? -1
    case .connect99: row.connect?.p99 ?? -1
    case .firstByte99: row.firstByte?.p99 ?? -1
    case .session50: row.session?.p50 ?? -1
    case .bytesIn: row.rates.bytesIn
    case .bytesOut: row.rates.bytesOut
    case .weight: row.weight.flatMap { Double($0.text.replacing("*", with: "")) } ?? -1
    case .changes: Double(row.changes ?? -1)
    }
  }

  /// The rows in order; equal ones stay in the order of the file, whichever way it goes.
  package func sorted(_ rows: [TopRow], isReversed: Bool) -> [TopRow] {
    rows.enumerated().sorted { left, right in
      let (first, second) = isReversed ? (right, left) : (left, right)
      if self == .name {
        if first.element.name != second.element.name { return first.element.name < second.element.name }
      } else {
        let (one, other) = (figure(first.element), figure(second.element))
        if one != other { return one > other }
      }
      return left.offset < right.offset
    }.map(\.element)
  }
}
