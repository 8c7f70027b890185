import Base

/// The answer to a session that asks its pool for a backend.
public enum Pick: Sendable {
  /// The session counts on this backend from now on; `Pool.release` ends that.
  case backend(Backend, PickReason)
  /// Nobody is eligible, but the first checks are still under way: ask again when one has ended.
  case wait
  /// All that could serve it are full: the session has this place in the queue, and its waiter will be told.
  case queued(Handle)
  case none(Unavailability)
}

/// Why a backend was chosen.
public struct PickReason: Equatable, Sendable {
  public let scheduler: SchedulerKind
  /// No member that is not a backup could take the session.
  public let isBackup: Bool
  /// This session had tried it before, and no other is eligible.
  public let isTriedAgain: Bool
  /// The session belongs there.
  public let isSticky: Bool

  init(scheduler: SchedulerKind, isBackup: Bool, isTriedAgain: Bool, isSticky: Bool = false) {
    self.scheduler = scheduler
    self.isBackup = isBackup
    self.isTriedAgain = isTriedAgain
    self.isSticky = isSticky
  }
}

extension PickReason: CustomStringConvertible {
  public var description: String {
    var text = isSticky ? "sticky" : scheduler.description
    if isBackup { text += ", a backup as no other backend is eligible" }
    if isTriedAgain { text += ", tried again as no other backend is eligible" }
    return text
  }
}

/// Why a pool has no backend for a session.
public enum Unavailability: Equatable, Sendable {
  case noBackends
  case allDown(Int)
  /// All have as many sessions as their `connections` allow.
  case allFull(Int)
  /// All have weight 0.
  case allDrained(Int)
  /// All are full, and so many sessions wait already.
  case queueFull(Int)
  case mixed(total: Int, down: Int, full: Int, drained: Int, checking: Int)

  init(_ tally: Tally) {
    let total = tally.total
    self =
      switch total {
      case 0: .noBackends
      case tally[.down]: .allDown(total)
      case tally[.full]: .allFull(total)
      case tally[.drained]: .allDrained(total)
      default:
        .mixed(
          total: total, down: tally[.down], full: tally[.full], drained: tally[.drained], checking: tally[.checking])
      }
  }
}

extension Unavailability: CustomStringConvertible {
  /// For the log: `all 3 backends are down`.
  public var description: String {
    func all(_ count: Int, _ what: String) -> String {
      count == 1 ? "the only backend is \(what)" : "all \(count) backends are \(what)"
    }
    switch self {
    case .noBackends: return "there are no backends"
    case .allDown(let count): return all(count, "down")
    case .allFull(let count): return all(count, "full")
    case .allDrained(let count): return all(count, "drained (weight 0)")
    case .queueFull(let count): return "all backends are full and \(count) sessions wait already (queue)"
    case .mixed(let total, let down, let full, let drained, let checking):
      let parts = [(down, "down"), (full, "full"), (drained, "drained (weight 0)"), (checking, "being checked")]
        .filter { $0.0 > 0 }
        .map { "\($0.0) \($0.0 == 1 ? "is" : "are") \($0.1)" }
      return "of \(total) backends " + parts.joined(separator: ", ")
    }
  }
}
