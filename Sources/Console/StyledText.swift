/// One line of a terminal: pieces of text and what they look like.
package struct StyledText: Equatable, Sendable {
  package enum Look: Equatable, Sendable {
    case plain, bold, dim, good, warning, bad, heading, selected
  }

  package struct Piece: Equatable, Sendable {
    package var text: String
    package var look: Look
  }

  package private(set) var pieces: [Piece] = []

  package init(_ text: String = "", _ look: Look = .plain) { append(text, look) }

  package mutating func append(_ text: String, _ look: Look = .plain) {
    if !text.isEmpty { pieces.append(Piece(text: text, look: look)) }
  }

  package mutating func append(_ other: StyledText) { pieces += other.pieces }

  /// Without its looks.
  package var text: String { pieces.map(\.text).joined() }

  package var width: Int { DisplayWidth.of(text) }

  /// What fits, all of it in one look where that is given.
  package func fitted(to columns: Int, look: Look? = nil) -> StyledText {
    var result = StyledText()
    var left = columns
    for piece in pieces {
      let text = DisplayWidth.cut(piece.text, to: left)
      result.append(text, look ?? piece.look)
      left -= DisplayWidth.of(text)
      if left <= 0 || text != piece.text { break }
    }
    return result
  }

  /// Without blanks at its end.
  package var trimmed: StyledText {
    var result = self
    while let last = result.pieces.last {
      result.pieces.removeLast()
      var text = last.text
      while text.last == " " { text.removeLast() }
      if text.isEmpty { continue }
      result.append(text, last.look)
      break
    }
    return result
  }

  /// With blanks up to so many columns, in a look of their own.
  package func padded(to columns: Int, look: Look = .plain) -> StyledText {
    var result = self
    result.append(String(repeating: " ", count: max(0, columns - width)), look)
    return result
  }
}

/// What a terminal can show.
package struct TerminalStyle: Equatable, Sendable {
  /// Looks by SGR (ECMA-48, 8.3.117).
  package var hasLooks: Bool
  /// Colours among them.
  package var hasColours: Bool
  /// Characters beyond ASCII.
  package var hasUnicode: Bool

  package init(hasLooks: Bool, hasColours: Bool, hasUnicode: Bool) {
    self.hasLooks = hasLooks
    self.hasColours = hasColours
    self.hasUnicode = hasUnicode
  }

  /// By the conventions of the environment: `TERM` (dumb has no looks), `NO_COLOR` (https://no-color.org), and the character set
  /// that locale(7) says.
  package init(isTerminal: Bool, environment: (String) -> String?) {
    let terminal = environment("TERM") ?? ""
    let wantsNone = environment("NO_COLOR").map { !$0.isEmpty } ?? false
    hasLooks = isTerminal && !terminal.isEmpty && terminal != "dumb"
    hasColours = hasLooks && !wantsNone
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(environment).first { !$0.isEmpty } ?? ""
    let name = locale.lowercased()
    hasUnicode = name.contains("utf-8") || name.contains("utf8")
  }

  /// A line as it is written.
  package func render(_ line: StyledText) -> String {
    var text = ""
    for piece in line.pieces {
      let shown = hasUnicode ? piece.text : Self.ascii(piece.text)
      if hasLooks, let code = code(piece.look) {
        text += "\u{1B}[\(code)m\(shown)\u{1B}[0m"
      } else {
        text += shown
      }
    }
    return text
  }

  private func code(_ look: StyledText.Look) -> String? {
    switch look {
    case .plain: nil
    case .bold: "1"
    case .dim: "2"
    case .good: hasColours ? "32" : nil
    case .warning: hasColours ? "33" : nil
    case .bad: hasColours ? "1;31" : "1"
    case .heading, .selected: "7"
    }
  }

  /// In as many columns.
  private static func ascii(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    var result = ""
    for character in text {
      switch character {
      case _ where character.isASCII: result.append(character)
      case "…": result += "~"
      case "↑", "▲": result += "^"
      case "↓", "▼": result += "v"
      case "→": result += ">"
      case "·": result += "-"
      default: result += String(repeating: "?", count: DisplayWidth.of(character))
      }
    }
    return result
  }
}
