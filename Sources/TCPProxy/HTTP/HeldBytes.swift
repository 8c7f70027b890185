/// Bytes that wait: read and not used yet, or written and not taken yet. Owns memory only while there are any.
///
/// The memory is a worker's (`BlockPool`), so whoever ends the owner gives it back with `free`.
struct HeldBytes: ~Copyable {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var start: UInt32 = 0
  private var end: UInt32 = 0

  @inline(__always)
  var isEmpty: Bool { memory.baseAddress == nil }

  var count: Int { Int(end &- start) }

  /// Valid until the next change.
  var bytes: UnsafeMutableRawBufferPointer {
    guard let base = memory.baseAddress else { return memory }
    return UnsafeMutableRawBufferPointer(start: base + Int(start), count: count)
  }

  /// Memory that it takes.
  var size: Int { memory.count }

  mutating func append(_ more: UnsafeRawBufferPointer, from pool: inout BlockPool) {
    if more.isEmpty { return }
    let needed = count + more.count
    if Int(end) + more.count > memory.count {
      var target = memory
      if needed > memory.count {
        // Doubled, so that what comes in small pieces is not copied again with each of them.
        target = pool.take(max(needed, isEmpty ? 0 : memory.count * 2))
      }
      let held = UnsafeRawBufferPointer(bytes)
      // Within one block they may overlap, which this allows (memmove(3)).
      if let base = target.baseAddress, let source = held.baseAddress {
        base.copyMemory(from: source, byteCount: held.count)
      }
      let length = count
      if target.baseAddress != memory.baseAddress {
        pool.give(memory)
        memory = target
      }
      start = 0
      end = UInt32(length)
    }
    UnsafeMutableRawBufferPointer(rebasing: memory[Int(end)...]).copyMemory(from: more)
    end += UInt32(more.count)
  }

  mutating func removeFirst(_ removed: Int, into pool: inout BlockPool) {
    precondition(removed <= count, "no more than there is")
    start += UInt32(removed)
    if start == end { free(into: &pool) }
  }

  mutating func free(into pool: inout BlockPool) {
    pool.give(memory)
    memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    start = 0
    end = 0
  }

  deinit { memory.deallocate() }
}
