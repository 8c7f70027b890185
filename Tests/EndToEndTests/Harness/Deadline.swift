import Foundation

/// How long a test waits for what should come at once. Long, because only a failing test waits to its end.
let patience = Duration.seconds(20)

/// A point in time until which a wait may last.
struct Deadline {
  private let end: ContinuousClock.Instant

  init(in duration: Duration) { end = .now + duration }

  var hasPassed: Bool { ContinuousClock.now >= end }

  /// What is left, as poll(2) takes it.
  var milliseconds: Int32 {
    let left = end - .now
    return left <= .zero
      ? 0 : Int32(clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1)
  }
}

/// A wait that reached its limit, or something else that a test cannot go on after.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Waits for what can only be asked for, such as a figure in /proc.
func waitUntil(_ what: String, within limit: Duration = patience, _ condition: () throws -> Bool) throws {
  let deadline = Deadline(in: limit)
  while try !condition() {
    if deadline.hasPassed { throw Failure("waited \(limit) in vain until \(what)") }
    usleep(5000)
  }
}
