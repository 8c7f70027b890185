import Base
import Synchronization

/// Who has how many connections open, and how fast they come: what `perClient` limits.
///
/// Memory is fixed: a table full of clients forgets the one it has not seen for longest among those without an open
/// connection. One with open connections is never forgotten, so that no limit can be slipped by waiting for it. When all
/// of them have open connections a new client is let in uncounted: an attack from that many addresses is not for a
/// limit per address to stop, and refusing everybody who is new would finish its work. A table made for as many clients
/// as the process may have connections comes to that by chance only, if one part of it fills up before the others.
///
/// The workers share a table; its parts, by hash, have a lock each, which is held for some tens of nanoseconds.
public final class ClientTable: Sendable {
  /// Clients remembered, unless the connections that the process may have are more: 5 MiB.
  public static let defaultCapacity = 65536

  public struct Limits: Equatable, Sendable {
    /// At once; nil is no limit.
    public var connections: Int?
    /// New connections; nil is no limit.
    public var rate: RateLimiter?

    public init(connections: Int? = nil, rate: Rate? = nil) {
      self.connections = connections
      self.rate = rate.map { RateLimiter($0) }
    }
  }

  public enum Answer: Equatable, Sendable {
    /// The connection counts until its ticket is given back.
    case admitted(Ticket)
    /// It has as many connections open as the limit allows.
    case tooManyConnections
    /// It would be admitted after this time.
    case tooFast(retryAfter: Duration)
  }

  /// A connection that counts. To be given back exactly once.
  public struct Ticket: Equatable, Sendable, BitwiseCopyable {
    /// From `told` on there is no place behind it. One word, because every session has a ticket.
    fileprivate let place: UInt32
    fileprivate static let told: UInt32 = 1 << 31
    /// Of a client that the table had no room for.
    static let uncounted = Ticket(place: told - 1)
    /// Of a connection past its limit, which is only told so: the seconds after which the client may come again.
    var retryAfter: Int? { place < Self.told ? nil : Int(place - Self.told) }
  }

  public struct Standing: Equatable, Sendable {
    /// Clients that the table knows, with or without open connections.
    public var clients = 0
    /// Those with open connections.
    public var connected = 0
    /// Clients forgotten to make room, since the start.
    public var forgotten = 0
    /// Connections let in without being counted, since the start.
    public var uncounted = 0
  }

  private static let partCount = 16
  private let parts: [Part]
  private let seed: UInt64
  /// Connections past their limit that are told so.
  private let told = Atomic<Int>(0)
  private static let mostTold = 1024

  private final class Part: Sendable {
    let clients: Mutex<ClientSet>
    init(capacity: Int) { clients = Mutex(ClientSet(capacity: capacity)) }
  }

  /// - Parameters:
  ///   - capacity: clients to remember at least; all memory is reserved now and used as they come.
  ///   - seed: a secret random word, or whoever knows it makes clients that collide.
  public init(capacity: Int = defaultCapacity, seed: UInt64) {
    self.seed = seed
    // A hash does not fill all parts alike: a quarter more makes it improbable that one is full before its time.
    let share = min(max(capacity, 1), 1 << 26) / Self.partCount
    parts = (0..<Self.partCount).map { _ in Part(capacity: share + share / 4 + 8) }
  }

  /// Counts a new connection of `client`, an IPv6 address by its /64: a network hands out no less, and who has one has
  /// all its addresses. A refused connection counts for nothing.
  public func admit(_ client: IPAddress, limits: Limits, now: Instant) -> Answer {
    let key = client.isIPv4 ? client : IPAddress(high: client.high, low: 0)
    let hash = StableHash.of(key, seed: seed)
    let part = Int(truncatingIfNeeded: hash & UInt64(Self.partCount - 1))
    return parts[part].clients.withLock { clients in
      switch clients.admit(key, hash: UInt32(truncatingIfNeeded: hash >> 32), limits: limits, now: now) {
      case .admitted(let slot): .admitted(Ticket(place: slot * UInt32(Self.partCount) + UInt32(part)))
      case .uncounted: .admitted(.uncounted)
      case .tooManyConnections: .tooManyConnections
      case .tooFast(let retryAfter): .tooFast(retryAfter: retryAfter)
      }
    }
  }

  /// Keeps a connection that was refused for as long as it takes to say so. It counts for nothing.
  /// - Parameter places: what there are for connections. Those that are told take an eighth of them at most: who is
  ///   refused keeps nobody else out.
  /// - Returns: nil when there are too many of them.
  func tell(retryAfter: Duration, places: Int) -> Ticket? {
    guard told.add(1, ordering: .relaxed).newValue <= min(places / 8, Self.mostTold) else {
      told.subtract(1, ordering: .relaxed)
      return nil
    }
    return Ticket(place: Ticket.told + UInt32(min(retryAfter.retryAfter, Int(Int32.max))))
  }

  /// Ends the connection that the ticket stands for.
  public func release(_ ticket: Ticket) {
    if ticket.retryAfter != nil {
      told.subtract(1, ordering: .relaxed)
      return
    }
    if ticket == .uncounted { return }
    parts[Int(ticket.place) % Self.partCount].clients.withLock { clients in
      clients.release(ticket.place / UInt32(Self.partCount))
    }
  }

  public var standing: Standing {
    parts.reduce(into: Standing()) { sum, part in
      let standing = part.clients.withLock { $0.standing }
      sum.clients += standing.clients
      sum.connected += standing.connected
      sum.forgotten += standing.forgotten
      sum.uncounted += standing.uncounted
    }
  }

  /// Bytes reserved, once and for all.
  public var memory: Int { parts.reduce(0) { sum, part in sum + part.clients.withLock { $0.memory } } }
}
