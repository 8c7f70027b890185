import Base
import Synchronization

/// A named set of backends, and who of them gets the next session.
///
/// One lock for each pool guards the scheduler and the counts of sessions. That is a choice: it is taken twice in the
/// life of a session and never for a chunk of data, and it makes turns exact over all workers and limits exact at all
/// times. Nothing is allocated while it is held, save in `apply` and for sessions that have to wait, and nobody is called
/// out to.
public final class Pool: Sendable {
  public let name: String
  /// What was counted of it since the start, over all reloads.
  public let meters: Meters
  private let state: Mutex<State>
  private let needs = Atomic<UInt8>(0)
  private let retries = RetryBudget()

  /// - Parameters:
  ///   - queue: sessions that may wait for a backend when all are full.
  ///   - workers: how many count in its meters.
  ///   - initialHealth: what a backend is before its first result. Must not call the pool.
  public init(
    name: String, scheduler: SchedulerKind, members: [Member], queue: Int = 0, slowStart: SlowStart? = nil,
    workers: Int = 1, initialHealth: (Backend) -> BackendHealth
  ) {
    self.name = name
    meters = Meters(workers: workers, scale: .fine)
    var initial = State(kind: scheduler)
    initial.queue.limit = queue
    // All of them begin alike.
    initial.apply(
      scheduler: scheduler, members: members, slowStart: slowStart, newcomers: .warm, initialHealth: initialHealth)
    state = Mutex(initial)
    needs.store(scheduler.needs.rawValue, ordering: .relaxed)
  }

  /// What a session has to bring along in its `PickRequest`, as the scheduler is now.
  public var schedulerNeeds: SchedulerKind.Needs {
    SchedulerKind.Needs(rawValue: needs.load(ordering: .relaxed))
  }

  /// Takes the members of a new configuration. Of backends that stay (the same objects) the health and the sessions
  /// live on, and with the same kind of scheduler their turns as well. A backend that is named twice counts once.
  /// - Parameter initialHealth: asked for each new backend. Must not call the pool.
  public func apply(
    scheduler: SchedulerKind, members: [Member], queue: Int = 0, slowStart: SlowStart? = nil,
    initialHealth: (Backend) -> BackendHealth
  ) {
    let grants = state.withLock { state in
      state.queue.limit = queue
      state.apply(
        scheduler: scheduler, members: members, slowStart: slowStart, newcomers: .cold, initialHealth: initialHealth)
      return state.grants()
    }
    needs.store(scheduler.needs.rawValue, ordering: .relaxed)
    serve(grants)
  }

  /// Takes the verdict of a check; does nothing for a backend that is no member any more.
  /// - Returns: how the pool stands after it.
  @discardableResult
  public func setHealth(_ health: BackendHealth, of backend: Backend) -> PoolStanding {
    let (standing, grants) = state.withLock { state in
      for tier in state.tiers.indices { state.tiers[tier].setHealth(health, of: backend) }
      state.markUsable(backend)
      let grants = state.grants()
      return (state.standing, grants)
    }
    serve(grants)
    return standing
  }

  /// Nil when the backend is no member.
  public func health(of backend: Backend) -> BackendHealth? {
    state.withLock { $0.state(of: backend)?.health }
  }

  /// A reload has removed the pool: its backends are to get nothing new.
  public func retire() {
    state.withLock { state in
      for tier in state.tiers.indices {
        for member in state.tiers[tier].members { member.backend.isUsable.store(false, ordering: .relaxed) }
      }
    }
  }

  public var standing: PoolStanding { state.withLock { $0.standing } }

  /// Chooses a backend for a session and counts the session on it, never above the backend's `connections`.
  /// - Parameters:
  ///   - tried: backends that failed this session; avoided while another is eligible.
  ///   - waiter: joins the queue where only full backends stand in the way; nil does not wait.
  public func pick(
    avoiding tried: [Backend] = [], for request: PickRequest = PickRequest(), orWait waiter: Waiter? = nil
  ) -> Pick {
    state.withLock { $0.pick(avoiding: tried, for: request, orWait: waiter) }
  }

  /// Takes a session off the backend that `pick` gave it, member or not. Exactly once for each pick.
  public func release(_ backend: Backend) {
    let grants = state.withLock { state in
      state.release(backend)
      return state.grants()
    }
    serve(grants)
  }

  /// Leaves the queue, as a client that hangs up does. When the place is gone a backend was granted already, and the
  /// waiter is told of it: the session has to be released.
  public func leave(_ place: Handle) {
    _ = state.withLock { $0.queue.leave(place) }
  }

  /// Sessions that wait for a backend.
  public var waiting: Int { state.withLock { $0.queue.count } }

  private func serve(_ grants: [Grant]) {
    for grant in grants { grant.waiter.served(self, grant.backend, grant.waiter.session) }
  }

  /// Tells how long a backend took to answer a session, or to fail it. Only where `schedulerNeeds` has `answers`.
  public func answered(_ backend: Backend, after latency: Duration, failed: Bool = false, now: Instant) {
    state.withLock { state in
      for tier in state.tiers.indices {
        state.tiers[tier].answered(backend, after: latency, failed: failed, now: now)
      }
    }
  }

  /// Begins a retry, if the pool's sessions leave room for one; `endRetry` ends it, however it went.
  /// - Parameter percent: the share of the open sessions that may be retries.
  public func beginRetry(percent: Int) -> Bool {
    // The session to be tried again is off its backend, and runs nevertheless.
    retries.begin(running: state.withLock { $0.sessions } + 1, percent: percent)
  }

  public func endRetry() { retries.end() }

  /// Counts one more spare connection of a backend, if one may be there: it is eligible, and its sessions and spares
  /// stay within its `connections`.
  /// - Returns: whether it was counted; `Backend.removeSpare` ends that.
  public func addSpare(_ backend: Backend) -> Bool {
    state.withLock { state in
      guard let allowed = state.state(of: backend)?.sparesAllowed,
        backend.spares.load(ordering: .relaxed) < allowed
      else { return false }
      backend.spares.add(1, ordering: .relaxed)
      return true
    }
  }

  /// How many spare connections of a backend there may be now, over all workers: fewer than there are when sessions
  /// have taken their room, none when it is not eligible.
  public func sparesAllowed(of backend: Backend) -> Int {
    state.withLock { $0.state(of: backend)?.sparesAllowed ?? 0 }
  }
}

/// A session that waits for a backend of a pool.
public struct Waiter: Sendable {
  public let session: Handle
  /// Called once with the backend that the session counts on from then on, on the thread that freed it.
  public let served: @Sendable (Pool, Backend, Handle) -> Void

  public init(session: Handle, served: @escaping @Sendable (Pool, Backend, Handle) -> Void) {
    self.session = session
    self.served = served
  }
}

private struct Grant {
  let waiter: Waiter
  let backend: Backend
}

extension Pool {
  private struct State {
    private(set) var kind: SchedulerKind
    /// The ordinary members, then the backups.
    var tiers: InlineArray<2, Tier>
    /// Whoever waits for a backend. While somebody does, no backend is eligible: each that becomes so is granted.
    var queue = Queue<(Waiter, PickRequest)>(limit: 0)
    /// Open on members and on those that once were.
    var sessions = 0

    init(kind: SchedulerKind) {
      self.kind = kind
      tiers = InlineArray { _ in Tier(scheduler: kind.makeScheduler()) }
    }

    mutating func apply(
      scheduler: SchedulerKind, members: [Member], slowStart: SlowStart?, newcomers: BackendState.Warmth,
      initialHealth: (Backend) -> BackendHealth
    ) {
      var states: [[BackendState]] = [[], []]
      var former: [[Int?]] = [[], []]
      var named: Set<ObjectIdentifier> = []
      for member in members where named.insert(ObjectIdentifier(member.backend)).inserted {
        let tier = member.backup ? 1 : 0
        let before = state(of: member.backend)
        states[tier].append(
          BackendState(
            member, health: before?.health ?? initialHealth(member.backend), warmth: before?.warmth ?? newcomers))
        former[tier].append(tiers[tier].slot(of: member.backend))
      }
      var concerned = members.map(\.backend)
      for tier in tiers.indices {
        concerned += tiers[tier].members.map(\.backend)
        tiers[tier].reset(
          members: states[tier], former: former[tier], scheduler: scheduler == kind ? nil : scheduler.makeScheduler(),
          slowStart: slowStart)
      }
      for backend in concerned { markUsable(backend) }
      kind = scheduler
    }

    func state(of backend: Backend) -> BackendState? {
      for tier in tiers.indices {
        if let slot = tiers[tier].slot(of: backend) { return tiers[tier].members[slot] }
      }
      return nil
    }

    func markUsable(_ backend: Backend) {
      let isUsable =
        switch state(of: backend)?.availability {
        case .eligible, .full: true
        case .drained, .down, .checking, nil: false
        }
      backend.isUsable.store(isUsable, ordering: .relaxed)
    }

    var tally: Tally { tiers[0].tally + tiers[1].tally }

    var standing: PoolStanding {
      let tally = self.tally
      let weight = tiers[0].weight + tiers[1].weight
      let eligibleWeight = tiers[0].eligibleWeight + tiers[1].eligibleWeight
      return PoolStanding(
        eligible: tally[.eligible], up: tally[.eligible] + tally[.full], checking: tally[.checking],
        total: tally.total,
        weightShare: weight == 0 ? 0 : Double(eligibleWeight) / Double(weight))
    }

    mutating func release(_ backend: Backend) {
      sessions -= 1
      for tier in tiers.indices {
        if let slot = tiers[tier].slot(of: backend) { return tiers[tier].count(-1, at: slot) }
      }
      backend.countSession(-1)
    }

    /// Gives what has become free to those who have waited longest.
    mutating func grants() -> [Grant] {
      var grants: [Grant] = []
      while !queue.isEmpty, tally[.eligible] > 0, let (waiter, request) = queue.next() {
        guard case .backend(let backend, _) = pick(avoiding: [], for: request, orWait: nil) else { break }
        grants.append(Grant(waiter: waiter, backend: backend))
      }
      return grants
    }

    /// First those that the session has not tried, backups last; then those it has tried.
    mutating func pick(avoiding tried: [Backend], for request: PickRequest, orWait waiter: Waiter?) -> Pick {
      for tier in tiers.indices {
        if let pick = pick(from: tier, avoiding: tried, isTriedAgain: false, for: request) { return pick }
      }
      if !tried.isEmpty {
        for tier in tiers.indices {
          if let pick = pick(from: tier, avoiding: [], isTriedAgain: true, for: request) { return pick }
        }
      }
      let tally = self.tally
      guard tally[.full] > 0, let waiter, queue.limit > 0 else {
        return tally[.checking] > 0 ? .wait : .none(Unavailability(tally))
      }
      if let place = queue.join((waiter, request), deadline: Instant(nanoseconds: .max)) { return .queued(place) }
      return .none(.queueFull(queue.count))
    }

    private mutating func pick(
      from tier: Int, avoiding tried: [Backend], isTriedAgain: Bool, for request: PickRequest
    ) -> Pick? {
      guard let slot = tiers[tier].choose(avoiding: tried, for: request) else { return nil }
      tiers[tier].count(1, at: slot)
      sessions += 1
      let backend = tiers[tier].members[slot].backend
      return .backend(
        backend,
        PickReason(
          scheduler: kind, isBackup: tier == 1, isTriedAgain: isTriedAgain,
          isSticky: request.preferred == backend.nameHash))
    }
  }
}
