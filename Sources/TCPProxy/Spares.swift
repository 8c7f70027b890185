import Balancing
import Base
import Reactor

/// For which backends the workers are to keep spare connections ready, and how they are made.
public struct SpareOrder: Sendable {
  let destination: Destination
  let backends: [Backend]

  /// Nil where the pool keeps none.
  public init?(_ destination: Destination, _ backends: [Backend]) {
    if destination.prewarm == 0 { return nil }
    self.destination = destination
    self.backends = backends
  }
}

/// A connection to a backend that waits for a session, or is still on its way.
struct Spare: ~Copyable {
  var socket: Descriptor
  let backend: Backend
  /// To the nanosecond.
  let connectStart: Instant
  /// When it stood; `Instant` zero is not yet.
  var readySince = Instant.zero
  var timer = Timer.none

  init(_ socket: consuming Descriptor, _ backend: Backend, connectStart: Instant) {
    self.socket = socket
    self.backend = backend
    self.connectStart = connectStart
  }

  var isReady: Bool { readySince != .zero }

  /// Its socket, for a session.
  consuming func handOver() -> Descriptor { socket }
}

/// The spare connections of one worker.
struct Spares: ~Copyable {
  /// What is kept for one backend.
  struct Entry {
    let backend: Backend
    let destination: Destination
    var shelf: SpareShelf
    /// Spares may be kept, as far as the worker has heard.
    var isAllowed = false

    init(_ backend: Backend, _ destination: Destination, shelf: SpareShelf? = nil) {
      self.backend = backend
      self.destination = destination
      self.shelf = shelf ?? SpareShelf(target: destination.prewarm)
      self.shelf.target = destination.prewarm
    }
  }

  var connections = Slab<Spare>(chunkSize: 64)
  /// In the order of the file.
  var entries: [Entry] = []
  /// Where in `entries` each backend is.
  private var places: [ObjectIdentifier: Int] = [:]
  /// When shelves are looked at that no event will fill.
  var look = Timer.none
  var lookTime = Instant.zero

  /// Takes the place of all entries; those that stay bring their shelves along.
  mutating func replaceEntries(_ new: [Entry]) {
    entries = new
    places = Dictionary(new.indices.map { (ObjectIdentifier(new[$0].backend), $0) }, uniquingKeysWith: { $1 })
  }

  func place(of backend: Backend) -> Int? { places[ObjectIdentifier(backend)] }
}
