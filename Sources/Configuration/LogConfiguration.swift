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
  /// One line for each request; nil is off.
  public var access: AccessLogConfiguration?

  public init() {}

  static let shape = Shape<Self>.object(
    Self(),
    [
      Field("level", \.level, .word, "The least important level that is logged."),
      Field("format", \.format, .word, "text for people, json for programs: one object a line."),
      Field(
        "file", \.file, .optional(.file),
        "The file to append to, relative to this file's folder; opened anew on SIGUSR1. Default: standard error."),
      Field(
        "access", \.access,
        .either(
          .words([("off", nil)], besides: "an object"), or: .optional(AccessLogConfiguration.shape),
          "\"off\" or an object"),
        "One line for each request of the listeners with mode http."),
    ])
}
