/// Memory of one size, kept for reuse, so that requests allocate nothing once a worker is warm.
struct BlockPool: ~Copyable {
  /// Most heads fit, with what stands behind them.
  static let blockSize = 4096
  /// Blocks kept while nobody needs them.
  static let mostSpare = 256

  private var spare: [UnsafeMutableRawPointer] = []

  /// At least `count` bytes; `capacity` says how many.
  mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if count <= Self.blockSize {
      if let block = spare.popLast() { return UnsafeMutableRawBufferPointer(start: block, count: Self.blockSize) }
      return .allocate(byteCount: Self.blockSize, alignment: 16)
    }
    return .allocate(byteCount: count, alignment: 16)
  }

  mutating func give(_ memory: UnsafeMutableRawBufferPointer) {
    guard let block = memory.baseAddress else { return }
    if memory.count == Self.blockSize, spare.count < Self.mostSpare {
      spare.append(block)
    } else {
      memory.deallocate()
    }
  }

  deinit { for block in spare { block.deallocate() } }
}
