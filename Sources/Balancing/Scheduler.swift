/// Chooses among the candidates of one tier of a pool (its ordinary members, or its backups).
///
/// A scheduler is a small table of events. It knows slots, weights and numbers of sessions, and nothing of health,
/// limits or sockets: the pool tells it which slots are candidates. It runs under the pool's lock and must not
/// allocate in `pick`, `add`, `remove` and `loadChanged`. Adding one is its file, a case of `SchedulerKind` and a line
/// in `makeScheduler`.
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

  /// Chooses a candidate; nil when there is none.
  mutating func pick(_ request: PickRequest) -> Int?
}

/// What a scheduler knows of the member in a slot.
struct ScheduledMember {
  /// 0…`Member.maximumWeight`; one of weight 0 is never a candidate.
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

  public init(key: UInt64 = 0, random: UInt64 = 0) {
    self.key = key
    self.random = random
  }
}

public enum SchedulerKind: Equatable, Sendable, CaseIterable {
  case roundRobin, leastConnections

  func makeScheduler() -> any Scheduler {
    switch self {
    case .roundRobin: RoundRobin()
    case .leastConnections: LeastConnections()
    }
  }
}

extension SchedulerKind: CustomStringConvertible {
  /// As it is written in balancer.json.
  public var description: String {
    switch self {
    case .roundRobin: "round-robin"
    case .leastConnections: "least-connections"
    }
  }
}
