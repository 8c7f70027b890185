import ArgumentParser
import Balancing
import Base
import Reactor

/// What `scripts/benchmark micro` runs.
struct MicroCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "micro", abstract: "Measure what picking a backend and knowing a client cost.", shouldDisplay: false)

  private static let backends = 1000
  private static let picks = 200_000
  private static let rounds = 5
  /// For one pick and the release of its session, in nanoseconds.
  private static let allowed = 1000

  func run() throws {
    print("nanoseconds for a pick among \(Self.backends) backends and its release, the best of \(Self.rounds) rounds")
    var isSlow = false
    for scheduler in SchedulerKind.allCases {
      let equal = Self.measure(scheduler, weights: { _ in 1 })
      let unequal = Self.measure(scheduler, weights: { 1 + $0 % 7 })
      let name = scheduler.description
      print(
        name + String(repeating: " ", count: max(1, 24 - name.count)) + "equal weights \(equal), weights 1…7 \(unequal)"
      )
      if max(equal, unequal) >= Self.allowed { isSlow = true }
    }
    if isSlow { print("too slow: \(Self.allowed) ns or more") }
    let flood = ClientFlood()
    print("")
    print(flood)
    if isSlow || flood.hasGrown { throw ExitCode.failure }
  }

  private static func measure(_ scheduler: SchedulerKind, weights: (Int) -> Int) -> Int {
    let members = (0..<backends).map { index in
      Member(
        backend: Backend(
          pool: "micro", name: "backend-\(index)", address: .ip(IPAddress(ipv4: UInt32(index)), port: 80)),
        weight: weights(index))
    }
    let pool = Pool(name: "micro", scheduler: scheduler, members: members, initialHealth: { _ in .up })
    var random = SeededGenerator(seed: 1)
    let needs = pool.schedulerNeeds
    var open: [Backend] = []
    func pick() -> Backend? {
      let request = PickRequest(
        key: random.next(), random: needs.contains(.random) ? random.next() : 0, now: Instant(nanoseconds: 1))
      if case .backend(let backend, _) = pool.pick(for: request) { return backend }
      return nil
    }
    // Two sessions on each, of which the oldest ends whenever one begins.
    for _ in 0..<2 * backends { if let backend = pick() { open.append(backend) } }
    if needs.contains(.answers) {
      for backend in open { pool.answered(backend, after: .milliseconds(2), now: Instant(nanoseconds: 1)) }
    }
    var best = Int.max
    for _ in 0..<rounds {
      var oldest = 0
      let start = Clock.now
      for _ in 0..<picks {
        // Nothing refuses here; a scheduler that fails is not to look like a fast one.
        guard let backend = pick() else { return .max }
        pool.release(open[oldest])
        open[oldest] = backend
        oldest = oldest + 1 == open.count ? 0 : oldest + 1
      }
      best = min(best, Int((Clock.now - start).nanoseconds) / picks)
    }
    return best
  }
}
