import Authentication
import Balancing
import Base
import Compression
import HTTPCore
import HTTPProxy
import Reactor
import Routing

/// What a worker needs for HTTP: clients, exchanges and connections to backends.
struct HTTPWork: ~Copyable {
  var clients = Slab<HTTPClient>()
  var exchanges = Slab<Exchange>()
  var servers = Slab<BackendConnection>()
  var buffers = HTTPBuffers()
  var paths = PathRoom()
  /// Where regular expressions are matched.
  var scratch = MatchScratch()
  /// Where a redirect's target is put together.
  var location: [UInt8] = []
  /// Where a Host for a backend is put together.
  var host: [UInt8] = []
  var idle: [ObjectIdentifier: IdleConnections] = [:]
  /// Of the request that was parsed last, or of trailers.
  var requestFields = FieldTable()
  var responseFields = FieldTable()
  /// Whose fields `requestFields` holds.
  var parsed = Handle.none
  /// The backends that exchanges have tried in vain.
  var tried: [Handle: [Backend]] = [:]
  /// Exchanges without a backend.
  var waiting: Set<Handle> = []
  /// Exchanges that wait in the queue of their pool, and their places there.
  var queued: [Handle: QueuePlace] = [:]
  var encoders = EncoderPool()
  /// Where passwords are asked for; there with the first.
  var desk: CredentialsDesk?
  /// Clients that wait for an answer.
  var verifying: [CredentialsDesk.Ticket: Handle] = [:]
  /// The request that has come last was looked at before: see `HTTPClient.isAskedAgain`.
  var isAskedAgain = false
  /// Where exchanges are logged; nil nowhere.
  var access: AccessDesk?
  /// Of the request that has come last.
  var notes = RequestNotes()
  /// Names requests.
  var names = RequestIDs(seed: (.random(in: 0...UInt64.max), .random(in: 0...UInt64.max)))
  /// The name that was asked for last.
  let nameText = UnsafeMutableRawBufferPointer.allocate(byteCount: RequestIDs.length, alignment: 1)
  /// Lines of a head that is being written.
  private(set) var lines = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
  private let dateText = UnsafeMutableRawBufferPointer.allocate(byteCount: HTTPDate.length, alignment: 1)
  private var dateSecond: Int64 = -1
  /// When the date was looked at last.
  private var dateRead = Instant.zero

  deinit {
    nameText.deallocate()
    lines.deallocate()
    dateText.deallocate()
  }

  /// Makes room for lines that do not fit. What was there is gone.
  mutating func growLines(to count: Int) -> UnsafeMutableRawBufferPointer {
    if count > lines.count {
      lines.deallocate()
      lines = .allocate(byteCount: count * 2, alignment: 1)
    }
    return lines
  }

  /// The date for responses; the clock is asked once in a quarter of a second.
  mutating func date(_ now: Instant) -> UnsafeRawBufferPointer {
    if dateSecond < 0 || now.nanoseconds &- dateRead.nanoseconds > 250_000_000 {
      dateRead = now
      let second = Clock.wallNanoseconds / 1_000_000_000
      if second != dateSecond {
        dateSecond = second
        HTTPDate.write(secondsSinceEpoch: second, into: dateText)
      }
    }
    return UnsafeRawBufferPointer(dateText)
  }

  // MARK: Idle connections

  /// Takes the most recently used idle connection to a backend.
  mutating func takeIdle(_ backend: Backend) -> Handle? {
    guard let list = idle[ObjectIdentifier(backend)], list.newest != .none else { return nil }
    let handle = list.newest
    removeIdle(handle)
    return handle
  }

  mutating func removeIdle(_ handle: Handle) {
    guard let server = servers.pointer(to: handle) else { return }
    let key = ObjectIdentifier(server.pointee.backend)
    guard var list = idle[key] else { return }
    let newer = server.pointee.newer
    let older = server.pointee.older
    if let neighbour = servers.pointer(to: newer) { neighbour.pointee.older = older } else { list.newest = older }
    if let neighbour = servers.pointer(to: older) { neighbour.pointee.newer = newer } else { list.oldest = newer }
    server.pointee.newer = .none
    server.pointee.older = .none
    list.count -= 1
    // Kept while it is empty: whoever has had one will soon have another.
    idle[key] = list
  }

  mutating func addIdle(_ handle: Handle) {
    guard let server = servers.pointer(to: handle) else { return }
    let key = ObjectIdentifier(server.pointee.backend)
    var list = idle[key] ?? IdleConnections()
    server.pointee.older = list.newest
    if let neighbour = servers.pointer(to: list.newest) {
      neighbour.pointee.newer = handle
    } else {
      list.oldest = handle
    }
    list.newest = handle
    list.count += 1
    idle[key] = list
  }
}
