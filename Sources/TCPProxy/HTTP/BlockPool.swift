/// Memory of a few sizes, kept for reuse, so that requests allocate nothing once a worker is warm.
///
/// A block that nobody uses holds the address of the next one of its size.
struct BlockPool: ~Copyable {
  /// Most heads fit, with what stands behind them. Larger blocks are twice, four times… as large.
  static let blockSize = 4096
  private static let sizes = 8
  /// Memory that is kept while nobody needs it, for each size.
  static let mostSpare = 1 << 20

  private var spare = InlineArray<8, UnsafeMutableRawPointer?>(repeating: nil)
  private var counts = InlineArray<8, Int>(repeating: 0)
  /// Bytes of the blocks that somebody has.
  private(set) var inUse = 0

  /// At least `count` bytes; `capacity` says how many.
  mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
    var size = Self.blockSize
    for index in 0..<Self.sizes {
      if count > size {
        size *= 2
        continue
      }
      guard let block = spare[index] else { break }
      spare[index] = block.load(as: UnsafeMutableRawPointer?.self)
      counts[index] -= 1
      inUse += size
      return UnsafeMutableRawBufferPointer(start: block, count: size)
    }
    inUse += max(size, count)
    return .allocate(byteCount: max(size, count), alignment: 16)
  }

  mutating func give(_ memory: UnsafeMutableRawBufferPointer) {
    guard let block = memory.baseAddress else { return }
    inUse -= memory.count
    let index = memory.count.trailingZeroBitCount - Self.blockSize.trailingZeroBitCount
    guard index >= 0, index < Self.sizes, memory.count == Self.blockSize << index,
      counts[index] << index < Self.mostSpare / Self.blockSize
    else {
      memory.deallocate()
      return
    }
    block.storeBytes(of: spare[index], as: UnsafeMutableRawPointer?.self)
    spare[index] = block
    counts[index] += 1
  }

  deinit {
    for index in 0..<Self.sizes {
      var next = spare[index]
      while let block = next {
        next = block.load(as: UnsafeMutableRawPointer?.self)
        block.deallocate()
      }
    }
  }
}
