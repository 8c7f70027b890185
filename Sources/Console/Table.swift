/// Columns that fit a width: the widest give way first, as far as they may, and then the least important go.
package struct Table: Sendable {
  package struct Column: Sendable {
    package var title: String
    package var isRight: Bool
    /// Of two that do not fit, the one with the higher number goes; 0 stays.
    package var rank: Int
    /// It may be cut down to so many columns; nil is never cut.
    package var least: Int?

    package init(_ title: String, isRight: Bool = false, rank: Int = 0, least: Int? = nil) {
      self.title = title
      self.isRight = isRight
      self.rank = rank
      self.least = least
    }
  }

  package typealias Cell = StyledText

  private static let gap = 2

  package let columns: [Column]
  package private(set) var rows: [[Cell]] = []

  package init(_ columns: [Column]) { self.columns = columns }

  package mutating func add(_ cells: [Cell]) {
    precondition(cells.count == columns.count, "a cell for each column")
    rows.append(cells)
  }

  package struct Layout: Equatable, Sendable {
    /// Which columns are shown, and how wide.
    package var widths: [(index: Int, width: Int)]

    package static func == (left: Layout, right: Layout) -> Bool {
      left.widths.elementsEqual(right.widths) { $0 == $1 }
    }
  }

  /// - Parameter width: nil is as wide as it takes.
  package func layout(width: Int?) -> Layout {
    var natural = columns.map { DisplayWidth.of($0.title) }
    for row in rows { for (index, cell) in row.enumerated() { natural[index] = max(natural[index], cell.width) } }
    var shown = Array(columns.indices)
    guard let width else { return Layout(widths: shown.map { ($0, natural[$0]) }) }
    while true {
      if let widths = fit(shown, natural, width) { return Layout(widths: widths) }
      guard let goes = shown.filter({ columns[$0].rank > 0 }).max(by: { columns[$0].rank < columns[$1].rank }) else {
        // What must stay is cut off by whoever draws the line.
        return Layout(widths: shown.map { ($0, columns[$0].least.map { min($0, width) } ?? natural[$0]) })
      }
      shown.removeAll { $0 == goes }
    }
  }

  private func fit(_ shown: [Int], _ natural: [Int], _ width: Int) -> [(index: Int, width: Int)]? {
    var widths = shown.map { natural[$0] }
    var excess = widths.reduce(0, +) + Self.gap * max(0, shown.count - 1) - width
    while excess > 0 {
      let candidates = shown.indices.filter { place in columns[shown[place]].least.map { widths[place] > $0 } ?? false }
      guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return nil }
      widths[widest] -= 1
      excess -= 1
    }
    return Array(zip(shown, widths)).map { (index: $0, width: $1) }
  }

  package func heading(_ layout: Layout, look: StyledText.Look = .bold) -> StyledText {
    line(columns.map { StyledText($0.title, look) }, layout)
  }

  package func line(_ row: Int, _ layout: Layout) -> StyledText { line(rows[row], layout) }

  /// Title and rows; no blanks at the ends.
  package func lines(width: Int?) -> [StyledText] {
    let layout = layout(width: width)
    return [heading(layout)] + rows.indices.map { line($0, layout) }
  }

  private func line(_ cells: [Cell], _ layout: Layout) -> StyledText {
    var line = StyledText()
    for (place, column) in layout.widths.enumerated() {
      let cell = cells[column.index].fitted(to: column.width)
      let blanks = String(repeating: " ", count: max(0, column.width - cell.width))
      if place > 0 { line.append(String(repeating: " ", count: Self.gap)) }
      if columns[column.index].isRight { line.append(blanks) }
      line.append(cell)
      if !columns[column.index].isRight, place < layout.widths.count - 1 { line.append(blanks) }
    }
    return line.trimmed
  }
}
