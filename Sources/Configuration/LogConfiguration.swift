public struct LogConfiguration: Equatable, Sendable {
  public enum Level: String, CaseIterable, Equatable, Sendable {
    case trace, debug, info, notice, warning, error, critical
  }

  public enum Format: String, CaseIterable, Equatable, Sendable {
    case text, json
  }

  public var level: Level = .info
  public var format: Format = .text
  /// An absolute path, or nil for standard error.
  public var file: String?

  public init() {}
}
