import AccessLog
import Configuration
import Logging
import TCPProxy

/// The access log at work, beside what the file says of it.
struct RunningAccessLog {
  private(set) var writer: AccessLogWriter?
  private var share = 1.0
  private let workers: Int
  private let logger: Logger

  /// - Throws: when the file cannot be opened.
  init(_ configuration: AccessLogConfiguration?, workers: Int, logger: Logger) throws(AccessLogError) {
    self.workers = workers
    self.logger = logger
    try apply(configuration)
  }

  /// Changes to the settings of a reload; when the new file cannot be opened, nothing has changed.
  /// - Returns: a log that is no longer wanted, to be finished once the workers know.
  @discardableResult
  mutating func apply(_ configuration: AccessLogConfiguration?) throws(AccessLogError) -> AccessLogWriter? {
    guard let configuration else {
      defer { writer = nil }
      return writer
    }
    let settings = AccessLogWriter.Settings(configuration)
    if let writer {
      try writer.apply(settings)
    } else {
      writer = try AccessLogWriter(settings, workers: workers) { [logger] in logger.warning("\($0)") }
    }
    share = configuration.sample
    return nil
  }

  func hand(to group: WorkerGroup) { group.logAccess(to: writer, share: share) }
  func reopen() { writer?.reopen() }
  func finish() { writer?.finish() }
}

extension AccessLogWriter.Settings {
  fileprivate init(_ access: AccessLogConfiguration) {
    let destination: Destination =
      switch access.target {
      case .standardOutput: .standardOutput
      case .file(let path): .file(path)
      }
    let format: AccessFormat =
      switch access.format {
      case .text: .text
      case .json: .json
      case .combined: .combined
      }
    self.init(destination, format)
  }
}
