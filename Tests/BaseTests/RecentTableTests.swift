import Base
import Testing

/// The table as `#expect` can call it, which takes no noncopyable value.
private final class Table {
  private var table: RecentTable<Int, Int>

  init(capacity: Int) { table = RecentTable(capacity: capacity) }

  var count: Int { table.count }
  var forgotten: Int { table.forgotten }
  var memory: Int { table.memory }
  func find(_ key: Int) -> UInt32? { table.find(key, hash: Self.hash(key)) }
  func value(_ key: Int) -> Int? { find(key).map { table[$0] } }
  @discardableResult
  func insert(_ key: Int, value: Int = 0) -> UInt32? { table.insert(key, hash: Self.hash(key), value: value) }
  func set(_ key: Int, _ value: Int) { find(key).map { table[$0] = value } }
  func remove(_ key: Int) { find(key).map { table.remove($0) } }
  func touch(_ key: Int) { find(key).map { table.touch($0) } }
  func pin(_ key: Int) { find(key).map { table.pin($0) } }
  var keys: [Int] {
    var keys: [Int] = []
    table.forEach { key, _ in keys.append(key) }
    return keys
  }
  func unpin(_ key: Int) { find(key).map { table.unpin($0) } }

  /// A bad hash, so that chains grow.
  private static func hash(_ key: Int) -> UInt32 { UInt32(key % 5) }
}

@Suite struct RecentTableTests {
  @Test func forgetsWhatWasTouchedLongestAgo() {
    let table = Table(capacity: 3)
    for key in 1...3 { table.insert(key, value: key * 10) }
    table.touch(1)
    table.insert(4)
    #expect(table.find(2) == nil)
    #expect(table.value(1) == 10)
    #expect(table.value(3) == 30)
    #expect(table.count == 3)
    #expect(table.forgotten == 1)
    table.set(3, 31)
    #expect(table.value(3) == 31)
  }

  @Test func whatIsPinnedStays() {
    let table = Table(capacity: 2)
    table.insert(1)
    table.insert(2)
    table.pin(1)
    table.pin(1)
    table.insert(3)
    #expect(table.find(1) != nil)
    #expect(table.find(2) == nil)
    table.pin(3)
    #expect(table.insert(4) == nil)
    #expect(table.count == 2)
    table.unpin(1)
    table.unpin(1)
    #expect(table.insert(4) != nil)
    #expect(table.find(1) == nil)
    table.remove(3)
    #expect(table.count == 1)
    #expect(table.insert(5) != nil)
    #expect(table.insert(6) != nil)
    #expect(table.find(4) == nil)
  }

  @Test func aSlotIsStable() {
    let table = Table(capacity: 100)
    let slot = table.insert(1)
    table.pin(1)
    for key in 2...1000 { table.insert(key) }
    #expect(table.find(1) == slot)
  }

  @Test func itsSizeIsHeldInRange() {
    #expect(Table(capacity: 0).insert(1) != nil)
    #expect(Table(capacity: .min).insert(1) != nil)
    let table = Table(capacity: 64)
    let memory = table.memory
    for key in 0..<10_000 { table.insert(key) }
    #expect(table.memory == memory)
    #expect(table.count == 64)
  }

  /// A list that is searched from end to end.
  private struct Model {
    let capacity: Int
    /// The one touched longest ago first.
    var entries: [(key: Int, value: Int, isPinned: Bool)] = []

    func index(_ key: Int) -> Int? { entries.firstIndex { $0.key == key } }

    mutating func insert(_ key: Int, _ value: Int) -> Bool {
      if entries.count == capacity {
        guard let oldest = entries.firstIndex(where: { !$0.isPinned }) else { return false }
        entries.remove(at: oldest)
      }
      entries.append((key, value, false))
      return true
    }

    mutating func touch(_ key: Int) {
      if let index = index(key), !entries[index].isPinned { entries.append(entries.remove(at: index)) }
    }

    mutating func unpin(_ key: Int) {
      guard let index = index(key), entries[index].isPinned else { return }
      entries[index].isPinned = false
      touch(key)
    }
  }

  @Test(arguments: UInt64(0)..<30)
  func agreesWithTheModel(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let capacity = 1 + generator.below(20)
    let table = Table(capacity: capacity)
    var model = Model(capacity: capacity)
    for step in 0..<3000 {
      let key = generator.below(30)
      switch generator.below(8) {
      case 0..<4:
        if let index = model.index(key) {
          table.set(key, step)
          model.entries[index].value = step
        } else {
          #expect((table.insert(key, value: step) != nil) == model.insert(key, step), "seed \(seed), step \(step)")
        }
      case 4:
        table.touch(key)
        model.touch(key)
      case 5:
        table.pin(key)
        if let index = model.index(key) { model.entries[index].isPinned = true }
      case 6:
        table.unpin(key)
        model.unpin(key)
      default:
        table.remove(key)
        model.entries.removeAll { $0.key == key }
      }
      #expect(table.count == model.entries.count, "seed \(seed), step \(step)")
      #expect(table.keys == model.entries.filter { !$0.isPinned }.map(\.key), "seed \(seed), step \(step)")
      let other = generator.below(30)
      #expect(table.value(other) == model.index(other).map { model.entries[$0].value }, "seed \(seed), step \(step)")
    }
  }
}
