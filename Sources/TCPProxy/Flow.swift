import Base

/// One direction of a session: from a source socket to a destination socket.
struct Flow: ~Copyable {
  /// What the destination did not take; while it holds bytes the source is not read.
  var spill = Spill()
  /// How much the next read asks for: see `Flow.adapt`.
  var readSize = Flow.initialReadSize
  /// The source has sent its end, and the destination was told.
  var ended = false
  /// The source has announced its end: what is in its socket now is all that will come.
  var sourceFinished = false
  /// A read that comes back short may not have emptied the source (a unix socket that passes descriptors, urgent data,
  /// an error behind the data), so it is asked until it says that there is no more.
  var thorough = false
  /// Reads of the largest size come back full and go through: worth splicing, where both sides are plain.
  var isBulk = false
  /// Bytes that the destination has taken.
  var bytes = 0
  /// Of these, as many as the meters have seen.
  var counted = 0

  /// A flow that moves less at once is no bulk any more.
  static let leastBurst = 64 << 10

  static let smallestReadSize: UInt32 = 16 << 10
  static let initialReadSize: UInt32 = 64 << 10
  /// Measured (loopback, processor seconds per GB): 16 KiB 0.85, 64 KiB 0.33, 128 KiB 0.31, 256 KiB 0.25, 1 MiB 0.25.
  static let largestReadSize: UInt32 = 256 << 10

  /// Fits the next read to what the destination took of this one: twice as much after a full read that went through,
  /// no more than it took when it did not. That bounds what a slow reader holds in memory, and costs nothing. A full read
  /// of the largest size that goes through makes it bulk.
  @inline(__always)
  mutating func adapt(read: Int, taken: Int) {
    if taken == read {
      if read < Int(readSize) { return }
      if readSize < Self.largestReadSize { readSize *= 2 } else { isBulk = true }
    } else {
      isBulk = false
      readSize = Self.smallestReadSize
      while Int(readSize) < taken, readSize < Self.largestReadSize { readSize *= 2 }
    }
  }
}

/// Bytes that wait for a destination to take them. At most one read's worth, allocated only while it is needed.
struct Spill: ~Copyable {
  private var storage: UnsafeMutableRawPointer?
  private var taken: UInt32 = 0
  private var count: UInt32 = 0

  @inline(__always)
  var isHolding: Bool { storage != nil }

  /// What is still to be sent.
  var remaining: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: storage.map { UnsafeRawPointer($0) + Int(taken) }, count: Int(count - taken))
  }

  /// Keeps a copy. Only while nothing is held.
  mutating func hold(_ bytes: UnsafeRawPointer, count: Int) {
    precondition(storage == nil, "a source is not read while its spill holds bytes")
    let copy = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 1)
    copy.copyMemory(from: bytes, byteCount: count)
    storage = copy
    taken = 0
    self.count = UInt32(count)
  }

  /// Keeps a copy behind what is held already.
  /// - Returns: how many bytes of memory it takes more than before.
  mutating func append(_ bytes: UnsafeRawPointer, count: Int) -> Int {
    guard let former = storage else {
      hold(bytes, count: count)
      return count
    }
    let (before, kept) = (size, remaining)
    let longer = UnsafeMutableRawPointer.allocate(byteCount: kept.count + count, alignment: 1)
    longer.copyMemory(from: kept.baseAddress.unsafelyUnwrapped, byteCount: kept.count)
    (longer + kept.count).copyMemory(from: bytes, byteCount: count)
    self.count = UInt32(kept.count + count)
    taken = 0
    storage = longer
    former.deallocate()
    return size - before
  }

  /// Forgets the first `sent` bytes of `remaining`, and frees the memory with the last.
  /// - Returns: how many bytes were freed.
  mutating func drop(_ sent: Int) -> Int {
    taken += UInt32(sent)
    if taken < count { return 0 }
    storage?.deallocate()
    storage = nil
    return Int(count)
  }

  /// Bytes of memory that it takes.
  var size: Int { storage == nil ? 0 : Int(count) }

  deinit { storage?.deallocate() }
}
