import Balancing
import Base

/// The idle connections to one backend, the last used first: it is the one that its backend has had least time to close.
struct IdleConnections: BitwiseCopyable {
  var newest = Handle.none
  var oldest = Handle.none
  var count = 0
}

/// Finds them by their backend, several times for each request: a table with open addressing, which a dictionary is an order
/// of magnitude slower than.
///
/// A list stays while it is empty: whoever has had a connection will soon have another. Backends that a reload has removed
/// leave theirs behind, until the next one that finds no room clears those that are empty away.
struct IdleTable: ~Copyable {
  private struct Entry: BitwiseCopyable {
    /// The address of the backend; 0 is nobody's.
    var key: UInt = 0
    var list = IdleConnections()
  }

  private var entries: UnsafeMutableBufferPointer<Entry>
  private var used = 0

  init() { entries = Self.empty(16) }

  /// Twice as many as it holds at most.
  var capacity: Int { entries.count }

  deinit { entries.deallocate() }

  private static func empty(_ count: Int) -> UnsafeMutableBufferPointer<Entry> {
    let entries = UnsafeMutableBufferPointer<Entry>.allocate(capacity: count)
    entries.initialize(repeating: Entry())
    return entries
  }

  /// Of this backend, which lives as long as there is a connection in it. Valid until the next call with another one.
  @inline(__always)
  mutating func list(of backend: Backend) -> UnsafeMutablePointer<IdleConnections> {
    let key = UInt(bitPattern: ObjectIdentifier(backend))
    var index = place(of: key)
    if entries[index].key != key {
      if used * 2 >= entries.count {
        rebuild()
        index = place(of: key)
      }
      entries[index].key = key
      used += 1
    }
    return pointer(to: index)
  }

  @inline(__always)
  private func pointer(to index: Int) -> UnsafeMutablePointer<IdleConnections> {
    UnsafeMutableRawPointer(entries.baseAddress.unsafelyUnwrapped + index)
      .advanced(by: MemoryLayout<Entry>.offset(of: \.list).unsafelyUnwrapped)
      .assumingMemoryBound(to: IdleConnections.self)
  }

  /// Where an entry is, or belongs.
  @inline(__always)
  private func place(of key: UInt) -> Int {
    let mask = entries.count - 1
    // Objects lie sixteen bytes apart at least; the multiplication spreads what is left over the upper bits.
    var index = Int(truncatingIfNeeded: (key >> 4 &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while entries[index].key != key, entries[index].key != 0 { index = (index + 1) & mask }
    return index
  }

  private mutating func rebuild() {
    let former = entries
    let kept = former.count { $0.list.count > 0 }
    entries = Self.empty(kept * 4 > former.count ? former.count * 2 : former.count)
    used = kept
    for entry in former where entry.list.count > 0 { entries[place(of: entry.key)] = entry }
    former.deallocate()
  }
}
