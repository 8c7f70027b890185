import Synchronization

/// How many sessions the whole program may hold: shared by all workers.
public final class Admission: Sendable {
  /// Sessions open now.
  public let sessions = Atomic<Int>(0)
  private let maximum: Atomic<Int>
  /// Set while a worker has stopped accepting because of the limit.
  let paused = Atomic<Bool>(false)

  public init(maximum: Int) { self.maximum = Atomic(maximum) }

  /// The limit may change at any time; sessions beyond a lower one stay.
  public var limit: Int {
    get { maximum.load(ordering: .relaxed) }
    set { maximum.store(newValue, ordering: .relaxed) }
  }

  enum Answer {
    case admitted, listenerFull, full
  }

  /// Takes a place before a client is accepted, so that the limits are never passed, not even by one.
  func admit(_ service: Service) -> Answer {
    if service.counters.sessions.add(1, ordering: .relaxed).newValue > service.maximumSessions {
      service.counters.sessions.subtract(1, ordering: .relaxed)
      return .listenerFull
    }
    if sessions.add(1, ordering: .relaxed).newValue > limit {
      sessions.subtract(1, ordering: .relaxed)
      service.counters.sessions.subtract(1, ordering: .relaxed)
      return .full
    }
    return .admitted
  }

  /// Gives a place back.
  /// - Returns: whether a worker waits for one.
  func leave(_ service: Service) -> Bool {
    sessions.subtract(1, ordering: .releasing)
    service.counters.sessions.subtract(1, ordering: .releasing)
    if !paused.load(ordering: .relaxed), !service.counters.paused.load(ordering: .relaxed) { return false }
    let wasPaused = paused.exchange(false, ordering: .acquiringAndReleasing)
    return service.counters.paused.exchange(false, ordering: .acquiringAndReleasing) || wasPaused
  }
}
