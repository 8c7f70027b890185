import Base

/// Chooses among the candidates of one tier of a pool (its ordinary members, or its backups).
///
/// A scheduler is a small table of events. It knows slots, weights and numbers of sessions, and nothing of health,
/// limits or sockets: the pool tells it which slots are candidates. It runs under the pool's lock and must not
/// allocate in any other call than `reset`. Adding one is its file and a case of `SchedulerKind`.
protocol Scheduler: Sendable {
  init()

  /// The members are others, or have other weights. There is no candidate until `add`.
  mutating func reset(members: [ScheduledMember])

  /// A slot may be picked from now on. Does nothing when it may already.
  mutating func add(_ slot: Int)

  /// A slot may not be picked until it is added again; what the scheduler knows of it stays. Does nothing when it is
  /// no candidate. Called for every change of eligibility, and around a pick for backends that the session has tried.
  mutating func remove(_ slot: Int)

  /// A slot has another number of open sessions, be it a candidate or not.
  mutating func loadChanged(_ slot: Int, sessions: Int)

  /// A slot counts for less or more than before, up to the weight that `reset` told, be it a candidate or not. Never 0.
  mutating func weightChanged(_ slot: Int, weight: Int)

  /// The backend in a slot answered this long after it was asked: the connect in tcp mode, the head of the response in
  /// http mode. Only told to those that need it.
  mutating func answered(_ slot: Int, after latency: Duration, now: Instant)

  /// The backend in a slot failed to answer, and that took this long.
  mutating func failed(_ slot: Int, after latency: Duration, now: Instant)

  /// Chooses a candidate; nil when there is none.
  mutating func pick(_ request: PickRequest) -> Int?
}

extension Scheduler {
  mutating func answered(_ slot: Int, after latency: Duration, now: Instant) {}
  mutating func failed(_ slot: Int, after latency: Duration, now: Instant) {}
}

/// What a scheduler knows of the member in a slot.
struct ScheduledMember {
  /// The stable hash of its name: the same in every process, while slots follow the order of the configuration.
  var name: UInt64
  /// One of weight 0 is never a candidate.
  var weight: Int
  var sessions: Int
  /// The slot of the same member before, so that its state lives on.
  var former: Int?
}

/// What a session brings along that a scheduler may go by.
public struct PickRequest: Sendable {
  /// A stable hash of what the session is keyed by, such as the client's address.
  public var key: UInt64
  /// A random word.
  public var random: UInt64
  /// The stable hash of the name of the backend that the session belongs to: it is taken if it may be.
  public var preferred: UInt64?
  public var now: Instant

  public init(key: UInt64 = 0, random: UInt64 = 0, preferred: UInt64? = nil, now: Instant = .zero) {
    self.key = key
    self.random = random
    self.preferred = preferred
    self.now = now
  }
}
