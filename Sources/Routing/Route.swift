import HTTPCore

/// What becomes of the requests that a route takes: everything that can be made ready before the first of them.
public final class Route: Sendable {
  public enum Action: Sendable {
    /// One of `pools`, by its share.
    case pools(Split)
    case redirect(RedirectTarget, status: UInt16)
    case respond(Response)
  }

  /// An answer without a backend.
  public struct Response: Sendable {
    public var status: UInt16
    public var body: [UInt8]
    public var fields: FieldEdits?

    public init(status: UInt16, body: [UInt8] = [], fields: FieldEdits? = nil) {
      self.status = status
      self.body = body
      self.fields = fields
    }
  }

  /// The Host that a backend gets.
  public enum Host: Equatable, Sendable {
    case keep, backend
    case text([UInt8])
  }

  public enum RateKey: Equatable, Sendable {
    case client
    /// A field's name; by the client where the field is missing.
    case header([UInt8])
  }

  public struct Settings: Sendable {
    public var action: Action
    /// The names of the pools that the shares are of.
    public var pools: [String] = []
    public var rewrite: PathRewrite?
    public var host = Host.keep
    public var requestEdits: FieldEdits?
    public var responseEdits: FieldEdits?
    /// The name of the pool that gets copies of its requests, and what becomes of their fields.
    public var mirror: String?
    public var mirrorEdits: FieldEdits?
    /// For the whole exchange; nil is no limit.
    public var timeout: Duration?
    /// nil is the pool's.
    public var retries: Int?
    /// The path of a file of names and hashed passwords.
    public var basicFile: String?
    public var rateLimit: (RateLimit, by: RateKey)?

    public init(_ action: Action) { self.action = action }
  }

  public let settings: Settings

  public init(_ settings: Settings) { self.settings = settings }
}
