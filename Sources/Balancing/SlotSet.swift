/// A set of slots as bits, so that the next member of a thousand is found in a few words.
struct SlotSet: Sendable {
  private var words: [UInt64]
  private(set) var count = 0

  /// - Parameter capacity: slots are 0 ..< capacity.
  init(capacity: Int) { words = [UInt64](repeating: 0, count: (capacity + 63) / 64) }

  func contains(_ slot: Int) -> Bool { words[slot >> 6] >> UInt64(slot & 63) & 1 == 1 }

  /// - Returns: whether the slot was absent.
  @discardableResult
  mutating func insert(_ slot: Int) -> Bool {
    if contains(slot) { return false }
    words[slot >> 6] |= 1 << UInt64(slot & 63)
    count += 1
    return true
  }

  /// - Returns: whether the slot was present.
  @discardableResult
  mutating func remove(_ slot: Int) -> Bool {
    if !contains(slot) { return false }
    words[slot >> 6] &= ~(1 << UInt64(slot & 63))
    count -= 1
    return true
  }

  /// The first member at or after `start`, and after the last slot from 0 on. Nil when the set is empty.
  func next(from start: Int) -> Int? {
    if count == 0 { return nil }
    let first = start >> 6
    if first < words.count {
      let rest = words[first] & (UInt64.max << UInt64(start & 63))
      if rest != 0 { return first << 6 + rest.trailingZeroBitCount }
      for index in (first + 1)..<max(words.count, first + 1) where words[index] != 0 {
        return index << 6 + words[index].trailingZeroBitCount
      }
    }
    for index in words.indices where words[index] != 0 {
      return index << 6 + words[index].trailingZeroBitCount
    }
    return nil
  }
}
