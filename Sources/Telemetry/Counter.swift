/// Counts what workers do: requests, bytes, errors. Only goes up.
public final class Counter: Sendable {
  private let cells: Cells

  /// - Parameter workers: how many count, each in a cell of its own.
  public init(workers: Int) { cells = Cells(workers: workers, count: 1) }

  /// - Parameter worker: 0 and up; each is one thread's.
  public func add(_ amount: UInt64 = 1, worker: Int) { cells.add(amount, to: 0, worker: worker) }

  /// All that was counted before somebody asked, and perhaps some of what is counted meanwhile.
  public var value: UInt64 { cells.sum(0) }
}
