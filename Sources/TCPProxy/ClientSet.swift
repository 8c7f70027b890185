import Base

/// A fixed number of clients: one part of a `ClientTable`.
struct ClientSet: ~Copyable {
  enum Answer: Equatable {
    /// The slot stays the client's until as many releases as admissions.
    case admitted(UInt32)
    case uncounted
    case tooManyConnections
    case tooFast(retryAfter: Duration)
  }

  struct Client: BitwiseCopyable {
    var connections = 0
    /// The state of its rate.
    var rate = RateLimiter.full
  }

  private var clients: RecentTable<IPAddress, Client>
  private var connected = 0
  private var uncounted = 0

  init(capacity: Int) { clients = RecentTable(capacity: capacity) }

  var memory: Int { clients.memory }

  var standing: ClientTable.Standing {
    ClientTable.Standing(
      clients: clients.count, connected: connected, forgotten: clients.forgotten, uncounted: uncounted)
  }

  mutating func admit(_ address: IPAddress, hash: UInt32, limits: ClientTable.Limits, now: Instant) -> Answer {
    guard let slot = clients.find(address, hash: hash) ?? clients.insert(address, hash: hash, value: Client()) else {
      uncounted += 1
      return .uncounted
    }
    clients.touch(slot)
    if let limit = limits.connections, clients[slot].connections >= limit { return .tooManyConnections }
    if let rate = limits.rate, !rate.take(from: &clients[slot].rate, now: now) {
      return .tooFast(retryAfter: rate.wait(clients[slot].rate, now: now))
    }
    if clients[slot].connections == 0 {
      connected += 1
      clients.pin(slot)
    }
    clients[slot].connections += 1
    return .admitted(slot)
  }

  mutating func release(_ slot: UInt32) {
    precondition(clients[slot].connections > 0, "a ticket was given back twice")
    clients[slot].connections -= 1
    if clients[slot].connections == 0 {
      connected -= 1
      clients.unpin(slot)
    }
  }
}
