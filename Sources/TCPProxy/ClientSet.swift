import Base

/// A fixed number of clients: one part of a `ClientTable`.
///
/// A hash table of chains over an array of entries. The entries without open connections also form a list in the order
/// in which they were last seen, whose head is forgotten first.
struct ClientSet: ~Copyable {
  enum Answer: Equatable {
    /// The slot stays the client's until as many releases as admissions.
    case admitted(UInt32)
    case uncounted
    case tooManyConnections
    case tooFast(retryAfter: Duration)
  }

  private struct Entry: BitwiseCopyable {
    var client: IPAddress
    /// The state of its rate.
    var rate: Instant
    var connections: UInt32
    var bucket: UInt32
    /// The next entry in the bucket.
    var next: UInt32
    /// Neighbours in the list of those without connections.
    var older: UInt32
    var newer: UInt32
  }

  private static var none: UInt32 { .max }
  private let capacity: Int
  private let bucketMask: UInt32
  private let buckets: UnsafeMutablePointer<UInt32>
  /// Initialized up to `used`, so that pages nobody needs are never touched.
  private let entries: UnsafeMutablePointer<Entry>
  private var used = 0
  private var oldest = ClientSet.none
  private var newest = ClientSet.none
  private(set) var standing = ClientTable.Standing()

  init(capacity: Int) {
    self.capacity = max(capacity, 1)
    var size = 1
    while size < self.capacity { size *= 2 }
    bucketMask = UInt32(size - 1)
    buckets = .allocate(capacity: size)
    buckets.initialize(repeating: Self.none, count: size)
    entries = .allocate(capacity: self.capacity)
  }

  deinit {
    buckets.deallocate()
    entries.deallocate()
  }

  var memory: Int { capacity * MemoryLayout<Entry>.stride + (Int(bucketMask) + 1) * MemoryLayout<UInt32>.stride }

  mutating func admit(_ client: IPAddress, hash: UInt32, limits: ClientTable.Limits, now: Instant) -> Answer {
    let bucket = hash & bucketMask
    guard let slot = find(client, in: bucket) ?? make(client, in: bucket) else {
      standing.uncounted += 1
      return .uncounted
    }
    let entry = entries + Int(slot)
    let isIdle = entry.pointee.connections == 0
    if isIdle { unlink(slot) }
    if let limit = limits.connections, entry.pointee.connections >= limit {
      if isIdle { append(slot) }
      return .tooManyConnections
    }
    if let rate = limits.rate, !rate.take(from: &entry.pointee.rate, now: now) {
      if isIdle { append(slot) }
      return .tooFast(retryAfter: rate.wait(entry.pointee.rate, now: now))
    }
    if isIdle { standing.connected += 1 }
    entry.pointee.connections += 1
    return .admitted(slot)
  }

  mutating func release(_ slot: UInt32) {
    precondition(Int(slot) < used && entries[Int(slot)].connections > 0, "a ticket was given back twice")
    entries[Int(slot)].connections -= 1
    if entries[Int(slot)].connections == 0 {
      standing.connected -= 1
      append(slot)
    }
  }

  private func find(_ client: IPAddress, in bucket: UInt32) -> UInt32? {
    var slot = buckets[Int(bucket)]
    while slot != Self.none {
      if entries[Int(slot)].client == client { return slot }
      slot = entries[Int(slot)].next
    }
    return nil
  }

  /// An entry for a new client, without connections and already in the list; nil when all have connections.
  private mutating func make(_ client: IPAddress, in bucket: UInt32) -> UInt32? {
    let slot: UInt32
    if used < capacity {
      slot = UInt32(used)
      used += 1
      standing.clients += 1
    } else {
      guard oldest != Self.none else { return nil }
      slot = oldest
      unlink(slot)
      unchain(slot)
      standing.forgotten += 1
    }
    (entries + Int(slot)).initialize(
      to: Entry(
        client: client, rate: RateLimiter.full, connections: 0, bucket: bucket, next: buckets[Int(bucket)],
        older: Self.none, newer: Self.none))
    buckets[Int(bucket)] = slot
    append(slot)
    return slot
  }

  private mutating func unchain(_ slot: UInt32) {
    let entry = entries[Int(slot)]
    if buckets[Int(entry.bucket)] == slot {
      buckets[Int(entry.bucket)] = entry.next
      return
    }
    var before = buckets[Int(entry.bucket)]
    while entries[Int(before)].next != slot { before = entries[Int(before)].next }
    entries[Int(before)].next = entry.next
  }

  private mutating func append(_ slot: UInt32) {
    entries[Int(slot)].older = newest
    entries[Int(slot)].newer = Self.none
    if newest == Self.none { oldest = slot } else { entries[Int(newest)].newer = slot }
    newest = slot
  }

  private mutating func unlink(_ slot: UInt32) {
    let (older, newer) = (entries[Int(slot)].older, entries[Int(slot)].newer)
    if older == Self.none { oldest = newer } else { entries[Int(older)].newer = newer }
    if newer == Self.none { newest = older } else { entries[Int(newer)].older = older }
  }
}
