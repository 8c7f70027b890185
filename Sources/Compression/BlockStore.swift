/// The memory of one encoder: blocks that were given back are kept for the encoder's next stream.
///
/// Brotli's encoder cannot be reset, only made anew; with the blocks of the last one at hand that costs no call of
/// malloc(3), and no page is touched for the first time again. Used by one thread.
final class BlockStore {
  /// In front of each block: its size. Sixteen bytes keep malloc's alignment.
  private static let header = 16
  /// Blocks kept at most; an encoder has about a dozen.
  private static let mostKept = 32

  private var kept: [UnsafeMutableRawPointer] = []
  /// Bytes from the system, kept ones too.
  private(set) var held = 0

  init() { kept.reserveCapacity(Self.mostKept) }

  deinit {
    for block in kept { block.deallocate() }
  }

  private static func size(_ block: UnsafeMutableRawPointer) -> Int { block.load(as: Int.self) }

  /// - Returns: memory of at least `size` bytes.
  func take(_ size: Int) -> UnsafeMutableRawPointer {
    // The smallest that fits, unless most of it would lie idle.
    var best: Int?
    for index in kept.indices {
      let available = Self.size(kept[index])
      guard available >= size, available / 2 <= size else { continue }
      if best.map({ available < Self.size(kept[$0]) }) ?? true { best = index }
    }
    if let best {
      let block = kept[best]
      kept[best] = kept[kept.count - 1]
      kept.removeLast()
      return block + Self.header
    }
    let block = UnsafeMutableRawPointer.allocate(byteCount: size + Self.header, alignment: Self.header)
    block.storeBytes(of: size, as: Int.self)
    held += size
    return block + Self.header
  }

  func give(_ memory: UnsafeMutableRawPointer) {
    let block = memory - Self.header
    if kept.count < Self.mostKept {
      kept.append(block)
    } else {
      held -= Self.size(block)
      block.deallocate()
    }
  }

  /// Gives back to the system what no stream took since: after a stream of another size.
  func trim(to most: Int) {
    while held > most, let largest = kept.indices.max(by: { Self.size(kept[$0]) < Self.size(kept[$1]) }) {
      let block = kept.remove(at: largest)
      held -= Self.size(block)
      block.deallocate()
    }
  }
}
