import Balancing
import Base
import Synchronization

/// Which sessions somebody wants to see, and where the page begins.
public struct SessionQuery: Sendable {
  /// So many at most.
  public var limit = 100
  /// The last of the page before.
  public var after: SessionKey?
  public var listener: String?
  public var pool: String?
  public var backend: String?
  public var client: IPAddress?

  public static let mostEntries = 1000

  public init() {}
}

/// Names a session, and puts all of them in order: the oldest first.
public struct SessionKey: Comparable, Sendable, BitwiseCopyable {
  /// When it was accepted.
  public let begun: UInt64
  let worker: UInt32
  /// It is a client that speaks HTTP, in a slab of its own.
  let isHTTPClient: Bool
  let handle: Handle

  public static func < (left: SessionKey, right: SessionKey) -> Bool { left.order < right.order }

  private var order: (UInt64, UInt64, UInt64) {
    (begun, UInt64(worker) << 1 | (isHTTPClient ? 1 : 0), UInt64(handle.slot) << 32 | UInt64(handle.generation))
  }

  /// `1-42-7`, with an h behind it for a client that speaks HTTP.
  public var id: String { "\(worker)-\(handle.slot)-\(handle.generation)\(isHTTPClient ? "h" : "")" }

  /// What a reader hands back to get the next page: `123456789-1-42-7`.
  public var cursor: String { "\(begun)-\(id)" }

  init(begun: Instant, worker: Int, isHTTPClient: Bool, handle: Handle) {
    self.begun = begun.nanoseconds
    self.worker = UInt32(truncatingIfNeeded: worker)
    self.isHTTPClient = isHTTPClient
    self.handle = handle
  }

  /// Nil where the text is no cursor.
  public init?(cursor: String) {
    var text = cursor[...]
    let isHTTPClient = text.hasSuffix("h")
    if isHTTPClient { text = text.dropLast() }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let begun = UInt64(parts[0]), let worker = UInt32(parts[1]), let slot = UInt32(parts[2]),
      let generation = UInt32(parts[3])
    else { return nil }
    self.begun = begun
    self.worker = worker
    self.isHTTPClient = isHTTPClient
    handle = Handle(slot: slot, generation: generation)
  }
}

/// A session as somebody sees it who asks for the list.
public struct SessionEntry: Sendable {
  public enum State: String, Sendable {
    /// Its PROXY header or ClientHello is to come.
    case greeting
    case handshake
    /// In the queue, for the first checks, or for a password.
    case waiting
    case connecting
    case relaying
    /// HTTP, between two requests.
    case idle
  }

  public let key: SessionKey
  public let listener: String
  public let isHTTP: Bool
  /// Nil for a client of a unix socket.
  public let client: SocketAddress?
  public let pool: String?
  public let backend: String?
  public let state: State
  public let bytesFromClient: Int
  public let bytesToClient: Int
}

public struct SessionPage: Sendable {
  /// The oldest first.
  public let sessions: [SessionEntry]
  /// The last of them, where more follow.
  public let next: SessionKey?

  /// - Parameter found: of each worker one more than the page takes, where it has more.
  init(_ found: [SessionEntry], limit: Int) {
    let sorted = found.sorted { $0.key < $1.key }
    sessions = Array(sorted.prefix(limit))
    next = sorted.count > limit ? sessions.last?.key : nil
  }
}

/// A question to all workers. Each goes through its sessions a slice at a time, as a message to itself between what else it
/// does: with a hundred thousand of them nobody notices.
final class SessionListing: Sendable {
  let query: SessionQuery
  private let state: Mutex<(left: Int, found: [SessionEntry])>
  private let onEnd: @Sendable (SessionPage) -> Void

  init(_ query: SessionQuery, workers: Int, onEnd: @escaping @Sendable (SessionPage) -> Void) {
    self.query = query
    state = Mutex((workers, []))
    self.onEnd = onEnd
  }

  /// A worker has seen all of its sessions.
  func add(_ entries: [SessionEntry]) {
    let all = state.withLock { state -> [SessionEntry]? in
      state.found += entries
      state.left -= 1
      return state.left == 0 ? state.found : nil
    }
    if let all { onEnd(SessionPage(all, limit: query.limit)) }
  }
}

/// How far a worker has come with a listing.
struct SessionScan: Sendable {
  let listing: SessionListing
  /// The slot to go on with; those of the clients that speak HTTP come behind those of the sessions.
  var slot = 0
  var isAtHTTP = false
  var oldest: OldestKeys

  init(_ listing: SessionListing) {
    self.listing = listing
    oldest = OldestKeys(limit: listing.query.limit + 1)
  }

  /// Sessions that are looked at in one go.
  static let slice = 1024
}

/// The smallest keys of all that were offered: a heap with the largest of them on top, which is the next to go.
struct OldestKeys: Sendable {
  private(set) var keys: [SessionKey] = []
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func offer(_ key: SessionKey) {
    if keys.count < limit {
      keys.append(key)
      var index = keys.count - 1
      while index > 0, keys[(index - 1) / 2] < keys[index] {
        keys.swapAt((index - 1) / 2, index)
        index = (index - 1) / 2
      }
    } else if let largest = keys.first, key < largest {
      keys[0] = key
      sink()
    }
  }

  private mutating func sink() {
    var index = 0
    while true {
      var largest = index
      for child in [2 * index + 1, 2 * index + 2] where child < keys.count && keys[largest] < keys[child] {
        largest = child
      }
      if largest == index { return }
      keys.swapAt(index, largest)
      index = largest
    }
  }
}

extension WorkerGroup {
  /// Asks for the sessions that are open.
  /// - Parameter onEnd: called on the thread of the worker that answers last.
  public func listSessions(_ query: SessionQuery, onEnd: @escaping @Sendable (SessionPage) -> Void) {
    var query = query
    query.limit = min(max(query.limit, 1), SessionQuery.mostEntries)
    let listing = SessionListing(query, workers: count, onEnd: onEnd)
    for mailbox in mailboxes { mailbox.post(.list(SessionScan(listing))) }
  }
}

extension Worker {
  /// Looks at the next slice of sessions.
  mutating func list(_ scan: SessionScan) {
    var scan = scan
    let query = scan.listing.query
    var left = SessionScan.slice
    if !scan.isAtHTTP {
      let end = min(scan.slot + left, sessions.slots)
      sessions.forEachHandle(in: scan.slot..<end) { handle in
        guard let session = sessions.pointer(to: handle) else { return }
        let key = SessionKey(begun: session.pointee.begun, worker: index, isHTTPClient: false, handle: handle)
        if let after = query.after, key <= after { return }
        guard
          query.admits(
            session.pointee.service.listener, session.pointee.destination?.pool.name, session.pointee.backend?.name,
            session.pointee.clientAddress)
        else { return }
        scan.oldest.offer(key)
      }
      left -= end - scan.slot
      scan.slot = end
      if end == sessions.slots {
        scan.isAtHTTP = true
        scan.slot = 0
      }
    }
    if scan.isAtHTTP {
      let end = min(scan.slot + left, http.clients.slots)
      http.clients.forEachHandle(in: scan.slot..<end) { handle in
        guard let client = http.clients.pointer(to: handle) else { return }
        let key = SessionKey(begun: client.pointee.begun, worker: index, isHTTPClient: true, handle: handle)
        if let after = query.after, key <= after { return }
        let exchange = http.exchanges.pointer(to: client.pointee.exchange)
        guard
          query.admits(
            client.pointee.service.listener, exchange?.pointee.destination.pool.name, exchange?.pointee.backend?.name,
            client.pointee.address)
        else { return }
        scan.oldest.offer(key)
      }
      scan.slot = end
      if end == http.clients.slots {
        scan.listing.add(scan.oldest.keys.compactMap { entry($0) })
        return
      }
    }
    group.mailboxes[index].post(.list(scan))
  }

  /// Nil for one that has ended meanwhile.
  private func entry(_ key: SessionKey) -> SessionEntry? {
    if key.isHTTPClient { return http.clients.pointer(to: key.handle).map { entry(key, $0) } }
    guard let session = sessions.pointer(to: key.handle) else { return nil }
    let state: SessionEntry.State =
      switch session.pointee.phase {
      case .greeting: session.pointee.greeting?.stage == .tls ? .handshake : .greeting
      case .waiting: .waiting
      case .connecting, .securing: .connecting
      case .poised, .relaying, .relayingSecurely: .relaying
      }
    return SessionEntry(
      key: key, listener: session.pointee.service.listener, isHTTP: session.pointee.service.http != nil,
      client: session.pointee.clientAddress.map { .ip($0, port: session.pointee.clientPort) },
      pool: session.pointee.destination?.pool.name, backend: session.pointee.backend?.name, state: state,
      bytesFromClient: session.pointee.toServer.bytes, bytesToClient: session.pointee.toClient.bytes)
  }

  private func entry(_ key: SessionKey, _ client: UnsafeMutablePointer<HTTPClient>) -> SessionEntry {
    let exchange = http.exchanges.pointer(to: client.pointee.exchange)
    let state: SessionEntry.State =
      switch (client.pointee.phase, exchange?.pointee.phase) {
      case (.idle, _): .idle
      case (.verifying, _), (.exchange, .waiting): .waiting
      case (.exchange, .connecting): .connecting
      default: .relaying
      }
    return SessionEntry(
      key: key, listener: client.pointee.service.listener, isHTTP: true,
      client: client.pointee.address.map { .ip($0, port: client.pointee.port) },
      pool: exchange?.pointee.destination.pool.name, backend: exchange?.pointee.backend?.name, state: state,
      bytesFromClient: client.pointee.connection.received, bytesToClient: client.pointee.connection.sent)
  }
}

extension SessionQuery {
  fileprivate func admits(_ listener: String, _ pool: String?, _ backend: String?, _ client: IPAddress?) -> Bool {
    if let wanted = self.listener, wanted != listener { return false }
    if let wanted = self.pool, wanted != pool { return false }
    if let wanted = self.backend, wanted != backend { return false }
    if let wanted = self.client, wanted != client { return false }
    return true
  }
}
