/// How many columns of a terminal a text takes (wcwidth(3), UAX 11).
package enum DisplayWidth {
  package static func of(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { $0 + of($1) }
  }

  /// A character is as wide as the widest of its scalars: terminals do not add up what is joined.
  static func of(_ character: Character) -> Int {
    character.unicodeScalars.reduce(0) { max($0, of($1)) }
  }

  static func of(_ scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: break
    }
    if wide.contains(where: { $0.contains(scalar.value) }) || scalar.properties.isEmojiPresentation { return 2 }
    return 1
  }

  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
  ]

  /// The beginning of a text that fits, with a mark where something is cut off.
  package static func cut(_ text: String, to columns: Int) -> String {
    if of(text) <= columns { return text }
    if columns <= 0 { return "" }
    var kept = ""
    var used = 1
    for character in text {
      used += of(character)
      if used > columns { break }
      kept.append(character)
    }
    return kept + "…"
  }

  /// The end of a text that fits: of a name, that often tells more than its beginning.
  package static func cutFront(_ text: String, to columns: Int) -> String {
    if of(text) <= columns { return text }
    if columns <= 0 { return "" }
    return String(cut(String(text.reversed()), to: columns).reversed())
  }

  /// Lines of at most so many columns, broken between words where that can be.
  package static func wrap(_ text: String, to columns: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      var word = String(word)
      if !line.isEmpty, of(line) + 1 + of(word) <= columns {
        line += " " + word
        continue
      }
      if !line.isEmpty { lines.append(line) }
      while columns > 0, of(word) > columns {
        var part = ""
        while let first = word.first, of(part) + of(first) <= columns || part.isEmpty {
          part.append(first)
          word.removeFirst()
        }
        lines.append(part)
      }
      line = word
    }
    return lines + [line]
  }
}
