import Balancing
import Base
import Synchronization

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
}
