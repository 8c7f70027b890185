import Authentication
import Base
import HTTPCore
import Reactor

/// A client's connection that speaks HTTP: what it needs between its requests and during them.
struct HTTPClient: ~Copyable {
  enum Phase: UInt8 {
    /// Nothing of a request has come since the last response.
    case idle
    /// A head has begun.
    case head
    /// A request is being served: see `Exchange`.
    case exchange
    /// A request waits until its password is verified.
    case verifying
    /// The response is out and the body of its request still comes; it is thrown away, so that the next request is found.
    case draining
    /// The last response is on its way out.
    case closing
    /// Our end is sent. What still comes is thrown away: closing now would reset the connection, and the client might
    /// lose the response over it (RFC 9112, 9.6).
    case lingering
  }

  /// As its last request found them: see `Service.successor`.
  private(set) var service: Service
  private(set) var http: HTTPService
  var connection: Connection
  var phase = Phase.idle
  var exchange = Handle.none
  /// When the exchange must be over, whatever happens.
  var exchangeEnd = Instant(nanoseconds: .max)
  var progress = HeadProgress()
  /// When the first byte of a head came, where that is logged.
  var headBegan = Instant.zero
  /// What is left of a body that nobody wants.
  var drained = BodyReader(.none)
  /// Bytes thrown away since the response.
  var thrownAway = 0
  /// Whose connection it is; nil for a unix socket.
  var address: IPAddress?
  var port: UInt16
  /// Whether what it says of those behind it is believed.
  private(set) var isTrusted = false
  var ticket: ClientTable.Ticket?
  /// The name that it asked for in its TLS handshake, in lower case; nil without one.
  var serverName: String?
  /// Of the password that it waits for.
  var ticketOfCheck: CredentialsDesk.Ticket?
  /// The next request was looked at before, and has counted by every limit.
  var isAskedAgain = false
  /// Requests so far.
  var requests: UInt32 = 0
  /// When patience with the phase ends.
  var deadline: Instant
  var timer = Timer.none
  /// When the timer fires: at the deadline or before it, because later deadlines leave it as it is.
  var timerEnd = Instant(nanoseconds: .max)
  /// When it has lived long enough; zero is never. What is under way then is finished.
  var lifeEnd = Instant.zero

  /// What is thrown away at most of a body that nobody wants, before the connection is closed instead.
  static let mostDrained = 256 << 10
  static let lingerNanoseconds: UInt64 = 5_000_000_000
  static let mostLingered = 4 << 20

  init(
    service: Service, http: HTTPService, client: consuming Descriptor, address: IPAddress?, port: UInt16,
    now: Instant
  ) {
    self.service = service
    self.http = http
    connection = Connection(client)
    connection.isThorough = address == nil
    self.address = address
    self.port = port
    deadline = now
    follow(service, http)
  }

  /// From the next request on it is served by another service.
  mutating func follow(_ service: Service, _ http: HTTPService) {
    self.service = service
    self.http = http
    isTrusted = if let address, let trusted = service.trustedProxies { trusted.contains(address) } else { false }
  }

  /// The port that it came to; nil for a unix socket.
  var localPort: UInt16? {
    if let port = http.port { return port }
    guard case .ip(_, let port) = SocketIO.localAddress(of: connection.socket.number) else { return nil }
    return port
  }

  /// Whether `timeouts.session` is over.
  @inline(__always)
  func hasOutlived(_ now: Instant) -> Bool { lifeEnd != .zero && lifeEnd <= now }

  /// The client as the log names it.
  var name: String { address.map { SocketAddress.ip($0, port: port).description } ?? "a unix client" }
}

extension Handle {
  /// Names nothing.
  static let none = Handle(slot: 0, generation: 0)
}
