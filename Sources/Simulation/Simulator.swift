import Balancing
import Base

/// What came of one scheduler in one scenario.
public struct Outcome: Equatable, Sendable {
  /// The work of the busiest backend over the mean of all.
  public let imbalance: Double
  /// Of the time from a request to its answer, in milliseconds.
  public let p50: Double
  public let p99: Double
  public let p999: Double
  /// Requests that no backend could take, of all.
  public let refused: Double
}

/// Plays a scenario with the program's own pools, one for each balancer, on a clock of its own.
public struct Simulator {
  private enum Event {
    case arrival
    case finished(balancer: Int, backend: Int)
    case detected(BackendHealth)
  }

  private let scenario: Scenario
  private var random: SeededGenerator
  private var events = EventQueue<Event>()
  private var now: UInt64 = 0
  private let pools: [Pool]
  /// Of each balancer: it counts its own sessions only.
  private let backends: [[Backend]]
  /// When each server has done all that was given to it.
  private var freeAt: [UInt64]
  private var work: [Double]
  private var latencies: [UInt64] = []
  private var refused = 0

  public static func run(_ scenario: Scenario, _ scheduler: SchedulerKind, seed: UInt64) -> Outcome {
    var simulator = Simulator(scenario, scheduler, seed: seed)
    simulator.play()
    return simulator.outcome
  }

  private init(_ scenario: Scenario, _ scheduler: SchedulerKind, seed: UInt64) {
    self.scenario = scenario
    random = SeededGenerator(seed: seed)
    let backends = (0..<scenario.balancers).map { _ in
      (0..<scenario.backends).map { index in
        Backend(
          pool: "simulated", name: "backend-\(index)",
          address: .ip(IPAddress(ipv4: 0x0A00_0000 + UInt32(index)), port: 80))
      }
    }
    self.backends = backends
    pools = backends.map { backends in
      Pool(
        name: "simulated", scheduler: scheduler,
        members: backends.map {
          Member(backend: $0, connections: scheduler == .first ? Scenario.limitForFirst : 0)
        }, initialHealth: { _ in .up })
    }
    freeAt = [UInt64](repeating: 0, count: scenario.backends)
    work = [Double](repeating: 0, count: scenario.backends)
    latencies.reserveCapacity(scenario.requests)
  }

  private mutating func play() {
    var arrivals = scenario.requests
    events.add(.arrival, at: 0)
    if scenario.workload == .oneFlapping { planFlap(at: 0) }
    while let (time, event) = events.next() {
      now = time
      switch event {
      case .arrival:
        arrive()
        arrivals -= 1
        if arrivals == 0 { return }
        events.add(.arrival, at: now + UInt64(Draw.exponential(mean: 1 / scenario.rate, &random)))
      case .finished(let balancer, let backend): pools[balancer].release(backends[balancer][backend])
      case .detected(let health):
        for (pool, backends) in zip(pools, backends) { pool.setHealth(health, of: backends[0]) }
        if health == .up { planFlap(at: now - Scenario.detection) }
      }
    }
  }

  /// What the checks will see of the period that begins.
  private mutating func planFlap(at start: UInt64) {
    events.add(.detected(.down), at: start + Scenario.flapPeriod - Scenario.flapDown + Scenario.detection)
    events.add(.detected(.up), at: start + Scenario.flapPeriod + Scenario.detection)
  }

  private func refuses(_ backend: Int, at time: UInt64) -> Bool {
    scenario.workload == .oneFlapping && backend == 0
      && time % Scenario.flapPeriod >= Scenario.flapPeriod - Scenario.flapDown
  }

  private mutating func arrive() {
    let balancer = random.below(scenario.balancers)
    let client = IPAddress(ipv4: 0xC000_0000 + UInt32(random.below(Scenario.clients)))
    let base =
      scenario.workload == .heavyTailed
      ? Draw.heavyTailed(mean: Scenario.meanWork, &random) : Draw.exponential(mean: Scenario.meanWork, &random)
    var time = now
    var tried: [Backend] = []
    // As `retries` has it: two more after the first.
    for _ in 0..<3 {
      let request = PickRequest(
        key: StableHash.of(client), random: random.next(), now: Instant(nanoseconds: time))
      guard case .backend(let backend, _) = pools[balancer].pick(avoiding: tried, for: request) else { break }
      let index = Int(backend.address.ipv4Offset)
      let connect = Scenario.connect * scenario.slowness(of: index)
      let isRefused = refuses(index, at: time)
      let answered = time + UInt64(isRefused ? Scenario.connect : connect)
      pools[balancer].answered(
        backend, after: .nanoseconds(Int64(answered - time)), failed: isRefused, now: Instant(nanoseconds: answered))
      time = answered
      if isRefused {
        pools[balancer].release(backend)
        tried.append(backend)
        continue
      }
      let duration = base * scenario.slowness(of: index)
      work[index] += duration
      freeAt[index] = max(freeAt[index], time) + UInt64(duration)
      events.add(.finished(balancer: balancer, backend: index), at: freeAt[index])
      latencies.append(freeAt[index] - now)
      return
    }
    refused += 1
  }

  private var outcome: Outcome {
    let sorted = latencies.sorted()
    func milliseconds(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]) / 1e6
    }
    let mean = work.reduce(0, +) / Double(work.count)
    return Outcome(
      imbalance: mean == 0 ? 1 : (work.max() ?? 0) / mean, p50: milliseconds(0.5), p99: milliseconds(0.99),
      p999: milliseconds(0.999), refused: Double(refused) / Double(scenario.requests))
  }
}

extension SocketAddress {
  /// The last three bytes of a simulated backend's address: its number.
  fileprivate var ipv4Offset: UInt64 {
    if case .ip(let address, _) = self { address.low & 0xFF_FFFF } else { 0 }
  }
}
