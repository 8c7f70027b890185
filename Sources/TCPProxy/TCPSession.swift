import Balancing
import Base
import Reactor

/// One client connection and what serves it.
struct TCPSession: ~Copyable {
  enum Phase: UInt8 {
    /// The client has to say something first: see `Greeting`.
    case greeting
    /// No backend yet: the pool's first checks are still running, or descriptors have run out.
    case waiting
    /// A connect to `backend` is under way.
    case connecting
    /// On a spare connection, and nobody has said anything yet: it can still be exchanged for another.
    case poised
    /// It is connected, and the TLS handshake with it is under way.
    case securing
    /// Bytes may flow both ways.
    case relaying
    /// Bytes may flow both ways, and TLS is spoken on one side or on both.
    case relayingSecurely
  }

  let service: Service
  /// Where its backends are; nil while the client has not said enough to know.
  var destination: Destination?
  /// The backend that this session counts for; nil while waiting.
  var backend: Backend?
  var client: Descriptor
  var server = Descriptor.none
  var phase = Phase.waiting
  /// Its connection to the backend was there before it.
  var isOnSpare = false
  /// Connects that have failed so far.
  var failures: UInt8 = 0
  /// A connect has failed, and the next one waits for the pool's `retryBudget`.
  var awaitsRetry = false
  /// What the client's socket reported before there was a backend to relay to.
  var early: Readiness = []
  var toServer = Flow()
  var toClient = Flow()
  /// When bytes last moved, or when the connect began.
  var lastActive: Instant
  /// When it was accepted, to the nanosecond.
  let begun: Instant
  /// When it got its backend, to the nanosecond.
  var attempted = Instant.zero
  /// When the waiting for a backend ends.
  var waitEnd: Instant
  var timer = Timer.none
  /// When its life is over, whatever it does; `Instant` zero is never.
  var lifeEnd = Instant.zero
  /// Whose session it is: the socket's other end, or whom its PROXY header names. Nil for a unix socket.
  var clientAddress: IPAddress?
  var clientPort: UInt16
  /// A connect is under way, and how long it takes is to be told.
  var awaitsAnswer = false
  /// It counts among the sessions of its backend.
  var isCounted = false
  /// What it counts by for its client's limits.
  var ticket: ClientTable.Ticket?
  /// It counts for the pool's `retryBudget`.
  var isRetrying = false
  /// A side is gone while the other may still have bytes to deliver: when they are through, it is reset.
  var broken = false
  /// The kernel looks after a backend that falls silent.
  var isKeptAlive = false
  var greeting: Greeting?
  /// What speaks TLS with the client, where that is terminated.
  var clientTLS = Box<TLSSide>()
  /// What speaks TLS with the backend.
  var serverTLS = Box<TLSSide>()
  /// Where it is counted.
  var meters = MeterRows()

  init(
    service: Service, client: consuming Descriptor, address: IPAddress?, port: UInt16, begun: Instant, now: Instant
  ) {
    self.service = service
    self.client = client
    self.begun = begun
    clientAddress = address
    clientPort = port
    lastActive = now
    waitEnd = now
    toServer.thorough = address == nil
  }

  /// The retry under way, if there is one, has come to an end.
  mutating func endRetry() {
    if !isRetrying { return }
    isRetrying = false
    destination?.pool.endRetry()
  }

  /// What speaks TLS on one side; nil where that is in the clear.
  @inline(__always)
  func side(_ subject: Token.Subject) -> UnsafeMutablePointer<TLSSide>? {
    subject == .client ? clientTLS.pointer : serverTLS.pointer
  }

  /// The phase in which bytes flow.
  var relaying: Phase { clientTLS.isEmpty && serverTLS.isEmpty ? .relaying : .relayingSecurely }

  /// Whether bytes from that side wait for the other to take them.
  func isHolding(from source: Token.Subject) -> Bool {
    source == .client ? toServer.spill.isHolding : toClient.spill.isHolding
  }

  /// Bytes of memory that it holds beside itself.
  var memory: Int {
    toServer.spill.size + toClient.spill.size + (side(.client)?.pointee.memory ?? 0)
      + (side(.server)?.pointee.memory ?? 0)
  }

  /// Silence of a switched connection after which it ends, in place of the pool's; zero where it was never an exchange.
  var tunnelNanoseconds: UInt64 = 0

  /// Silence after which it ends: the shorter of the client's and the backend's; `UInt64.max` is never.
  var idleNanoseconds: UInt64 {
    if tunnelNanoseconds != 0 { return tunnelNanoseconds }
    return min(service.clientIdleNanoseconds, destination?.serverIdleNanoseconds ?? .max)
  }

  /// What is left of its life; `UInt64.max` is no limit.
  func lifeNanoseconds(_ now: Instant) -> UInt64 {
    lifeEnd == .zero ? .max : lifeEnd > now ? lifeEnd.nanoseconds - now.nanoseconds : 1
  }

  /// The client as the log names it.
  var clientName: String {
    clientAddress.map { SocketAddress.ip($0, port: clientPort).description } ?? "a unix client"
  }

  /// Bytes that were read from one side and that the other has not taken: closing now would lose them.
  var holdsBytes: Bool { toServer.spill.isHolding || toClient.spill.isHolding }
}
