/// A client that comes back gets the backend that it had.
public struct StickyConfiguration: Equatable, Sendable {
  /// How a client is known again.
  public enum Key: Equatable, Sendable {
    /// By its address.
    case source
    /// http: by a cookie of this name.
    case cookie(String)
  }

  public enum SameSite: String, CaseIterable, Equatable, Sendable {
    case strict = "Strict"
    case lax = "Lax"
    case none = "None"
  }

  public var key = Key.source
  /// nil: of a source half an hour, of a cookie until the browser is closed.
  public var ttl: Duration?
  /// Sources that are remembered; past that, whoever has not come for longest is forgotten.
  public var size = 100_000
  /// Files of what cookies are signed with, the same on all machines; empty: a key of the process's own.
  public var keyFiles: [String] = []
  public var secure = false
  public var httpOnly = true
  public var sameSite = SameSite.lax

  public init() {}

  /// How long after its last session a source is remembered.
  public var sourceTTL: Duration { ttl ?? .seconds(1800) }

  private var source: Bool {
    get { key == .source }
    set { if newValue { key = .source } }
  }

  private var cookie: String? {
    get { if case .cookie(let name) = key { name } else { nil } }
    set { if let newValue { key = .cookie(newValue) } }
  }

  static let shape = Shape<Self>.object(
    Self(), definition: "sticky", exactlyOne: ["source", "cookie"],
    [
      Field(
        "source", \.source, Shape<Bool>.yes.writing { $0 ? true : nil },
        "By the client's address; an IPv6 client is its /64."),
      Field(
        "cookie", \.cookie, .optional(.token("a cookie's name such as \"server\"")),
        "http: by a cookie of this name, which names the backend."),
      Field(
        "ttl", \.ttl, .optional(.duration),
        "How long a client is remembered: source: after its last session began, 30m by default; cookie: after it got the cookie, by default until the browser is closed."
      ),
      Field(
        "size", \.size, .integer(1...10_000_000),
        "source: clients that are remembered; past that, whoever has not come for longest is forgotten."),
      Field(
        "keyFile", \.keyFiles, .placedFiles,
        "cookie: files of 32 or more secret bytes that cookies are signed with, the same on all machines; the first signs. Without them the process has a key of its own."
      ),
      Field("secure", \.secure, .boolean, "cookie: browsers send it over TLS only."),
      Field("httpOnly", \.httpOnly, .boolean, "cookie: scripts do not see it."),
      Field(
        "sameSite", \.sameSite, .word,
        "cookie: whether browsers send it with requests that other sites cause (RFC 6265bis); None needs secure."),
    ]
  ).checking { sticky, json, reading in
    let foreign = sticky.key == .source ? ["keyFile", "secure", "httpOnly", "sameSite"] : ["size"]
    for key in foreign {
      guard case .object(let members) = json.kind, let member = members.first(where: { $0.key == key }) else {
        continue
      }
      reading.inside(member) {
        reading.fail(at: member.location, "belongs to \(sticky.key == .source ? "\"cookie\"" : "\"source\"")")
      }
    }
    if let name = sticky.cookie, let value = json["cookie"] {
      let small = name.lowercased()
      if name.utf8.count > 128 {
        reading.fail(at: value.location, path: "\(reading.path).cookie", "at most 128 characters expected")
      } else if !sticky.secure, small.hasPrefix("__host-") || small.hasPrefix("__secure-") {
        reading.fail(
          at: value.location, path: "\(reading.path).cookie",
          "browsers take a cookie of this name only with \"secure\": true")
      }
    }
    if sticky.key != .source, sticky.sameSite == .none, !sticky.secure, let value = json["sameSite"] {
      reading.fail(
        at: value.location, path: "\(reading.path).sameSite",
        "browsers drop such a cookie unless \"secure\" is true")
    }
  }
}

extension Shape where Value == Bool {
  /// Only true: what is off is left out.
  static var yes: Shape {
    .scalar(
      "true", ["const": JSONValue(.boolean(true))],
      read: { scalar, _ throws(Mistake) in
        switch scalar.boolean {
        case true?: return true
        case false?:
          throw .sentence("true expected, found false: leave \"sticky\" out where no client is to be remembered")
        case nil: throw .unexpected(hint: scalar.text == "true" ? "without quotes" : nil)
        }
      },
      write: { JSONValue(.boolean($0)) })
  }
}
