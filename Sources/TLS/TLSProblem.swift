/// Something wrong with a file or a setting.
public struct TLSProblem: Equatable, Sendable, CustomStringConvertible {
  public enum Severity: Sendable {
    /// It works, but somebody should look.
    case warning
    /// It cannot be used.
    case error
  }

  public let severity: Severity
  /// The file it is about; nil for a setting.
  public let file: String?
  /// The setting it is about, such as `ciphers`, where it is about one.
  public let setting: String?
  /// A sentence about the file, such as `is not the key of site.pem`.
  public let reason: String

  public init(_ severity: Severity, file: String?, setting: String? = nil, _ reason: String) {
    self.severity = severity
    self.file = file
    self.setting = setting
    self.reason = reason
  }

  /// `/etc/balancer/site.key: is not the key of site.pem`
  public var description: String { file.map { "\($0): \(reason)" } ?? reason }
}

/// Why nothing was built: all errors in one go, and the warnings among them.
public struct TLSProblems: Error, Sendable, CustomStringConvertible {
  public let problems: [TLSProblem]

  init(_ problems: [TLSProblem]) { self.problems = problems }

  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Collects problems while something is loaded.
struct Findings {
  private(set) var problems: [TLSProblem] = []

  var hasErrors: Bool { problems.contains { $0.severity == .error } }
  var warnings: [TLSProblem] { problems.filter { $0.severity == .warning } }

  mutating func fail(_ file: String?, setting: String? = nil, _ reason: String) {
    problems.append(TLSProblem(.error, file: file, setting: setting, reason))
  }

  mutating func warn(_ file: String?, _ reason: String) { problems.append(TLSProblem(.warning, file: file, reason)) }
}
