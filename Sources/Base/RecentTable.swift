/// A hash table that never grows: full, it forgets what was touched longest ago, except for what is pinned.
///
/// Chains over an array of entries; those that may be forgotten also form a list in the order in which they were
/// touched. Slots are stable: an entry keeps its slot until it is removed or forgotten. Whoever stores keys that
/// strangers choose hashes them with a secret seed.
public struct RecentTable<Key: Equatable & BitwiseCopyable, Value: BitwiseCopyable>: ~Copyable {
  @usableFromInline
  struct Entry: BitwiseCopyable {
    @usableFromInline var key: Key
    @usableFromInline var value: Value
    @usableFromInline var isPinned = false
    @usableFromInline var bucket: UInt32
    /// The next entry in the bucket, or the next free one.
    @usableFromInline var next: UInt32
    /// Neighbours in the list, while it is not pinned.
    @usableFromInline var older = UInt32.max
    @usableFromInline var newer = UInt32.max

    @inlinable
    init(key: Key, value: Value, bucket: UInt32, next: UInt32) {
      self.key = key
      self.value = value
      self.bucket = bucket
      self.next = next
    }
  }

  @usableFromInline static var none: UInt32 { .max }
  @usableFromInline let bucketMask: UInt32
  @usableFromInline let buckets: UnsafeMutablePointer<UInt32>
  @usableFromInline let entries: UnsafeMutablePointer<Entry>
  /// Entries that were ever in use: what lies behind them has never been touched.
  @usableFromInline var used = 0
  @usableFromInline var taken = 0
  @usableFromInline var evictions = 0
  @usableFromInline var firstFree = UInt32.max
  @usableFromInline var oldest = UInt32.max
  @usableFromInline var newest = UInt32.max

  public let capacity: Int

  /// - Parameter capacity: entries, held at 1…2^30; the memory for them is reserved now and touched as they come.
  public init(capacity: Int) {
    self.capacity = min(max(capacity, 1), 1 << 30)
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

  @inlinable
  public var count: Int { taken }

  /// Entries forgotten to make room for others.
  @inlinable
  public var forgotten: Int { evictions }

  /// Bytes reserved.
  public var memory: Int { capacity * MemoryLayout<Entry>.stride + (Int(bucketMask) + 1) * MemoryLayout<UInt32>.stride }

  /// The slot of a key, if it is there. Does not touch it.
  @inlinable
  public func find(_ key: Key, hash: UInt32) -> UInt32? {
    var slot = buckets[Int(hash & bucketMask)]
    while slot != Self.none {
      if entries[Int(slot)].key == key { return slot }
      slot = entries[Int(slot)].next
    }
    return nil
  }

  /// Adds a key that is not there, as the one touched last. Nil when the table is full and all of it is pinned.
  @inlinable
  public mutating func insert(_ key: Key, hash: UInt32, value: Value) -> UInt32? {
    if taken == capacity {
      guard oldest != Self.none else { return nil }
      remove(oldest)
      evictions += 1
    }
    let slot: UInt32
    if firstFree != Self.none {
      slot = firstFree
      firstFree = entries[Int(slot)].next
    } else {
      slot = UInt32(used)
      used += 1
    }
    taken += 1
    let bucket = hash & bucketMask
    (entries + Int(slot)).initialize(to: Entry(key: key, value: value, bucket: bucket, next: buckets[Int(bucket)]))
    buckets[Int(bucket)] = slot
    append(slot)
    return slot
  }

  @inlinable
  public mutating func remove(_ slot: UInt32) {
    if !entries[Int(slot)].isPinned { unlink(slot) }
    let (bucket, next) = (Int(entries[Int(slot)].bucket), entries[Int(slot)].next)
    if buckets[bucket] == slot {
      buckets[bucket] = next
    } else {
      var before = buckets[bucket]
      while entries[Int(before)].next != slot { before = entries[Int(before)].next }
      entries[Int(before)].next = next
    }
    entries[Int(slot)].next = firstFree
    firstFree = slot
    taken -= 1
  }

  /// The value in a slot that is taken.
  @inlinable
  public subscript(slot: UInt32) -> Value {
    get { entries[Int(slot)].value }
    set { entries[Int(slot)].value = newValue }
  }

  /// Makes an entry the one touched last.
  @inlinable
  public mutating func touch(_ slot: UInt32) {
    if entries[Int(slot)].isPinned || newest == slot { return }
    unlink(slot)
    append(slot)
  }

  /// Keeps an entry from being forgotten.
  @inlinable
  public mutating func pin(_ slot: UInt32) {
    if entries[Int(slot)].isPinned { return }
    unlink(slot)
    entries[Int(slot)].isPinned = true
  }

  /// Lets an entry be forgotten again, as the one touched last.
  @inlinable
  public mutating func unpin(_ slot: UInt32) {
    if !entries[Int(slot)].isPinned { return }
    entries[Int(slot)].isPinned = false
    append(slot)
  }

  /// Calls `body` with each entry that is not pinned, the one touched longest ago first.
  @inlinable
  public func forEach(_ body: (Key, Value) -> Void) {
    var slot = oldest
    while slot != Self.none {
      body(entries[Int(slot)].key, entries[Int(slot)].value)
      slot = entries[Int(slot)].newer
    }
  }

  @inlinable
  mutating func append(_ slot: UInt32) {
    entries[Int(slot)].older = newest
    entries[Int(slot)].newer = Self.none
    if newest == Self.none { oldest = slot } else { entries[Int(newest)].newer = slot }
    newest = slot
  }

  @inlinable
  mutating func unlink(_ slot: UInt32) {
    let (older, newer) = (entries[Int(slot)].older, entries[Int(slot)].newer)
    if older == Self.none { oldest = newer } else { entries[Int(older)].newer = newer }
    if newer == Self.none { newest = older } else { entries[Int(newer)].older = older }
  }
}
