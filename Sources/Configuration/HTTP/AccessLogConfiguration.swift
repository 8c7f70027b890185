/// One line for each request.
public struct AccessLogConfiguration: Equatable, Sendable {
  public enum Target: Equatable, Sendable {
    case standardOutput
    /// An absolute path.
    case file(String)
  }

  public enum Format: String, CaseIterable, Equatable, Sendable {
    case text, json, combined
  }

  public var target = Target.standardOutput
  public var format = Format.text
  /// The share of the requests that is logged, 0…1.
  public var sample = 1.0

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "access",
    [
      .required(
        "file", \.target, Target.shape,
        "The file to append to, relative to this file's folder and opened anew on SIGUSR1; stdout: standard output."),
      Field(
        "format", \.format, .word,
        "text for people, json for programs: one object a line; combined: as Apache and NGINX have it."),
      Field("sample", \.sample, .decimal(0...1), "The share of the requests that is logged, at random."),
    ])
}

extension AccessLogConfiguration.Target {
  fileprivate static let shape =
    Shape<String>.file.replacing(
      read: { json, _, reading in
        if case .string("stdout") = json.kind { return .standardOutput }
        return Shape<String>.file.read(json, nil, reading).map { .file($0) }
      },
      write: { target in
        switch target {
        case .standardOutput: "stdout"
        case .file(let path): .string(path)
        }
      }) as Shape<Self>
}
