import Balancing
import Base
import Synchronization

/// What is counted for a listener over all workers, for as long as the file has a listener of its name.
public final class ListenerCounters: Sendable {
  /// Sessions open now.
  public let sessions = Atomic<Int>(0)
  /// Sessions since the start.
  public let sessionsTotal = Atomic<Int>(0)
  /// Set while a worker has stopped accepting because of a limit: whoever ends a session tells the workers.
  let paused = Atomic<Bool>(false)

  public init() {}
}

/// How a listener serves its clients: immutable, replaced as a whole by a reload. A session keeps the one that it
/// began with.
public final class Service: Sendable {
  /// The name of the listener in balancer.json.
  public let listener: String
  public let pool: Pool
  public let counters: ListenerCounters
  /// Open sessions at once; `Int.max` is no limit.
  public let maximumSessions: Int
  /// Connects after the first one that failed.
  public let retries: Int
  /// How long one connect to a backend may take.
  let connectNanoseconds: UInt64
  /// Silence after which a session ends; 0 is never.
  let idleNanoseconds: UInt64
  /// How long a session waits at most for the first check of its pool.
  let waitNanoseconds: UInt64

  /// - Parameters:
  ///   - idle: silence in both directions after which a session ends, the shorter of the client's and the server's
  ///     limit; nil is never.
  ///   - wait: how long a session waits for the first result of its pool's checks.
  public init(
    listener: String, pool: Pool, counters: ListenerCounters, maximumSessions: Int?, retries: Int, connect: Duration,
    idle: Duration?, wait: Duration
  ) {
    self.listener = listener
    self.pool = pool
    self.counters = counters
    self.maximumSessions = maximumSessions ?? .max
    self.retries = retries
    connectNanoseconds = UInt64(max(1, connect.nanoseconds))
    idleNanoseconds = idle.map { UInt64(max(1, $0.nanoseconds)) } ?? 0
    waitNanoseconds = UInt64(max(1, wait.nanoseconds))
  }
}
