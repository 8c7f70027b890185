/// Storage for many values of one type that are added and removed all the time.
///
/// Elements live in chunks that never move, so a pointer from `pointer(to:)` stays valid until the element is
/// removed. Slots are reused last-in first-out, which keeps the working set small. Never more than `maximumCount`.
///
/// A slot is a header and, right behind it, the element: finding one touches a single stretch of memory. Memory is
/// touched only when a slot is used for the first time, and kept for reuse from then on.
public struct Slab<Element: ~Copyable>: ~Copyable {
  @usableFromInline
  struct Header: BitwiseCopyable {
    /// Odd while the slot is taken.
    @usableFromInline var generation: UInt32
    /// The next free slot while this one is free.
    @usableFromInline var nextFree: UInt32

    @inlinable
    init(generation: UInt32, nextFree: UInt32) {
      self.generation = generation
      self.nextFree = nextFree
    }
  }

  /// Slots in the low 29 bits of a word leave three for a tag beside them.
  public static var maximumCount: Int { 1 << 29 }

  @usableFromInline static var none: UInt32 { .max }
  @usableFromInline let chunkShift: UInt32
  @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  @usableFromInline var chunkCount = 0
  @usableFromInline var chunkCapacity = 8
  @usableFromInline var firstFree = UInt32.max
  /// Slots that were ever taken; what lies behind them has never been touched.
  @usableFromInline var usedSlots = 0
  @usableFromInline var takenSlots = 0

  /// - Parameter chunkSize: elements allocated at a time; rounded up to a power of two, at most 65,536.
  public init(chunkSize: Int = 256) {
    var shift: UInt32 = 0
    while shift < 16, 1 << shift < chunkSize { shift += 1 }
    chunkShift = shift
    chunks = .allocate(capacity: chunkCapacity)
  }

  deinit {
    for slot in 0..<UInt32(usedSlots) where header(slot).pointee.generation & 1 == 1 {
      element(slot).deinitialize(count: 1)
    }
    for index in 0..<chunkCount { chunks[index].deallocate() }
    chunks.deallocate()
  }

  /// Elements that are there now.
  @inlinable
  public var count: Int { takenSlots }

  @inlinable
  @inline(__always)
  static var slotAlignment: Int { max(MemoryLayout<Header>.stride, MemoryLayout<Element>.alignment) }

  @inlinable
  @inline(__always)
  static var slotStride: Int {
    let size = slotAlignment + MemoryLayout<Element>.size
    return (size + slotAlignment - 1) / slotAlignment * slotAlignment
  }

  @inlinable
  @inline(__always)
  func slotAddress(_ slot: UInt32) -> UnsafeMutableRawPointer {
    chunks[Int(slot >> chunkShift)] + Int(slot & ((1 << chunkShift) - 1)) &* Self.slotStride
  }

  @inlinable
  @inline(__always)
  func header(_ slot: UInt32) -> UnsafeMutablePointer<Header> {
    slotAddress(slot).assumingMemoryBound(to: Header.self)
  }

  @inlinable
  @inline(__always)
  func element(_ slot: UInt32) -> UnsafeMutablePointer<Element> {
    (slotAddress(slot) + Self.slotAlignment).assumingMemoryBound(to: Element.self)
  }

  /// The element that `handle` names, or nil when it is gone. Valid until it is removed.
  @inlinable
  @inline(__always)
  public func pointer(to handle: Handle) -> UnsafeMutablePointer<Element>? {
    guard Int(handle.slot) < usedSlots, handle.generation & 1 == 1,
      header(handle.slot).pointee.generation == handle.generation
    else { return nil }
    return element(handle.slot)
  }

  /// Adds an element and names it.
  @inlinable
  public mutating func insert(_ element: consuming Element) -> Handle {
    let slot = takeSlot()
    let header = header(slot)
    header.pointee.generation &+= 1
    self.element(slot).initialize(to: element)
    takenSlots &+= 1
    return Handle(slot: slot, generation: header.pointee.generation)
  }

  /// Takes an element out; nil when the handle names nothing any more.
  @inlinable
  public mutating func remove(_ handle: Handle) -> Element? {
    guard let element = pointer(to: handle) else { return nil }
    let header = header(handle.slot)
    header.pointee.generation &+= 1
    header.pointee.nextFree = firstFree
    firstFree = handle.slot
    takenSlots &-= 1
    return element.move()
  }

  /// Calls `body` with each element, in the order of the slots. `body` must leave the slab alone: to remove on the
  /// way, go through `handles`.
  public func forEachHandle(_ body: (Handle) -> Void) {
    for slot in 0..<UInt32(usedSlots) {
      let generation = header(slot).pointee.generation
      if generation & 1 == 1 { body(Handle(slot: slot, generation: generation)) }
    }
  }

  /// Slots that are or were in use: where a walk through all elements ends.
  public var slots: Int { usedSlots }

  /// The same for some of the slots, so that a long walk can be taken in steps.
  public func forEachHandle(in slots: Range<Int>, _ body: (Handle) -> Void) {
    for slot in slots.clamped(to: 0..<usedSlots) {
      let generation = header(UInt32(slot)).pointee.generation
      if generation & 1 == 1 { body(Handle(slot: UInt32(slot), generation: generation)) }
    }
  }

  /// The handles of all elements, in the order of the slots.
  public var handles: [Handle] {
    var all: [Handle] = []
    all.reserveCapacity(count)
    forEachHandle { all.append($0) }
    return all
  }

  @inlinable
  @inline(__always)
  mutating func takeSlot() -> UInt32 {
    if firstFree != Self.none {
      let slot = firstFree
      firstFree = header(slot).pointee.nextFree
      return slot
    }
    if usedSlots == chunkCount &<< Int(chunkShift) { grow() }
    let slot = UInt32(truncatingIfNeeded: usedSlots)
    usedSlots &+= 1
    header(slot).initialize(to: Header(generation: 0, nextFree: Self.none))
    return slot
  }

  @usableFromInline
  mutating func grow() {
    precondition((chunkCount + 1) << Int(chunkShift) <= Self.maximumCount, "a slab is bounded by its owner's limits")
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: chunkCapacity * 2)
      larger.moveInitialize(from: chunks, count: chunkCount)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    let chunk = UnsafeMutableRawPointer.allocate(
      byteCount: Self.slotStride << Int(chunkShift), alignment: Self.slotAlignment)
    (chunks + chunkCount).initialize(to: chunk)
    chunkCount += 1
  }
}
