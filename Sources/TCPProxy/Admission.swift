import Synchronization

/// How many sessions the whole program may hold: shared by all workers.
public final class Admission: Sendable {
  /// Sessions open now.
  public let sessions = Atomic<Int>(0)
  private let maximum: Atomic<Int>
  /// Set while a worker has stopped accepting because of a limit.
  let paused = Atomic<Bool>(false)
  /// Bytes that sessions hold because their destinations do not take them.
  private let spilled = Atomic<Int>(0)
  private let memory = Atomic<Int>(.max)

  /// What a session takes besides: its own state, its timer and what the allocator adds.
  static let sessionMemory = 512

  public init(maximum: Int) { self.maximum = Atomic(maximum) }

  /// Memory that sessions may take, in bytes: past it nobody is let in. `Int.max` is no limit. What they hold already
  /// stays theirs, so it may be passed by what open sessions spill.
  public var memoryLimit: Int {
    get { memory.load(ordering: .relaxed) }
    set { memory.store(newValue, ordering: .relaxed) }
  }

  /// Bytes that sessions take now.
  public var memoryInUse: Int {
    sessions.load(ordering: .relaxed) * Self.sessionMemory + spilled.load(ordering: .relaxed)
  }

  /// A worker waits for memory or a place.
  var isAwaited: Bool { paused.load(ordering: .relaxed) }

  func hold(_ bytes: Int) { spilled.add(bytes, ordering: .relaxed) }

  /// - Returns: whether a worker waits for memory or a place.
  func free(_ bytes: Int) -> Bool {
    spilled.subtract(bytes, ordering: .releasing)
    return paused.load(ordering: .relaxed) && paused.exchange(false, ordering: .acquiringAndReleasing)
  }

  var hasMemory: Bool {
    let limit = memoryLimit
    return limit == .max || memoryInUse <= limit
  }

  /// The limit may change at any time; sessions beyond a lower one stay.
  public var limit: Int {
    get { maximum.load(ordering: .relaxed) }
    set { maximum.store(newValue, ordering: .relaxed) }
  }

  enum Answer {
    case admitted, listenerFull, full, memoryFull
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
    if !hasMemory {
      sessions.subtract(1, ordering: .relaxed)
      service.counters.sessions.subtract(1, ordering: .relaxed)
      return .memoryFull
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
