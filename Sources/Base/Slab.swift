/// Storage for many values of one type that are added and removed all the time.
///
/// Elements live in chunks that never move, so a pointer from `pointer(to:)` stays valid until the element is
/// removed. Slots are reused last-in first-out, which keeps the working set small. Never more than `maximumCount`.
public struct Slab<Element: ~Copyable>: ~Copyable {
  /// A slot: its generation is odd while it is taken.
  @usableFromInline
  struct Slot: ~Copyable {
    @usableFromInline var generation: UInt32
    /// The next free slot while this one is free.
    @usableFromInline var nextFree: UInt32
  }

  /// Slots in the low 30 bits of a word leave two for a tag beside them.
  public static var maximumCount: Int { 1 << 30 }

  @usableFromInline static var none: UInt32 { .max }
  @usableFromInline let chunkShift: UInt32
  @usableFromInline var chunks: UnsafeMutablePointer<Chunk>
  @usableFromInline var chunkCount = 0
  @usableFromInline var chunkCapacity = 8
  @usableFromInline var firstFree = UInt32.max
  @usableFromInline var slotCount = 0
  public private(set) var count = 0

  @usableFromInline
  struct Chunk: BitwiseCopyable {
    @usableFromInline let elements: UnsafeMutableRawPointer
    @usableFromInline let slots: UnsafeMutableRawPointer
  }

  /// - Parameter chunkSize: elements allocated at a time; rounded up to a power of two.
  public init(chunkSize: Int = 256) {
    var shift: UInt32 = 0
    while 1 << shift < chunkSize { shift += 1 }
    chunkShift = shift
    chunks = .allocate(capacity: chunkCapacity)
  }

  deinit {
    for slot in 0..<slotCount where slotPointer(UInt32(slot)).pointee.generation & 1 == 1 {
      _ = elementPointer(UInt32(slot)).deinitialize(count: 1)
    }
    for index in 0..<chunkCount {
      chunks[index].elements.deallocate()
      chunks[index].slots.deallocate()
    }
    chunks.deallocate()
  }

  @inlinable
  @inline(__always)
  func elementPointer(_ slot: UInt32) -> UnsafeMutablePointer<Element> {
    let chunk = chunks[Int(slot >> chunkShift)].elements.assumingMemoryBound(to: Element.self)
    return chunk + Int(slot & (1 << chunkShift - 1))
  }

  @inlinable
  @inline(__always)
  func slotPointer(_ slot: UInt32) -> UnsafeMutablePointer<Slot> {
    let chunk = chunks[Int(slot >> chunkShift)].slots.assumingMemoryBound(to: Slot.self)
    return chunk + Int(slot & (1 << chunkShift - 1))
  }

  /// The element that `handle` names, or nil when it is gone. Valid until it is removed.
  @inlinable
  @inline(__always)
  public func pointer(to handle: Handle) -> UnsafeMutablePointer<Element>? {
    guard Int(handle.slot) < slotCount, slotPointer(handle.slot).pointee.generation == handle.generation,
      handle.generation & 1 == 1
    else { return nil }
    return elementPointer(handle.slot)
  }

  /// Adds an element and names it.
  public mutating func insert(_ element: consuming Element) -> Handle {
    if firstFree == Self.none { grow() }
    let slot = firstFree
    let header = slotPointer(slot)
    firstFree = header.pointee.nextFree
    header.pointee.generation &+= 1
    elementPointer(slot).initialize(to: element)
    count += 1
    return Handle(slot: slot, generation: header.pointee.generation)
  }

  /// Takes an element out; nil when the handle names nothing any more.
  public mutating func remove(_ handle: Handle) -> Element? {
    guard pointer(to: handle) != nil else { return nil }
    let header = slotPointer(handle.slot)
    header.pointee.generation &+= 1
    header.pointee.nextFree = firstFree
    firstFree = handle.slot
    count -= 1
    return elementPointer(handle.slot).move()
  }

  /// Calls `body` with each element, in the order of the slots. `body` may remove the element it is given, no other.
  public func forEachHandle(_ body: (Handle) -> Void) {
    for slot in 0..<UInt32(slotCount) {
      let generation = slotPointer(slot).pointee.generation
      if generation & 1 == 1 { body(Handle(slot: slot, generation: generation)) }
    }
  }

  /// The handles of all elements, in the order of the slots.
  public var handles: [Handle] {
    var all: [Handle] = []
    all.reserveCapacity(count)
    forEachHandle { all.append($0) }
    return all
  }

  private mutating func grow() {
    precondition(slotCount + 1 << chunkShift <= Self.maximumCount, "a slab is bounded by its owner's limits")
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: chunkCapacity * 2)
      larger.update(from: chunks, count: chunkCount)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    let size = 1 << Int(chunkShift)
    let elements = UnsafeMutablePointer<Element>.allocate(capacity: size)
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: size)
    chunks[chunkCount] = Chunk(elements: UnsafeMutableRawPointer(elements), slots: UnsafeMutableRawPointer(slots))
    chunkCount += 1
    for offset in (0..<size).reversed() {
      (slots + offset).initialize(to: Slot(generation: 0, nextFree: firstFree))
      firstFree = UInt32(slotCount + offset)
    }
    slotCount += size
  }
}
