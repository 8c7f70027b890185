/// What the keys of `top` do, for a screen of 24 lines.
enum TopHelp {
  private static let keys = [
    ("up down PgUp PgDn", "choose a row; also k and j, g and G for the ends"),
    ("s S, right left", "sort by the next column, by the one before"),
    ("r", "the other way round"),
    ("/", "filter: words of the name, state, labels, address"),
    ("Esc", "show all again"),
    ("Tab", "backends, pools, listeners"),
    ("d", "drain the chosen backend: no new sessions, open ones stay"),
    ("x", "disable it: no checks either; sessions as onRemove says"),
    ("e", "enable it: takes back both"),
    ("Space, + -", "ask now; ask more often, less often"),
    ("q, Ctrl-C", "quit"),
  ]

  private static let columns = [
    "CONN50 CONN99  half and 99% of the connects were faster, in the last minute",
    "BYTE99         the same to a response's first byte; LAST50 length of sessions",
    "IN/S OUT/S     bytes from clients and to them, K is 1024; rates: last 10 s",
    "WEIGHT 3*      not the file's",
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
