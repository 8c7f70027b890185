import Balancing

/// How sessions and exchanges fare on a backend, told where its pool ejects those that fail (`Outcomes`).
extension Worker {
  @inline(__always)
  mutating func noteFailure(of backend: Backend, _ destination: Destination, _ cause: @autoclosure () -> String) {
    if destination.watchesOutcomes, backend.outcomes.fail() { group.onOutcome(backend, cause()) }
  }

  @inline(__always)
  mutating func noteSuccess(of backend: Backend, _ destination: Destination) {
    if destination.watchesOutcomes, backend.outcomes.succeed() { group.onOutcome(backend, nil) }
  }

  /// A response has begun: these statuses say that the backend could not do its work.
  @inline(__always)
  mutating func noteResponse(of backend: Backend, _ destination: Destination, status: UInt16) {
    switch status {
    case 502, 503, 504: noteFailure(of: backend, destination, "HTTP status \(status)")
    default: noteSuccess(of: backend, destination)
    }
  }
}
