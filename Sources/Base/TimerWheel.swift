/// Names a timer of a `TimerWheel`. One that has fired or was cancelled finds nothing, even when its place is taken
/// again.
public struct Timer: Hashable, Sendable, BitwiseCopyable {
  @usableFromInline let index: UInt32
  @usableFromInline let generation: UInt32

  @inlinable
  init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }

  /// No timer at all: cancelling it does nothing. Half the size of an optional.
  @inlinable
  public static var none: Timer { Timer(index: .max, generation: 0) }
}

/// Deadlines by the thousand: scheduling and cancelling cost the same however many there are, and allocate nothing
/// once the wheel has grown to its working size.
///
/// A hierarchical timing wheel (Varghese and Lauck, 1987, scheme 7): eight levels of 64 lists, each level 64 times as
/// coarse as the one below, so that every `Instant` has a place. A timer lies on the level of the highest bit in which
/// its tick differs from the current one, and moves down when the current tick enters its list. Hence, always:
/// - every timer of a level is earlier than all timers of the levels above, and
/// - within a level a lower list is earlier, so that the first bit of the lowest bitmap names what is due next.
///
/// Time counts in ticks of one millisecond. Deadlines are rounded up to a tick and `now` is rounded down, so that no
/// timer fires early. Timers of one tick fire in the order in which they were scheduled.
public struct TimerWheel<Payload: BitwiseCopyable>: ~Copyable {
  /// 32 bytes with a payload of eight.
  @usableFromInline
  struct Node: BitwiseCopyable {
    @usableFromInline var tick: UInt64
    /// The ring of the timers of one list; while the node is free, `next` is the next free one.
    @usableFromInline var next: UInt32
    @usableFromInline var previous: UInt32
    /// Odd while the timer is scheduled.
    @usableFromInline var generation: UInt32
    @usableFromInline var list: UInt32
    @usableFromInline var payload: Payload
  }

  public static var tickNanoseconds: UInt64 { 1_000_000 }
  /// Timers at once. Whoever schedules them has limits of its own far below.
  public static var maximumCount: Int { 1 << 30 }

  @usableFromInline static var levels: Int { 8 }
  @usableFromInline static var slotBits: UInt64 { 6 }
  @usableFromInline static var slots: Int { 64 }
  @usableFromInline static var nothing: UInt32 { .max }

  @usableFromInline var nodes: UnsafeMutablePointer<Node>
  @usableFromInline var capacity: Int
  /// Nodes that were ever taken; what lies behind them has never been touched.
  @usableFromInline var usedNodes = 0
  @usableFromInline var firstFree = UInt32.max
  @usableFromInline var scheduled = 0

  /// The first timer of each list; meaningless where the list's bit is not set.
  @usableFromInline let heads: UnsafeMutablePointer<UInt32>
  /// A bit for each list of a level that holds a timer.
  @usableFromInline let occupied: UnsafeMutablePointer<UInt64>
  /// A bit for each level that holds a timer.
  @usableFromInline var occupiedLevels: UInt64 = 0
  /// Every timer before this tick has fired.
  @usableFromInline var current: UInt64

  public init(now: Instant) {
    capacity = 64
    nodes = .allocate(capacity: capacity)
    heads = .allocate(capacity: Self.levels * Self.slots)
    heads.initialize(repeating: Self.nothing, count: Self.levels * Self.slots)
    occupied = .allocate(capacity: Self.levels)
    occupied.initialize(repeating: 0, count: Self.levels)
    current = now.nanoseconds / Self.tickNanoseconds
  }

  deinit {
    nodes.deallocate()
    heads.deallocate()
    occupied.deallocate()
  }

  /// Timers that are scheduled.
  @inlinable
  public var count: Int { scheduled }

  /// Hands `payload` out once `deadline` has passed. A deadline in the past is due at once.
  @inlinable
  public mutating func schedule(_ payload: Payload, at deadline: Instant) -> Timer {
    let (whole, rest) = deadline.nanoseconds.quotientAndRemainder(dividingBy: Self.tickNanoseconds)
    let index = takeNode()
    let node = nodes + Int(index)
    node.pointee.tick = max(whole &+ (rest == 0 ? 0 : 1), current)
    node.pointee.generation &+= 1
    node.pointee.payload = payload
    link(index)
    scheduled &+= 1
    return Timer(index: index, generation: node.pointee.generation)
  }

  /// Takes a timer back.
  /// - Returns: false when it has fired or was cancelled before.
  @inlinable
  @discardableResult
  public mutating func cancel(_ timer: Timer) -> Bool {
    guard Int(timer.index) < usedNodes, timer.generation & 1 == 1,
      nodes[Int(timer.index)].generation == timer.generation
    else { return false }
    unlink(timer.index)
    freeNode(timer.index)
    return true
  }

  /// The next payload that is due, earliest first. Call it until it returns nil; a timer that is scheduled meanwhile
  /// for a time that has passed is handed out by the same loop.
  @inlinable
  public mutating func popExpired(now: Instant) -> Payload? {
    let nowTick = now.nanoseconds / Self.tickNanoseconds
    while occupiedLevels != 0 {
      let (level, slot, start) = firstList()
      if start > nowTick { break }
      current = start
      let list = level &* Self.slots &+ slot
      if level == 0 {
        let index = heads[list]
        let payload = nodes[Int(index)].payload
        unlink(index)
        freeNode(index)
        return payload
      }
      moveDown(list)
    }
    if nowTick > current { current = nowTick }
    return nil
  }

  /// When to call `popExpired` next: never later than the tick of the first timer, and perhaps earlier, because a far
  /// timer is looked at again as it comes nearer (at most once for each level). Nil while there is no timer.
  @inlinable
  public var nextDeadline: Instant? {
    if occupiedLevels == 0 { return nil }
    let (nanoseconds, overflow) = firstList().start.multipliedReportingOverflow(by: Self.tickNanoseconds)
    return Instant(nanoseconds: overflow ? .max : nanoseconds)
  }

  /// The list with the earliest timers, and its first tick.
  @inlinable
  @inline(__always)
  func firstList() -> (level: Int, slot: Int, start: UInt64) {
    let level = occupiedLevels.trailingZeroBitCount
    let slot = occupied[level].trailingZeroBitCount
    let shift = UInt64(truncatingIfNeeded: level) &* Self.slotBits
    // The timers of a level share all higher bits with the current tick.
    let above = (current &>> (shift &+ Self.slotBits)) &<< (shift &+ Self.slotBits)
    return (level, slot, above | UInt64(truncatingIfNeeded: slot) &<< shift)
  }

  /// Appends a node to the list that its tick belongs to, as seen from the current tick.
  @inlinable
  @inline(__always)
  mutating func link(_ index: UInt32) {
    let node = nodes + Int(index)
    let tick = node.pointee.tick
    let highestBit = 63 &- ((tick ^ current) | 63).leadingZeroBitCount
    let level = highestBit / Int(Self.slotBits)
    let slot = Int(truncatingIfNeeded: tick &>> UInt64(level &* Int(Self.slotBits))) & 63
    let list = level &* Self.slots &+ slot
    node.pointee.list = UInt32(truncatingIfNeeded: list)
    if occupied[level] & (1 &<< UInt64(slot)) == 0 {
      node.pointee.next = index
      node.pointee.previous = index
      heads[list] = index
      occupied[level] |= 1 &<< UInt64(slot)
      occupiedLevels |= 1 &<< UInt64(level)
    } else {
      let first = heads[list]
      let last = nodes[Int(first)].previous
      node.pointee.next = first
      node.pointee.previous = last
      nodes[Int(last)].next = index
      nodes[Int(first)].previous = index
    }
  }

  @inlinable
  @inline(__always)
  mutating func unlink(_ index: UInt32) {
    let node = nodes[Int(index)]
    let list = Int(node.list)
    if node.next == index {
      clear(list)
    } else {
      nodes[Int(node.previous)].next = node.next
      nodes[Int(node.next)].previous = node.previous
      if heads[list] == index { heads[list] = node.next }
    }
  }

  @inlinable
  @inline(__always)
  mutating func clear(_ list: Int) {
    let level = list / Self.slots
    occupied[level] &= ~(1 &<< UInt64(list & 63))
    if occupied[level] == 0 { occupiedLevels &= ~(1 &<< UInt64(level)) }
  }

  /// Spreads a list over the levels below; the current tick has just become its first.
  @inlinable
  mutating func moveDown(_ list: Int) {
    let first = heads[list]
    clear(list)
    var index = first
    repeat {
      let next = nodes[Int(index)].next
      link(index)
      index = next
    } while index != first
  }

  @inlinable
  @inline(__always)
  mutating func takeNode() -> UInt32 {
    if firstFree != Self.nothing {
      let index = firstFree
      firstFree = nodes[Int(index)].next
      return index
    }
    if usedNodes == capacity { grow() }
    let index = UInt32(truncatingIfNeeded: usedNodes)
    usedNodes &+= 1
    nodes[Int(index)].generation = 0
    return index
  }

  @inlinable
  @inline(__always)
  mutating func freeNode(_ index: UInt32) {
    nodes[Int(index)].generation &+= 1
    nodes[Int(index)].next = firstFree
    firstFree = index
    scheduled &-= 1
  }

  @usableFromInline
  mutating func grow() {
    precondition(capacity < Self.maximumCount, "the timers are bounded by their owners' limits")
    let larger = UnsafeMutablePointer<Node>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: nodes, count: usedNodes)
    nodes.deallocate()
    nodes = larger
    capacity *= 2
  }
}
