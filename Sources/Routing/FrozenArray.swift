/// An array that never changes, read without counting references. Whoever made it frees it.
struct FrozenArray<Element: BitwiseCopyable>: BitwiseCopyable {
  let count: Int
  private let elements: UnsafeMutablePointer<Element>

  init(_ array: [Element]) {
    count = array.count
    elements = .allocate(capacity: max(array.count, 1))
    elements.initialize(from: array, count: array.count)
  }

  func deallocate() { elements.deallocate() }

  @inline(__always)
  subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "an element that is there")
    return elements[index]
  }

  @inline(__always)
  func bytes(_ start: UInt32, _ count: UInt32) -> UnsafeRawBufferPointer {
    precondition(Int(start) + Int(count) <= self.count, "elements that are there")
    return UnsafeRawBufferPointer(start: elements + Int(start), count: Int(count))
  }
}
