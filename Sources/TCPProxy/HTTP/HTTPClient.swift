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
  /// When the exchange, or the wait behind the last response, must be over, whatever happens.
  var exchangeEnd = Instant(nanoseconds: .max)
  var progress = HeadProgress()
  /// When the first byte of a head came, where that is logged.
  var headBegan = Instant.zero
  /// Something may still come of the request that was answered last, which nobody wants.
  var owesBody = false
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
  /// When it was accepted, to the nanosecond.
  let begun: Instant
  /// When patience with the phase ends.
  var deadline: Instant
  var timer = Timer.none
  /// When the timer fires: at the deadline or before it, because later deadlines leave it as it is.
  var timerEnd = Instant(nanoseconds: .max)
  /// From when on it gets no further request.
  var lifeEnd = Instant(nanoseconds: .max)

  /// How long a client may be silent behind its last response before its connection is closed, and how long it may go on
  /// sending: whoever sends a large body reads no answer before the end of that.
  static let lingerNanoseconds: UInt64 = 5_000_000_000
  static let longestLingerNanoseconds: UInt64 = 30_000_000_000

  init(
    service: Service, http: HTTPService, client: consuming Descriptor, address: IPAddress?, port: UInt16,
    begun: Instant, now: Instant
  ) {
    self.begun = begun
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

  /// The client as the log names it.
  var name: String { address.map { SocketAddress.ip($0, port: port).description } ?? "a unix client" }
}

extension Handle {
  /// Names nothing.
  static let none = Handle(slot: 0, generation: 0)
}
