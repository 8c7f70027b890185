import Synchronization

/// Numbers that every worker counts in cells of its own, so that none waits for another's cache line; whoever reads adds the
/// cells up. A cell has one writer: it needs no locked instruction, only a load and a store.
struct Cells: @unchecked Sendable, ~Copyable {
  /// Two cache lines, because processors fetch them in pairs.
  private static let alignment = 128

  private let cells: UnsafeMutablePointer<Atomic<UInt64>>
  /// From one worker's cells to the next's.
  private let stride: Int
  private let total: Int
  let workers: Int
  let count: Int

  /// - Parameters:
  ///   - workers: how many write, at least one.
  ///   - count: cells of each.
  init(workers: Int, count: Int) {
    precondition(workers > 0 && count > 0)
    self.workers = workers
    self.count = count
    let perLine = Self.alignment / MemoryLayout<Atomic<UInt64>>.stride
    stride = (count + perLine - 1) / perLine * perLine
    total = stride * workers
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: total * MemoryLayout<Atomic<UInt64>>.stride, alignment: Self.alignment)
    cells = memory.bindMemory(to: Atomic<UInt64>.self, capacity: total)
    for index in 0..<total { (cells + index).initialize(to: Atomic(0)) }
  }

  deinit {
    cells.deinitialize(count: total)
    UnsafeMutableRawPointer(cells).deallocate()
  }

  /// Adds to a cell; for the worker that owns it. Wraps around.
  func add(_ amount: UInt64, to index: Int, worker: Int) {
    precondition(worker >= 0 && worker < workers && index >= 0 && index < count)
    let cell = cells + (worker * stride + index)
    cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  func sum(_ index: Int) -> UInt64 {
    precondition(index >= 0 && index < count)
    var sum: UInt64 = 0
    for worker in 0..<workers { sum &+= cells[worker * stride + index].load(ordering: .relaxed) }
    return sum
  }
}
