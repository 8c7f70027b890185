import Balancing
import Base
import Reactor

/// One client connection and what serves it.
struct TCPSession: ~Copyable {
  enum Phase: UInt8 {
    /// No backend yet: the pool's first checks are still running, or descriptors have run out.
    case waiting
    /// A connect to `backend` is under way.
    case connecting
    /// Bytes may flow both ways.
    case relaying
  }

  let service: Service
  /// The backend that this session counts for; nil while waiting.
  var backend: Backend?
  var client: Descriptor
  var server = Descriptor.none
  var phase = Phase.waiting
  /// Connects that have failed so far.
  var failures: UInt8 = 0
  /// A side is gone while the other may still have bytes to deliver: when they are through, it is reset.
  var broken = false
  /// What the client's socket reported before there was a backend to relay to.
  var early: Readiness = []
  var toServer = Flow()
  var toClient = Flow()
  /// When bytes last moved, or when the connect began.
  var lastActive: Instant
  /// When the waiting for a backend ends.
  var waitEnd: Instant
  var timer = Timer.none
  let clientAddress: IPAddress?
  let clientPort: UInt16

  init(service: Service, client: consuming Descriptor, address: IPAddress?, port: UInt16, now: Instant) {
    self.service = service
    self.client = client
    clientAddress = address
    clientPort = port
    lastActive = now
    toServer.thorough = address == nil
    waitEnd = Instant(nanoseconds: now.nanoseconds &+ service.waitNanoseconds)
  }

  /// The client as the log names it.
  var clientName: String {
    clientAddress.map { SocketAddress.ip($0, port: clientPort).description } ?? "a unix client"
  }

  /// Bytes that were read from one side and that the other has not taken: closing now would lose them.
  var holdsBytes: Bool { toServer.spill.isHolding || toClient.spill.isHolding }
}
