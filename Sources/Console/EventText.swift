/// What `balancer events` prints of one event.
package enum EventText {
  /// `2026-11-28T00:30:00.000Z warning health web/b DOWN after …`: the line as the log has it. Those of a reload are followed
  /// by what changed, or by the mistakes.
  package static func lines(name: String, _ data: Reply) -> [StyledText] {
    let level = data["level"].safe
    var line = StyledText(data["time"].safe.isEmpty ? "-" : data["time"].safe, .dim)
    line.append(" " + level + String(repeating: " ", count: max(0, 7 - level.count)), look(level))
    let message = data["message"].safe
    line.append(" \(Reply.safe(name)) \(message.isEmpty ? "-" : message)")
    return [line] + (data["changes"].texts + data["errors"].texts).map { StyledText("  \(Reply.safe($0))") }
  }

  private static func look(_ level: String) -> StyledText.Look {
    switch level {
    case "warning": .warning
    case "error", "critical": .bad
    default: .plain
    }
  }
}
