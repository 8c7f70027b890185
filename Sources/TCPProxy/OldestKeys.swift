/// The smallest keys of all that were offered: a heap with the largest of them on top, which is the next to go.
struct OldestKeys: Sendable {
  private(set) var keys: [SessionKey] = []
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func offer(_ key: SessionKey) {
    if keys.count < limit {
      keys.append(key)
      var index = keys.count - 1
      while index > 0, keys[(index - 1) / 2] < keys[index] {
        keys.swapAt((index - 1) / 2, index)
        index = (index - 1) / 2
      }
    } else if let largest = keys.first, key < largest {
      keys[0] = key
      sink()
    }
  }

  private mutating func sink() {
    var index = 0
    while true {
      var largest = index
      for child in [2 * index + 1, 2 * index + 2] where child < keys.count && keys[largest] < keys[child] {
        largest = child
      }
      if largest == index { return }
      keys.swapAt(index, largest)
      index = largest
    }
  }
}
