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
  /// Copies of requests, each with a connection of its own.
  var mirrors = Slab<MirroredRequest>()
  var mirrorRoom = MirrorRoom()
  var buffers = HTTPBuffers()
  var paths = PathRoom()
  /// Where regular expressions are matched.
  var scratch = MatchScratch()
  /// Where a redirect's target is put together.
  var location: [UInt8] = []
  /// Where a Host for a backend is put together.
  var host: [UInt8] = []
  var idle = IdleTable()
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
  /// Bytes held, as the limit of memory was told of them.
  private var told = 0
  private static let grain = 64 << 10
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

  /// There will be no copy of a request: gives back what it has taken.
  mutating func forgetCopy(_ exchange: inout Exchange) {
    if exchange.mirror == .collecting { mirrorRoom.leave(exchange.copiedBody.count) }
    exchange.mirror = .none
    exchange.copiedBody.free(into: &buffers.blocks)
  }

  // MARK: Memory

  /// Bytes that clients make this worker keep: heads, bodies, what is unsent, and the encoders at work.
  private var held: Int { buffers.blocks.inUse + encoders.working }

  /// What is held now beside what was told before. Told in grains: a head that is kept while its response comes is told to nobody,
  /// so requests that go through touch no memory that workers share.
  /// - Parameter exactly: however little it is.
  mutating func takeNewlyHeld(exactly: Bool) -> Int {
    let change = held - told
    if change == 0 || !exactly && held != 0 && change.magnitude < Self.grain { return 0 }
    told += change
    return change
  }

  // MARK: Idle connections

  /// Takes the most recently used idle connection to a backend.
  mutating func takeIdle(_ backend: Backend) -> Handle? {
    let list = idle.list(of: backend)
    let handle = list.pointee.newest
    guard let server = servers.pointer(to: handle) else { return nil }
    remove(server, from: list)
    return handle
  }

  mutating func removeIdle(_ handle: Handle) {
    guard let server = servers.pointer(to: handle) else { return }
    remove(server, from: idle.list(of: server.pointee.backend))
  }

  private mutating func remove(
    _ server: UnsafeMutablePointer<BackendConnection>, from list: UnsafeMutablePointer<IdleConnections>
  ) {
    let newer = server.pointee.newer
    let older = server.pointee.older
    if let neighbour = servers.pointer(to: newer) {
      neighbour.pointee.older = older
    } else {
      list.pointee.newest = older
    }
    if let neighbour = servers.pointer(to: older) {
      neighbour.pointee.newer = newer
    } else {
      list.pointee.oldest = newer
    }
    server.pointee.newer = .none
    server.pointee.older = .none
    list.pointee.count -= 1
  }

  /// - Returns: those of its backend, valid until the next call with another one.
  mutating func addIdle(
    _ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>
  ) -> UnsafeMutablePointer<IdleConnections> {
    let list = idle.list(of: server.pointee.backend)
    server.pointee.older = list.pointee.newest
    if let neighbour = servers.pointer(to: list.pointee.newest) {
      neighbour.pointee.newer = handle
    } else {
      list.pointee.oldest = handle
    }
    list.pointee.newest = handle
    list.pointee.count += 1
    return list
  }
}
