import Balancing
import Base
import HTTPCore
import Reactor
import TLS

/// A connection to a backend that carries one exchange after another.
struct BackendConnection: ~Copyable {
  let backend: Backend
  /// With whose settings it was made.
  let destination: Destination
  var connection: Connection
  /// Whom it serves now; none while it is idle.
  var exchange = Handle.none
  /// The copy of a request that it carries instead.
  var mirror = Handle.none
  var isConnecting = true
  /// Connected, and the TLS handshake is under way.
  var isSecuring = false
  /// Whom it was verified to be; nil in the clear.
  var peer: TLSPeer?
  var progress = HeadProgress()
  /// Exchanges that it has served to their end.
  var served: UInt32 = 0
  /// How much the next read asks for: see `Flow.adapt`.
  var readSize = Flow.initialReadSize
  /// Its neighbours while it is idle.
  var newer = Handle.none
  var older = Handle.none
  /// When it became idle.
  var idleSince = Instant.zero
  var timer = Timer.none
  /// When its connect began, to the nanosecond; zero once that is over and told.
  var connectStart: Instant

  init(backend: Backend, destination: Destination, server: consuming Descriptor, connectStart: Instant) {
    self.connectStart = connectStart
    self.backend = backend
    self.destination = destination
    connection = Connection(server)
    connection.isBackend = true
    if case .unix = backend.address { connection.isThorough = true }
  }

  /// It is closed behind `exchanges`, however they go.
  func isWorn(after exchanges: UInt32) -> Bool {
    !destination.keepsConnections || destination.http.requests.map { exchanges >= $0 } ?? false
  }

  /// As `Flow.adapt`.
  @inline(__always)
  mutating func adapt(read: Int, wasTaken: Bool) {
    if !wasTaken {
      readSize = Flow.smallestReadSize
    } else if read >= Int(readSize), readSize < Flow.largestReadSize {
      readSize *= 2
    }
  }
}
