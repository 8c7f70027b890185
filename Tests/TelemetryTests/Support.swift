import Base
import Logging
import Synchronization

@testable import Telemetry

/// Keeps the lines that a logger writes.
final class Lines: Sendable {
  private let all = Mutex<[String]>([])

  func append(_ line: String) { all.withLock { $0.append(line) } }

  var texts: [String] { all.withLock { $0 } }
}

/// 2026-11-22T16:31:05.123Z.
let moment = WallTime(nanosecondsSinceEpoch: 1_795_365_065_123_000_000)

/// What `body` logs, line by line.
func lines(
  _ format: LogOutput.Format = .text, level: Logger.Level = .trace, at time: WallTime = moment,
  component: String = "health", _ body: (inout Logger) -> Void
) -> [String] {
  let lines = Lines()
  let output = LogOutput(level: level, format: format, clock: { time }, sink: { lines.append($0) })
  var logger = output.logger(component)
  body(&logger)
  return lines.texts
}

func line(
  _ format: LogOutput.Format = .text, at time: WallTime = moment, _ body: (inout Logger) -> Void
) -> String {
  lines(format, at: time, body).joined()
}
