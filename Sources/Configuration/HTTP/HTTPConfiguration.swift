import Base

/// A listener's `http`: what holds for every request, whatever its route.
public struct HTTPConfiguration: Equatable, Sendable {
  /// Which fields tell a backend who the client is.
  public enum Forwarded: String, CaseIterable, Equatable, Sendable {
    case xForwarded = "x-forwarded"
    case forwarded, both, off
  }

  /// The Server field of responses.
  public enum ServerHeader: Equatable, Sendable {
    case keep, remove
    case text(String)
  }

  public struct Compression: Equatable, Sendable {
    /// In lower case.
    public var types = [
      "text/html", "text/css", "text/plain", "text/javascript", "application/javascript", "application/json",
      "application/xml", "image/svg+xml",
    ]
    public var minimum = ByteSize(bytes: 1024)

    public init() {}
  }

  /// The content of errors that the program itself answers.
  public struct ErrorPage: Equatable, Sendable {
    public var statuses: ClosedRange<Int>
    /// An absolute path.
    public var file: String

    public init(_ statuses: ClosedRange<Int>, file: String) {
      self.statuses = statuses
      self.file = file
    }
  }

  public enum Version: String, CaseIterable, Equatable, Sendable {
    case http1 = "1.1"
  }

  /// Bytes of a request's head.
  public var maxHeader = ByteSize(bytes: 32 << 10)
  /// Fields of a request.
  public var maxHeaders = 100
  /// Bytes of a request's content; nil is no limit.
  public var maxBody: ByteSize?
  public var forwarded = Forwarded.xForwarded
  /// The name of a field; nil is none.
  public var requestID: String? = "X-Request-ID"
  public var serverHeader = ServerHeader.keep
  /// nil is off.
  public var compression: Compression?
  /// A single status comes before its class.
  public var errorPages: [ErrorPage] = []
  /// Whoever comes without TLS is sent to https.
  public var redirectHTTPS = false
  public var versions: [Version] = [.http1]

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "http",
    [
      Field(
        "maxHeader", \.maxHeader, .size(from: ByteSize(bytes: 1 << 10), to: ByteSize(bytes: 1 << 20)),
        "Bytes of a request's head, 1KiB to 1MiB; more is answered with 431 (a request line that is too long with 414)."
      ),
      Field("maxHeaders", \.maxHeaders, .integer(1...1000), "Fields of a request; more are answered with 431."),
      Field(
        "maxBody", \.maxBody, .sizeOrOff, "Bytes of a request's content; more is answered with 413. off: no limit."),
      Field(
        "forwarded", \.forwarded, .word,
        "What tells backends who the client is: X-Forwarded-For, -Proto, -Host and -Port, or Forwarded (RFC 7239), or both. Of clients that are not in trustedProxies such fields are taken out first."
      ),
      Field(
        "requestId", \.requestID, .fieldNameOrOff,
        "The field that names each request, in the log and to the backend. The client's own is kept where it is in trustedProxies."
      ),
      Field(
        "serverHeader", \.serverHeader, ServerHeader.shape,
        "The Server field of responses: keep is the backend's, remove is none, or a text."),
      Field(
        "compression", \.compression,
        .either(
          .words([("off", nil)], besides: "an object"), or: .optional(Compression.shape), "\"off\" or an object"),
        "Whether responses are compressed (Brotli or gzip) for clients that take it."),
      Field(
        "errorPages", \.errorPages, .errorPages,
        "Files that are the content of errors which are answered here, by status (\"503\") or class (\"5xx\")."),
      Field(
        "redirectHTTPS", \.redirectHTTPS, .boolean,
        "Whoever comes without TLS is sent to https, same host and path, with 308. No route is looked at."),
      Field("versions", \.versions, .array("version", of: .httpVersion), "The versions of HTTP that are spoken."),
    ])
}

extension HTTPConfiguration.Compression {
  fileprivate static let shape = Shape<Self>.object(
    Self(), definition: "compression",
    [
      Field(
        "types", \.types, .array("type", of: .mediaType),
        "Media types that are compressed. Default: HTML, CSS, JavaScript, JSON, XML, SVG and plain text."),
      Field(
        "minimum", \.minimum, .size(from: ByteSize(bytes: 0), to: ByteSize(bytes: 1 << 30)),
        "Responses that are shorter stay as they are."),
    ])
}

extension HTTPConfiguration.ServerHeader {
  fileprivate static let shape =
    Shape<String>.fieldValue.map(
      { text in
        switch text {
        case "keep": .keep
        case "remove": .remove
        default: .text(text)
        }
      },
      { header in
        switch header {
        case .keep: "keep"
        case .remove: "remove"
        case .text(let text): text
        }
      }) as Shape<Self>
}

extension Shape where Value == [HTTPConfiguration.ErrorPage] {
  fileprivate static var errorPages: Shape {
    let rule = KeyRule(
      expected: "a status such as \"503\" or a class, \"4xx\" or \"5xx\",", pattern: "^([45][0-9]{2}|[45]xx)$",
      isValid: { statuses($0) != nil })
    return Shape<[Entry<String>]>.entries(of: .file, atMost: 202, rule).map(
      { entries in
        entries.compactMap { entry in
          statuses(entry.name).map { HTTPConfiguration.ErrorPage($0, file: entry.value) }
        }
      },
      { pages in
        pages.map { page in
          let first = page.statuses.lowerBound
          return Entry(page.statuses.count == 1 ? "\(first)" : "\(first / 100)xx", page.file)
        }
      })
  }

  @Sendable
  private static func statuses(_ text: String) -> ClosedRange<Int>? {
    switch text {
    case "4xx": return 400...499
    case "5xx": return 500...599
    default:
      guard text.utf8.count == 3, let status = Int(text), (400...599).contains(status) else { return nil }
      return status...status
    }
  }
}

extension Shape where Value == HTTPConfiguration.Version {
  fileprivate static var httpVersion: Shape {
    .scalar(
      "\"1.1\"", ["const": "1.1"],
      read: { scalar, _ throws(Mistake) in
        if scalar.text == "1.1" { return .http1 }
        if scalar.text == "2" {
          throw .sentence("HTTP/2 is not spoken yet: write [\"1.1\"], or leave \"versions\" out")
        }
        if scalar.number != nil { throw .unexpected(hint: "with quotes") }
        throw .unexpected()
      },
      write: { .string($0.rawValue) })
  }
}
