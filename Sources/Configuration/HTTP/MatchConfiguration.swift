import Base

/// What has to hold for a route: all that is given.
public struct MatchConfiguration: Equatable, Sendable {
  /// What the value of a header field or of a parameter of the query has to be.
  public enum ValueMatch: Equatable, Sendable {
    case exact(String)
    case regex(String)
    case present(Bool)
  }

  /// Empty is every host.
  public var host: [HostPattern] = []
  public var path: String?
  public var pathPrefix: String?
  public var pathRegex: String?
  /// Empty is every method.
  public var method: [String] = []
  public var header: [Entry<ValueMatch>] = []
  public var query: [Entry<ValueMatch>] = []
  /// Empty is everyone.
  public var source: [CIDR] = []
  /// Empty is every server name, and none.
  public var sni: [SNIPattern] = []

  public init() {}

  /// Nothing has to hold.
  public var isEverything: Bool { self == MatchConfiguration() }

  static let shape = Shape<Self>.object(Self(), definition: "match", fields).checking { match, json, reading in
    guard let path = json["path"] else { return }
    for key in ["pathPrefix", "pathRegex"] where json[key] != nil {
      reading.fail(
        at: path.location, path: "\(reading.path).path",
        "says all of the path: leave \(key.quoted) out")
    }
  }.sparse(Self())

  static let keys = Set(fields.map(\.key))

  private static let fields: [Field<Self>] =
    [
      Field(
        "sni", \.sni, .given(.oneOrMore("server name", of: .sniPattern)),
        "The server names that a TLS client asks for: www.example.com, or *.example.com for all below example.com."),
      Field(
        "host", \.host, .given(.oneOrMore("host", of: .hostPattern)),
        "http: the hosts of the request, without a port: www.example.com, *.example.com for all below example.com, or an address."
      ),
      Field("path", \.path, .optional(.path), "http: the path, exactly."),
      Field(
        "pathPrefix", \.pathPrefix, .optional(.path),
        "http: whole segments that the path begins with: /api takes /api and /api/x, and not /apis."),
      Field(
        "pathRegex", \.pathRegex, .optional(.expression),
        "http: a regular expression (PCRE2) that is found in the path; ^ and $ are its begin and end."),
      Field("method", \.method, .given(.array("method", of: .method)), "http: methods, such as GET. One of them."),
      Field(
        "header", \.header, .entries(of: ValueMatch.shape, atMost: 32, FieldName.rule),
        "http: fields of the request by name, each with its exact value, { \"regex\": … } or { \"present\": true }."),
      Field(
        "query", \.query, .entries(of: ValueMatch.shape, atMost: 32, parameterName),
        "http: parameters of the query by name, likewise; both are compared decoded."),
      Field("source", \.source, .given(.cidrs), "http: addresses of the client. One of them."),
    ]

  private static let parameterName = KeyRule(
    expected: "a parameter's name of 1 to 128 characters", pattern: "^.{1,128}$",
    isValid: {
      (1...128).contains($0.unicodeScalars.count)
        && !$0.unicodeScalars.contains { "\n\r\u{2028}\u{2029}".unicodeScalars.contains($0) }
    })
}

extension MatchConfiguration.ValueMatch {
  private struct Draft: Equatable, Sendable {
    var regex: String?
    var present: Bool?
  }

  static let shape = Shape<Self>.either(
    Shape<String>.fieldValue.map(
      { .exact($0) },
      { if case .exact(let text) = $0 { text } else { "" } }
    ).writing { if case .exact(let text) = $0 { .string(text) } else { nil } },
    or: Shape<Draft>.object(
      Draft(), definition: "valueMatch", exactlyOne: ["regex", "present"],
      [
        Field(
          "regex", \.regex, .optional(.expression), "A regular expression (PCRE2) that is found in the value."),
        Field(
          "present", \.present, .optional(.boolean), "true: it is there, whatever its value; false: it is not there."),
      ]
    ).map(
      { draft in draft.regex.map { .regex($0) } ?? .present(draft.present ?? true) },
      { match in
        switch match {
        case .exact: Draft()
        case .regex(let text): Draft(regex: text)
        case .present(let isPresent): Draft(present: isPresent)
        }
      }),
    "a text or an object")
}
