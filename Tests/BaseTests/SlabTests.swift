import Base
import Testing

/// An element that tells when it is gone.
private struct Tenant: ~Copyable {
  let number: Int
  let departures: Departures

  deinit { departures.count += 1 }
}

private final class Departures {
  var count = 0
}

/// The slab as `#expect` can call it, which takes no noncopyable value.
private final class Numbers {
  private var slab: Slab<Int>

  init(chunkSize: Int) { slab = Slab(chunkSize: chunkSize) }

  var count: Int { slab.count }
  var handles: [Handle] { slab.handles }
  func insert(_ number: Int) -> Handle { slab.insert(number) }
  func remove(_ handle: Handle) -> Int? { slab.remove(handle) }
  func find(_ handle: Handle) -> Int? { slab.pointer(to: handle)?.pointee }
  func address(_ handle: Handle) -> UnsafeMutablePointer<Int>? { slab.pointer(to: handle) }
}

@Suite struct SlabTests {
  @Test func aHandleFindsItsElementUntilItIsRemoved() {
    let slab = Numbers(chunkSize: 4)
    let first = slab.insert(10)
    #expect(slab.find(first) == 10)
    #expect(slab.remove(first) == 10)
    #expect(slab.find(first) == nil)
    #expect(slab.remove(first) == nil)
    // The slot has a new tenant, whom the old handle must not find.
    let second = slab.insert(20)
    #expect(second.slot == first.slot)
    #expect(slab.find(first) == nil)
    #expect(slab.find(second) == 20)
    #expect(slab.count == 1)
  }

  @Test func madeUpHandlesFindNothing() {
    let slab = Numbers(chunkSize: 4)
    let handle = slab.insert(1)
    for made in [
      Handle(slot: .max, generation: 1), Handle(slot: 1, generation: 0), Handle(slot: 1, generation: 1),
      Handle(slot: 4, generation: 1), Handle(slot: handle.slot, generation: handle.generation &+ 1),
      Handle(slot: handle.slot, generation: handle.generation &+ 2),
    ] {
      #expect(slab.find(made) == nil)
      #expect(slab.remove(made) == nil)
    }
  }

  @Test func elementsNeverMove() {
    let slab = Numbers(chunkSize: 2)
    let handle = slab.insert(0)
    let address = slab.address(handle)
    for number in 1..<1000 { _ = slab.insert(number) }
    #expect(slab.address(handle) == address)
    #expect(slab.find(handle) == 0)
  }

  @Test(arguments: [-1, 0, 1, 3, 256, Int.max])
  func anyChunkSizeWorks(chunkSize: Int) {
    let slab = Numbers(chunkSize: chunkSize)
    let handles = (0..<600).map { slab.insert($0) }
    #expect(handles.map { slab.find($0) } == Array(0..<600))
    #expect(slab.handles == handles)
  }

  @Test func everyElementLeavesOnce() {
    let departures = Departures()
    do {
      var slab = Slab<Tenant>(chunkSize: 4)
      var handles: [Handle] = []
      for number in 0..<10 { handles.append(slab.insert(Tenant(number: number, departures: departures))) }
      var removed: Int?
      if let third = slab.remove(handles[3]) { removed = third.number }
      #expect(removed == 3)
      #expect(departures.count == 1)
    }
    #expect(departures.count == 10)
  }

  /// Alignments and sizes that do not fit the header.
  @Test func oddLayouts() {
    var bytes = Slab<UInt8>(chunkSize: 8)
    var vectors = Slab<SIMD8<Double>>(chunkSize: 8)
    var nothings = Slab<Void>(chunkSize: 8)
    for number in 0..<100 {
      let byte = bytes.insert(UInt8(number))
      let vector = vectors.insert(SIMD8(repeating: Double(number)))
      let nothing = nothings.insert(())
      let isByteThere = bytes.pointer(to: byte)?.pointee == UInt8(number)
      let isVectorThere = vectors.pointer(to: vector)?.pointee == SIMD8(repeating: Double(number))
      let isAligned = Int(bitPattern: vectors.pointer(to: vector)) % MemoryLayout<SIMD8<Double>>.alignment == 0
      let isNothingThere = nothings.pointer(to: nothing) != nil
      #expect(isByteThere && isVectorThere && isAligned && isNothingThere)
    }
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func agreesWithADictionary(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let slab = Numbers(chunkSize: 1 << random.below(6))
    var model: [Handle: Int] = [:]
    var seen: [Handle] = []
    for step in 0..<5000 {
      if random.below(2) == 0 || seen.isEmpty {
        let handle = slab.insert(step)
        #expect(model.updateValue(step, forKey: handle) == nil, "seed \(seed) step \(step)")
        seen.append(handle)
      } else {
        let handle = seen[random.below(seen.count)]
        #expect(slab.find(handle) == model[handle], "seed \(seed) step \(step)")
        #expect(slab.remove(handle) == model.removeValue(forKey: handle), "seed \(seed) step \(step)")
      }
      #expect(slab.count == model.count, "seed \(seed) step \(step)")
    }
    #expect(Set(slab.handles) == Set(model.keys), "seed \(seed)")
  }
}
