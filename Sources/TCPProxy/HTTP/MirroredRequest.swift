import Balancing
import Base
import HTTPCore

/// A copy of a request on its way to a backend of another pool (`mirror` of a route). Its response is read and thrown away,
/// so that the connection can be used again.
struct MirroredRequest: ~Copyable {
  let destination: Destination
  let backend: Backend
  /// Whose client has made the request.
  let service: Service
  let method: Method
  /// What is to be sent: a PROXY header if the pool wants one, the head and the body.
  var request: HeldBytes
  /// Bytes of the PROXY header, which goes before a TLS handshake.
  let headerSize: Int
  /// Bytes that it counts for in `MirrorRoom`, from its beginning to its end.
  let size: Int
  /// The head of the response has come.
  var isAnswered = false
  var interims: UInt8 = 0
  var responseBody = BodyReader(.none)
  var keepsServer = false
  /// Bytes of the response.
  var thrownAway = 0
  /// When it was begun, where the scheduler wants to know.
  var begun = Instant.zero

  /// A longer response is not worth its connection.
  static let mostThrownAway = 1 << 20

  init(
    destination: Destination, backend: Backend, service: Service, method: Method, request: consuming HeldBytes,
    headerSize: Int
  ) {
    self.destination = destination
    self.backend = backend
    self.service = service
    self.method = method
    size = request.count
    self.request = request
    self.headerSize = headerSize
  }
}

/// What a worker has in hand of copies: bounded, as nobody waits for them and nothing slows down those who cause them.
struct MirrorRoom {
  /// Copies at once, those whose bodies are still coming among them.
  static let mostAtOnce = 256
  /// The longest body that is copied.
  static let mostBody = 1 << 20
  /// Memory of all of them together.
  static let mostBytes = 16 << 20

  private var copies = 0
  private var bytes = 0

  /// Takes a place for a copy.
  mutating func enter() -> Bool {
    guard copies < Self.mostAtOnce, bytes < Self.mostBytes else { return false }
    copies += 1
    return true
  }

  mutating func hold(_ count: Int) { bytes += count }

  /// Whether there is room for so much more.
  func hasRoom(for count: Int) -> Bool { bytes + count <= Self.mostBytes }

  /// Gives a place back, and what was held.
  mutating func leave(_ held: Int) {
    copies -= 1
    bytes -= held
  }
}

/// How far the copy of an exchange's request is.
enum MirrorState: UInt8 {
  /// None is wanted, or it is on its way, or dropped.
  case none
  /// One is to be made once the request is with its backend.
  case wanted
  /// The body is kept as it goes by.
  case collecting
}
