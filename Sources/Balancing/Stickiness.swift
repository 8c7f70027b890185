import Base
import Synchronization

/// Which backend a client had last: what `sticky: { "source": true }` goes by.
///
/// Its owner keeps it through reloads: it holds no backends but stable hashes of their names, so that an entry whose
/// backend is gone means nothing and does no harm. Memory is fixed; full, it forgets who has not come for longest. An
/// IPv6 client is its /64, or one network could push everybody else out. The workers share it, in parts with a lock
/// each.
public final class Stickiness: Sendable {
  struct Bond: BitwiseCopyable {
    var backend: UInt64
    var lastSeen: Instant
  }

  private final class Part: Sendable {
    let clients: Mutex<RecentTable<IPAddress, Bond>>
    init(capacity: Int) { clients = Mutex(RecentTable(capacity: capacity)) }
  }

  private static let partCount = 8
  private let parts: [Part]
  private let seed: UInt64
  /// Clients that are remembered at least.
  public let capacity: Int

  /// - Parameters:
  ///   - capacity: clients to remember at least; all memory is reserved now and used as they come.
  ///   - seed: a secret random word, or whoever knows it makes clients that collide.
  public init(capacity: Int, seed: UInt64) {
    self.capacity = min(max(capacity, 1), 1 << 26)
    self.seed = seed
    // A hash does not fill all parts alike: a quarter more makes it improbable that one forgets before its time.
    let share = self.capacity / Self.partCount
    parts = (0..<Self.partCount).map { _ in Part(capacity: share + share / 4 + 8) }
  }

  /// The same bonds in another size, for a reload that changes it; the latest of them where it is smaller.
  public convenience init(copying other: Stickiness, capacity: Int) {
    self.init(capacity: capacity, seed: other.seed)
    for part in other.parts {
      part.clients.withLock { clients in
        clients.forEach { client, bond in remember(client, backend: bond.backend, now: bond.lastSeen) }
      }
    }
  }

  /// The name, hashed, of the backend that a client had within the last `ttl`; its time begins anew. The backend may be
  /// gone, or take no sessions: then `remember` the one that is picked instead.
  public func backend(of client: IPAddress, ttl: Duration, now: Instant) -> UInt64? {
    let (key, hash, part) = place(client)
    return parts[part].clients.withLock { clients in
      guard let slot = clients.find(key, hash: hash) else { return nil }
      guard now - clients[slot].lastSeen < ttl else {
        clients.remove(slot)
        return nil
      }
      clients[slot].lastSeen = max(clients[slot].lastSeen, now)
      clients.touch(slot)
      return clients[slot].backend
    }
  }

  /// Binds a client to a backend.
  /// - Parameter backend: the stable hash of its name.
  public func remember(_ client: IPAddress, backend: UInt64, now: Instant) {
    let (key, hash, part) = place(client)
    let bond = Bond(backend: backend, lastSeen: now)
    parts[part].clients.withLock { clients in
      guard let slot = clients.find(key, hash: hash) else {
        _ = clients.insert(key, hash: hash, value: bond)
        return
      }
      clients[slot] = bond
      clients.touch(slot)
    }
  }

  /// Clients that are remembered, some of them perhaps for longer than their time.
  public var count: Int { parts.reduce(0) { sum, part in sum + part.clients.withLock { $0.count } } }

  /// Bytes reserved, once and for all.
  public var memory: Int { parts.reduce(0) { sum, part in sum + part.clients.withLock { $0.memory } } }

  private func place(_ client: IPAddress) -> (key: IPAddress, hash: UInt32, part: Int) {
    let key = client.isIPv4 ? client : IPAddress(high: client.high, low: 0)
    let hash = StableHash.of(key, seed: seed)
    return (key, UInt32(truncatingIfNeeded: hash >> 32), Int(truncatingIfNeeded: hash & UInt64(Self.partCount - 1)))
  }
}
