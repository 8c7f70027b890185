import Base

/// Where the requests go that match, and what becomes of them on the way. With `mode: "tcp"` only `match.sni` and one
/// pool are given.
public struct RouteConfiguration: Equatable, Sendable {
  public enum Action: Equatable, Sendable {
    /// At least one, of which at least one has a weight above 0.
    case pools([PoolShare])
    case redirect(RedirectConfiguration)
    case respond(RespondConfiguration)
  }

  public enum Rewrite: Equatable, Sendable {
    /// Takes the place of what `match.pathPrefix` matched.
    case prefix(String)
    /// The first part of the path that matches becomes `to`, in which `$1` is the first group.
    case regex(String, to: String)
  }

  /// The Host that a backend gets.
  public enum HostRule: Equatable, Sendable {
    /// The client's.
    case keep
    /// The backend's address as balancer.json has it.
    case backend
    case text(String)
  }

  public struct RateLimit: Equatable, Sendable {
    public enum Key: Equatable, Sendable {
      case client
      case header(String)
    }

    public var rate = Rate(1, per: .second)
    /// Requests that may come at once; nil is as many as the rate has.
    public var burst: Int?
    public var by = Key.client

    public init() {}
  }

  public var match = MatchConfiguration()
  public var pools: [PoolShare] = []
  public var redirect: RedirectConfiguration?
  public var respond: RespondConfiguration?
  public var rewrite: Rewrite?
  public var host = HostRule.keep
  public var requestHeaders = HeaderEditsConfiguration()
  public var responseHeaders = HeaderEditsConfiguration()
  /// For the whole exchange; nil is no limit.
  public var timeout: Duration?
  /// nil is the pool's.
  public var retries: Int?
  /// The pool that gets copies of its requests.
  public var mirror: String?
  /// A file of names and hashed passwords (htpasswd).
  public var basicFile: String?
  public var rateLimit: RateLimit?

  public init() {}

  public var action: Action {
    if let redirect { return .redirect(redirect) }
    if let respond { return .respond(respond) }
    return .pools(pools)
  }

  static let shape = Shape<Self>.object(
    Self(), definition: "route", exactlyOne: ["pool", "redirect", "respond"], fields
  ).checking { route, json, reading in
    if route.mirror != nil, route.pools.isEmpty, let mirror = json["mirror"] {
      reading.fail(
        at: mirror.location, path: "\(reading.path).mirror", "belongs to \"pool\": what is answered here has no copy")
    }
    guard case .prefix = route.rewrite, route.match.pathPrefix == nil, let rewrite = json["rewrite"] else { return }
    reading.fail(
      at: rewrite["prefix"]?.location ?? rewrite.location,
      path: "\(reading.path).rewrite.prefix", "takes the place of \"pathPrefix\", which \"match\" does not have")
  }.sparse(Self())

  static let keys = Set(fields.map(\.key))

  private static let fields: [Field<Self>] =
    [
      Field(
        "match", \.match, MatchConfiguration.shape, "What has to hold, all of it. Without it, or empty: everything."),
      Field(
        "pool", \.pools, .shares,
        "The pool that serves what matches, by name; or several, each with its weight, which share it."),
      Field("redirect", \.redirect, .optional(RedirectConfiguration.shape), "http: the client is sent elsewhere."),
      Field("respond", \.respond, .optional(RespondConfiguration.shape), "http: answered here, without a backend."),
      Field(
        "rewrite", \.rewrite, .optional(Rewrite.shape), "http: what becomes of the path before the backend sees it."),
      Field(
        "host", \.host, HostRule.shape,
        "http: the Host that the backend gets. keep: the client's; backend: the backend's own address; or a text."),
      Field(
        "requestHeaders", \.requestHeaders, HeaderEditsConfiguration.shape,
        "http: changes to the fields of the request."),
      Field(
        "responseHeaders", \.responseHeaders, HeaderEditsConfiguration.shape,
        "http: changes to the fields of the response."),
      Field(
        "timeout", \.timeout, .durationOrOff,
        "http: how long the whole exchange may take, from the request to the end of the response."),
      Field(
        "retries", \.retries, .optional(.integer(0...10)),
        "http: further attempts for a request of which nothing was answered. Default: the pool's."),
      Field(
        "mirror", \.mirror, .optional(.pool),
        "http: the pool that gets a copy of each request, by name; its responses are thrown away."),
      Field("auth", \.basicFile, .optional(Self.authShape), "http: who may come."),
      Field("rateLimit", \.rateLimit, .optional(RateLimit.shape), "http: how many requests may come; more get 429."),
    ]

  private static let authShape = Shape<String>.object(
    "", definition: "auth",
    [.required("basicFile", \.self, .file, "A file of names and hashed passwords, as htpasswd(1) writes it.")])
}

/// A pool's share of a route.
public struct PoolShare: Equatable, Sendable {
  public var pool: String
  public var weight: Int

  public init(_ pool: String = "", weight: Int = 1) {
    self.pool = pool
    self.weight = weight
  }

  fileprivate static let shape = Shape<Self>.object(
    Self(), definition: "share",
    [
      .required("pool", \.pool, .pool, "The name of the pool."),
      .required(
        "weight", \.weight, .integer(0...1_000_000), "Its share in relation to the others' weights; 0: nothing."),
    ])
}

extension Shape where Value == [PoolShare] {
  /// A pool's name, or an array of shares.
  static var shares: Shape {
    let name = Shape<String>.pool
    let expected = "a pool's name or an array of shares"
    let many = Shape.array("share", of: PoolShare.shape) { shares, reading in
      var first: [String: Int] = [:]
      for (index, json, share) in shares {
        if let earlier = first[share.pool] {
          reading.inside(index) {
            reading.fail(at: json.location, "the share [\(earlier)] is of this pool already")
          }
        } else {
          first[share.pool] = index
        }
      }
      if let last = shares.last, shares.allSatisfy({ $0.value.weight == 0 }) {
        reading.inside(last.index) {
          reading.fail(at: last.json.location, "every share has weight 0: one above 0 expected")
        }
      }
    }
    return Shape(
      expected: expected,
      read: { json, _, reading in
        switch json.kind {
        case .array: return many.read(json, nil, reading)
        case .string: return name.read(json, nil, reading).map { [PoolShare($0)] }
        default:
          reading.fail(at: json.location, "\(expected) expected, found \(json.summary)")
          return nil
        }
      },
      schema: { _, definitions in .anyOf([name.schema(nil, definitions), many.schema(nil, definitions)]) },
      write: { shares in
        if shares.isEmpty { return nil }
        return shares.count == 1 && shares[0].weight == 1 ? .string(shares[0].pool) : many.write(shares)
      })
  }
}

extension RouteConfiguration.HostRule {
  fileprivate static let shape = Shape<Self>.scalar(
    "\"keep\", \"backend\" or a host such as \"www.example.com\"",
    ["type": "string", "pattern": .string("^(keep|backend|\(AddressPattern.authority))$")],
    read: { scalar, _ throws(Mistake) in
      guard let text = scalar.text else { throw .unexpected() }
      switch text {
      case "keep": return .keep
      case "backend": return .backend
      default: break
      }
      guard AddressPattern.isAuthority(text) else { throw .unexpected() }
      return .text(text)
    },
    write: { rule in
      switch rule {
      case .keep: "keep"
      case .backend: "backend"
      case .text(let text): .string(text)
      }
    })
}

extension RouteConfiguration.RateLimit {
  fileprivate static let shape = Shape<Self>.object(
    Self(), definition: "rateLimit",
    [
      .required("rate", \.rate, .rate, "Requests for each client, or each value of the header."),
      Field(
        "burst", \.burst, .optional(.integer(1...1_000_000)),
        "Requests that may come at once. Default: as many as the rate has, 10 of 10/s."),
      Field(
        "by", \.by, Key.shape,
        "client: by address, an IPv6 client by its /64; header:NAME: by the value of that field, and by address where it is missing."
      ),
    ])
}

extension RouteConfiguration.RateLimit.Key {
  fileprivate static let shape = Shape<Self>.scalar(
    "\"client\" or \"header:NAME\"",
    ["type": "string", "pattern": .string("^(client|header:\(FieldName.characters){1,\(FieldName.longest)})$")],
    read: { scalar, _ throws(Mistake) in
      guard let text = scalar.text else { throw .unexpected() }
      if text == "client" { return .client }
      if text.hasPrefix("header:"), FieldName.isValid(String(text.dropFirst(7))) {
        return .header(String(text.dropFirst(7)))
      }
      throw .unexpected(hint: Suggestions.nearest(to: text, among: ["client"]).map(didYouMean))
    },
    write: { key in
      switch key {
      case .client: "client"
      case .header(let name): .string("header:\(name)")
      }
    })
}
