import Synchronization

/// The records of one worker on their way to the log: one thread writes, one reads, and neither waits for the other.
///
/// A bounded ring of bytes. A record lies in one piece; one that does not fit before the end begins at the start again. What
/// does not fit at all is dropped and counted.
public final class AccessRing: @unchecked Sendable {
  /// In front of each record: its size, or `wrap` for "go on at the start".
  private static let header = 8
  private static let wrap: UInt64 = .max

  private let bytes: UnsafeMutableRawBufferPointer
  private let mask: UInt64
  /// Bytes ever written and read: each is stored by one side and loaded by the other, on a cache line of its own.
  private let written: UnsafeMutablePointer<Atomic<UInt64>>
  private let read: UnsafeMutablePointer<Atomic<UInt64>>
  private let lost = Atomic<UInt64>(0)
  /// What the writer knew of `read` last: it looks again only when the ring seems full.
  private var knownRead: UInt64 = 0

  /// - Parameter capacity: bytes, a power of two that holds a few of the largest records.
  public init(capacity: Int = 1 << 20) {
    precondition(capacity & (capacity - 1) == 0 && capacity >= 2 * AccessRecord.largest)
    bytes = .allocate(byteCount: capacity, alignment: 64)
    mask = UInt64(capacity - 1)
    func counter() -> UnsafeMutablePointer<Atomic<UInt64>> {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 128)
      let counter = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
      counter.initialize(to: Atomic(0))
      return counter
    }
    written = counter()
    read = counter()
  }

  deinit {
    written.deinitialize(count: 1)
    read.deinitialize(count: 1)
    UnsafeMutableRawPointer(written).deallocate()
    UnsafeMutableRawPointer(read).deallocate()
    bytes.deallocate()
  }

  /// Records that were dropped so far.
  public var dropped: UInt64 { lost.load(ordering: .relaxed) }

  /// Bytes that wait. For the writer and the reader alone.
  var waiting: Int { Int(written.pointee.load(ordering: .relaxed) &- read.pointee.load(ordering: .relaxed)) }

  /// Nothing waits, in the one order that all threads see.
  var isEmpty: Bool {
    written.pointee.load(ordering: .sequentiallyConsistent) == read.pointee.load(ordering: .relaxed)
  }

  var capacity: Int { bytes.count }

  /// Copies a record in; for the worker's thread alone.
  /// - Returns: false when there was no room and the record is lost.
  public func write(_ record: borrowing AccessRecord) -> Bool {
    let size = record.encodedSize
    let needed = Self.header + (size + 7) & ~7
    var start = written.pointee.load(ordering: .relaxed)
    var offset = Int(start & mask)
    let skipped = offset + needed > bytes.count ? bytes.count - offset : 0
    if start &+ UInt64(skipped + needed) &- knownRead > UInt64(bytes.count) {
      knownRead = read.pointee.load(ordering: .acquiring)
      guard start &+ UInt64(skipped + needed) &- knownRead <= UInt64(bytes.count) else {
        lost.wrappingAdd(1, ordering: .relaxed)
        return false
      }
    }
    if skipped > 0 {
      bytes.storeBytes(of: Self.wrap, toByteOffset: offset, as: UInt64.self)
      start &+= UInt64(skipped)
      offset = 0
    }
    bytes.storeBytes(of: UInt64(size), toByteOffset: offset, as: UInt64.self)
    record.encode(to: UnsafeMutableRawBufferPointer(rebasing: bytes[(offset + Self.header)..<(offset + needed)]))
    // Sequentially consistent, against the reader that says it will sleep and looks once more.
    written.pointee.store(start &+ UInt64(needed), ordering: .sequentiallyConsistent)
    return true
  }

  /// Lends the records that wait, oldest first, and frees each after the call; for the log's thread alone.
  /// - Parameter body: answers whether it takes another one.
  /// - Returns: how many there were.
  func drain(_ body: (borrowing AccessRecord) -> Bool) -> Int {
    var position = read.pointee.load(ordering: .relaxed)
    let end = written.pointee.load(ordering: .sequentiallyConsistent)
    var count = 0
    var wantsMore = true
    while position != end, wantsMore {
      let offset = Int(position & mask)
      let size = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if size == Self.wrap {
        position &+= UInt64(bytes.count - offset)
        continue
      }
      let start = offset + Self.header
      wantsMore = body(AccessRecord(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(size)])))
      position &+= UInt64(Self.header) &+ (size &+ 7) & ~7
      read.pointee.store(position, ordering: .releasing)
      count += 1
    }
    return count
  }
}
