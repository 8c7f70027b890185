import Foundation

/// A value that several threads use.
final class Locked<Value>: @unchecked Sendable {
  private let condition = NSCondition()
  private var value: Value

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    return try body(&value)
  }

  var current: Value { withLock { $0 } }

  /// Waits until `body` finds what it looks for; nil when it did not within the limit.
  func wait<Result>(within limit: Duration, for body: (inout Value) -> Result?) -> Result? {
    let end = Date(timeIntervalSinceNow: limit / .seconds(1))
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let result = body(&value) { return result }
      if !condition.wait(until: end) { return body(&value) }
    }
  }
}

/// A thread that can be waited for. Tests block, so they keep off Swift's own few threads.
final class BackgroundThread: Sendable {
  private let finished = Locked(false)

  /// - Parameter stackSize: bytes; small, because there may be a thread for each of many connections.
  init(stackSize: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void) {
    let finished = self.finished
    let thread = Thread {
      body()
      finished.withLock { $0 = true }
    }
    thread.stackSize = stackSize
    thread.start()
  }

  func join(within limit: Duration = patience) throws {
    guard finished.wait(within: limit, for: { $0 ? true : nil }) != nil else {
      throw Failure("a thread of the test did not end within \(limit)")
    }
  }
}
