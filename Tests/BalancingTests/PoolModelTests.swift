import Base
import Testing

@testable import Balancing

/// Random lives of a pool beside a model that keeps everything in one plain list and searches it from end to end.
@Suite struct PoolModelTests {
  @Test(arguments: [SchedulerKind.roundRobin, .leastConnections, .first], 0..<30 as Range<UInt64>)
  func agreesWithTheModel(scheduler: SchedulerKind, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let backends = makeBackends(1 + random.below(seed % 5 == 0 ? 150 : 9))
    let hasEqualWeights = random.below(3) == 0
    let members = backends.map { backend in
      Member(
        backend: backend, weight: hasEqualWeights ? 1 : random.below(5),
        connections: random.below(3) == 0 ? 1 + random.below(4) : 0, backup: random.below(4) == 0)
    }
    var model = Model(scheduler: scheduler, members: members)
    let pool = makePool(scheduler, members, health: .checking)
    var open: [Backend] = []

    for step in 0..<3000 {
      switch random.below(10) {
      case 0..<5:
        var tried: [Backend] = []
        for _ in 0..<random.below(4) where random.below(2) == 0 { tried.append(backends[random.below(backends.count)]) }
        let pick = pool.pick(avoiding: tried)
        let expected = model.pick(avoiding: tried)
        guard case .backend(let backend, let reason) = pick else {
          #expect(expected == nil, "seed \(seed) step \(step)")
          #expect(pick.isWait == model.isWaiting, "seed \(seed) step \(step)")
          continue
        }
        open.append(backend)
        guard let expected, expected.backend === backend else {
          Issue.record("seed \(seed) step \(step): \(backend), expected \(String(describing: expected?.backend))")
          return
        }
        #expect(reason.isBackup == expected.member.backup, "seed \(seed) step \(step)")
        #expect(reason.isTriedAgain == tried.contains { $0 === backend }, "seed \(seed) step \(step)")
      case 5..<8:
        guard !open.isEmpty else { continue }
        let backend = open.remove(at: random.below(open.count))
        pool.release(backend)
        model.release(backend)
      default:
        let backend = backends[random.below(backends.count)]
        let health: BackendHealth = random.below(3) == 0 ? .down : .up
        let standing = pool.setHealth(health, of: backend)
        model.setHealth(health, of: backend)
        #expect(standing.eligible == model.eligible.count, "seed \(seed) step \(step)")
        let share = model.weightShare
        #expect(abs(standing.weightShare - share) < 1e-9, "seed \(seed) step \(step)")
      }
    }
    for (state, backend) in zip(model.states, backends) {
      #expect(state.sessions == backend.sessions.load(ordering: .relaxed), "seed \(seed)")
    }
  }
}

private struct Model {
  struct State {
    let member: Member
    var health = BackendHealth.checking
    var sessions = 0
    var credit = 0
    var lastPick = 0
    var backend: Backend { member.backend }
    var isEligible: Bool {
      health == .up && member.weight > 0 && (member.connections == 0 || sessions < member.connections)
    }
  }

  let scheduler: SchedulerKind
  var states: [State]
  var picks = 0
  /// Of each rank, the slot picked last, for equal weights.
  var lastSlots = [false: -1, true: -1]

  init(scheduler: SchedulerKind, members: [Member]) {
    self.scheduler = scheduler
    states = members.map { State(member: $0) }
  }

  var eligible: [State] { states.filter(\.isEligible) }

  var weightShare: Double {
    let total = states.reduce(0) { $0 + $1.member.weight }
    return total == 0 ? 0 : Double(eligible.reduce(0) { $0 + $1.member.weight }) / Double(total)
  }

  var isWaiting: Bool {
    let usable = states.filter { $0.member.weight > 0 }
    return usable.contains { $0.health == .checking } && eligible.isEmpty
  }

  mutating func release(_ backend: Backend) {
    states[states.firstIndex { $0.backend === backend }!].sessions -= 1
  }

  mutating func setHealth(_ health: BackendHealth, of backend: Backend) {
    states[states.firstIndex { $0.backend === backend }!].health = health
  }

  mutating func pick(avoiding tried: [Backend]) -> State? {
    let eligible = states.indices.filter { states[$0].isEligible }
    let untried = eligible.filter { index in !tried.contains { $0 === states[index].backend } }
    let usable = untried.isEmpty ? eligible : untried
    let ordinary = usable.filter { !states[$0].member.backup }
    let candidates = ordinary.isEmpty ? usable : ordinary
    guard let first = candidates.first else { return nil }
    let isBackup = states[first].member.backup
    let choice: Int
    switch scheduler {
    case .roundRobin:
      let weights = Set(
        states.filter { $0.member.backup == isBackup && $0.member.weight > 0 }.map(\.member.weight))
      if weights.count == 1 {
        choice = candidates.first { $0 > lastSlots[isBackup]! } ?? first
        lastSlots[isBackup] = choice
      } else {
        for index in candidates { states[index].credit += states[index].member.weight }
        choice = candidates.max { left, right in
          (states[left].credit, -left) < (states[right].credit, -right)
        }!
        states[choice].credit -= candidates.reduce(0) { $0 + states[$1].member.weight }
      }
    case .leastConnections:
      choice = candidates.min { left, right in
        let (a, b) = (states[left], states[right])
        let (loadOfA, loadOfB) = ((a.sessions + 1) * b.member.weight, (b.sessions + 1) * a.member.weight)
        return (loadOfA, a.lastPick, left) < (loadOfB, b.lastPick, right)
      }!
    default: choice = first
    }
    picks += 1
    states[choice].lastPick = picks
    states[choice].sessions += 1
    return states[choice]
  }
}
