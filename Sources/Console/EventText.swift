/// What `balancer events` prints of one event.
package enum EventText {
  /// `2026-11-28T00:30:00.000Z warning health web/b DOWN after …`: the line as the log has it.
  package static func line(name: String, _ data: Reply) -> StyledText {
    let level = data["level"].safe
    var line = StyledText(data["time"].safe.isEmpty ? "-" : data["time"].safe, .dim)
    line.append(" " + level + String(repeating: " ", count: max(0, 7 - level.count)), look(level))
    let message = data["message"].safe
    line.append(" \(Self.kind(name)) \(message.isEmpty ? "-" : message)")
    return line
  }

  private static func kind(_ name: String) -> String { name.isEmpty ? "event" : name }

  private static func look(_ level: String) -> StyledText.Look {
    switch level {
    case "warning": .warning
    case "error", "critical": .bad
    default: .plain
    }
  }
}
