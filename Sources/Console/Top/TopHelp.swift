/// What the keys of `top` do, for a screen of 24 lines.
enum TopHelp {
  private static let keys = [
    ("up down PgUp PgDn", "choose a row; also k j, g and G for the first and the last"),
    ("s S, right left", "sort by the next column, the one before"),
    ("r", "the other way round"),
    ("/", "filter: all of the words in name, state, labels or address; Enter ends it"),
    ("Esc", "show all again"),
    ("Tab", "backends, pools, listeners"),
    ("d", "drain the chosen backend: no new sessions, the open ones stay"),
    ("x", "disable it: like drain, without checks, sessions as onRemove says"),
    ("e", "enable it: takes back both"),
    ("Space, + -", "ask now; ask more often, less often"),
    ("q, Ctrl-C", "quit"),
  ]

  private static let columns = [
    "CONN50 CONN99  time of a connect: half, 99% were faster. BYTE99: to the first byte",
    "               of a response. LAST50: length of sessions. All of the last minute.",
    "IN/S OUT/S     bytes from clients and to them, in 1024s. WEIGHT 3*: not the file's.",
    "Rates are of the last ten seconds. docs/command-line.md has the rest.",
  ]

  static func lines(columns width: Int) -> [StyledText] {
    var lines = [StyledText("balancer top: keys and columns (any key goes back)", .bold), StyledText()]
    for (key, text) in keys {
      var line = StyledText("  " + key + String(repeating: " ", count: max(2, 20 - key.count)), .bold)
      line.append(text)
      lines.append(line)
    }
    lines.append(StyledText())
    return lines + columns.map { StyledText($0) }
  }
}
