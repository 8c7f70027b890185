import Base
import HTTPCore
import HTTPProxy
import Routing

/// How a listener speaks HTTP with its clients: immutable, a part of its `Service`.
public final class HTTPService: Sendable {
  public struct Settings: Sendable {
    public var limits = HeadLimits()
    /// The longest body of a request, in bytes.
    public var maxBody = UInt64(Int64.max)
    public var forwarded: Forwarding.Style = .xForwarded
    /// The port that clients come to; nil where they come to several.
    public var port: UInt16?
    /// What becomes of the field Server.
    public var server = ServerField.keep
    /// The field that names each request towards backends; nil names none.
    public var requestID: [UInt8]?
    /// Which responses are compressed; nil for none.
    public var compression: HTTPCompression?
    /// What is answered where no backend answers.
    public var errorPages = ErrorPages.standard
    /// Requests that one client may make, whatever its connections; nil is no limit. It counts on over reloads.
    public var requestLimit: RateLimit?
    /// Where requests go; nil sends all to the listener's pool.
    public var routes: HTTPRoutes?
    /// Who comes without TLS is sent to https.
    public var redirectsToTLS = false
    /// How long a client has for a request's head, from its first byte on.
    public var request: Duration = .seconds(10)
    /// How long a client may be silent between two requests.
    public var keepAlive: Duration = .seconds(60)
    /// How long a client may be silent within a body.
    public var body: Duration = .seconds(60)

    public init() {}
  }

  public enum ServerField: Sendable {
    case keep
    case remove
    case text([UInt8])
  }

  /// The largest head that a configuration may allow, in bytes.
  public static let mostHeader = 1 << 20
  /// Heads of responses may be larger than those of requests: they are believed more, and bounded all the same.
  static let responseLimits = HeadLimits(bytes: 256 << 10, fields: 1000)

  let limits: HeadLimits
  let maxBody: UInt64
  let forwarded: Forwarding.Style
  let port: UInt16?
  let server: ServerField
  /// The value of Server, where that is a text.
  let serverText: LastingBytes?
  let requestID: LastingBytes?
  let compression: HTTPCompression?
  let errorPages: ErrorPages
  let requestLimit: RateLimit?
  let routes: HTTPRoutes?
  let redirectsToTLS: Bool
  let requestNanoseconds: UInt64
  let keepAliveNanoseconds: UInt64
  let bodyNanoseconds: UInt64

  public init(_ settings: Settings = Settings()) {
    limits = settings.limits
    maxBody = settings.maxBody
    forwarded = settings.forwarded
    port = settings.port
    server = settings.server
    serverText = if case .text(let text) = settings.server { LastingBytes(text) } else { nil }
    requestID = settings.requestID.map { LastingBytes($0) }
    compression = settings.compression
    errorPages = settings.errorPages
    requestLimit = settings.requestLimit
    routes = settings.routes
    redirectsToTLS = settings.redirectsToTLS
    requestNanoseconds = Optional(settings.request).wholeNanoseconds
    keepAliveNanoseconds = Optional(settings.keepAlive).wholeNanoseconds
    bodyNanoseconds = Optional(settings.body).wholeNanoseconds
  }
}

/// How exchanges reach the backends of a pool: immutable, a part of its `Destination`.
public struct HTTPDestination: Sendable {
  /// How long a backend may take until its response begins.
  public var response: Duration = .seconds(60)
  /// How long a switched connection may be silent.
  public var tunnel: Duration = .seconds(3600)
  /// Idle connections kept for each backend and worker.
  public var idle = 32
  /// How long one is kept.
  public var ttl: Duration = .seconds(60)
  /// Requests on one connection; nil is no limit.
  public var requests: Int?

  public init() {}
}
