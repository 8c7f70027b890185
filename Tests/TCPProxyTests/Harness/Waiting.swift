import Foundation
import Synchronization

/// A wait that reached its limit, or something else that a test cannot go on after.
struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// How long a test waits for what should come at once, in milliseconds. Long, because only a failing test waits to its end.
let patience: Int32 = 20_000

/// Waits for what can only be asked for, such as a counter.
func waitUntil(_ what: @autoclosure () -> String, _ condition: () throws -> Bool) throws {
  let end = ContinuousClock.now + .milliseconds(Int64(patience))
  while try !condition() {
    if ContinuousClock.now >= end { throw Failure("waited in vain until \(what())") }
    usleep(1000)
  }
}

/// A thread whose outcome is waited for.
final class Task<Value: Sendable>: Sendable {
  private let outcome = Mutex<Result<Value, any Error>?>(nil)

  init(_ body: @escaping @Sendable () throws -> Value) {
    let thread = Thread { [outcome = Outcome(self)] in
      let result = Result { try body() }
      outcome.task.outcome.withLock { $0 = result }
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  private struct Outcome: Sendable {
    let task: Task
    init(_ task: Task) { self.task = task }
  }

  func value() throws -> Value {
    try waitUntil("a thread of the test has ended") { outcome.withLock { $0 != nil } }
    return try outcome.withLock { try $0!.get() }
  }
}
