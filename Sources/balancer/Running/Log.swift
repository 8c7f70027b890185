import Base
import Configuration
import Logging
import Reactor
import Telemetry

/// The log as the program uses it: loggers by component, one writer, settings that a reload may change.
struct Log: Sendable {
  private let writer: LogWriter
  private let output: LogOutput

  /// - Parameter tap: hears what happens to backends and pools: the lines of the health log.
  init(
    _ configuration: LogConfiguration, tap: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(LogFileError) {
    let writer = try LogWriter(file: configuration.file)
    self.writer = writer
    output = LogOutput(
      level: configuration.level.level, format: configuration.format.format,
      clock: { WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds) },
      tap: LogOutput.Tap(component: "health", level: .info, hear: tap), sink: { writer.write($0) })
  }

  /// - Parameter component: the word that its lines carry, such as `health`.
  func logger(_ component: String) -> Logger { output.logger(component) }

  /// Changes to the settings of a reload; when the new file cannot be opened, nothing has changed.
  func apply(_ new: LogConfiguration, former: LogConfiguration) throws(LogFileError) {
    if new.file != former.file { try writer.move(to: new.file) }
    output.level = new.level.level
    output.format = new.format.format
  }

  func reopen() { writer.reopen() }
  func finish() { writer.finish() }
}

extension LogConfiguration.Level {
  var level: Logger.Level {
    switch self {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    case .critical: .critical
    }
  }
}

extension LogConfiguration.Format {
  var format: LogOutput.Format {
    switch self {
    case .text: .text
    case .json: .json
    }
  }
}
