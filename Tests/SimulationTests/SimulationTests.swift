import Balancing
import Base
import Testing

@testable import Simulation

@Suite struct SimulatorTests {
  @Test(arguments: Scenario.Workload.allCases) func theSameSeedGivesTheSameResult(workload: Scenario.Workload) {
    let scenario = Scenario(workload, backends: 5, balancers: 2, requests: 1500)
    for scheduler in SchedulerKind.allCases {
      let first = Simulator.run(scenario, scheduler, seed: 7)
      #expect(first == Simulator.run(scenario, scheduler, seed: 7), "\(scheduler)")
      #expect(first != Simulator.run(scenario, scheduler, seed: 8), "\(scheduler)")
      #expect(first.imbalance >= 1 && first.p50 <= first.p99 && first.p99 <= first.p999, "\(scheduler)")
    }
  }

  @Test func theComparisonIsDeterministic() {
    func make() -> Comparison { Comparison(seed: 3, sizes: [3], balancers: [1, 2], requests: 300) }
    #expect(make().tables == make().tables)
    #expect(make().chart(backends: 3) == make().chart(backends: 3))
    #expect(make().tables.contains("| `least-connections` |"))
  }

  /// What everybody knows of them.
  @Test func schedulersBehaveAsTheyShould() {
    let slow = Scenario(.oneSlow, backends: 3, balancers: 1, requests: 5000)
    #expect(
      Simulator.run(slow, .leastConnections, seed: 1).p99 < Simulator.run(slow, .roundRobin, seed: 1).p99 / 4)
    let equal = Scenario(.equal, backends: 30, balancers: 1, requests: 5000)
    #expect(
      Simulator.run(equal, .leastConnections, seed: 1).p99 < Simulator.run(equal, .sourceHash, seed: 1).p99)
  }
}

@Suite struct DrawTests {
  @Test(arguments: [
    (1.0, 0.0), (2, 0.693147180559945), (0.5, -0.693147180559945), (10, 2.302585092994046), (1e-9, -20.72326583694641),
  ])
  func logarithms(value: Double, expected: Double) {
    #expect(abs(Draw.naturalLogarithm(value) - expected) < 1e-12)
  }

  @Test func meansAreMeans() {
    var random = SeededGenerator(seed: 5)
    let count = 200_000
    let exponential = (0..<count).reduce(0) { sum, _ in sum + Draw.exponential(mean: 10, &random) } / Double(count)
    let heavy = (0..<count).reduce(0) { sum, _ in sum + Draw.heavyTailed(mean: 10, &random) } / Double(count)
    #expect(abs(exponential - 10) < 0.2)
    #expect(abs(heavy - 10) < 1)
  }

  @Test func eventsComeInOrder() {
    var random = SeededGenerator(seed: 6)
    var queue = EventQueue<Int>()
    let times = (0..<500).map { _ in UInt64(random.below(100)) }
    for (index, time) in times.enumerated() { queue.add(index, at: time) }
    var seen: [Int] = []
    while let (_, event) = queue.next() { seen.append(event) }
    #expect(seen == times.indices.sorted { (times[$0], $0) < (times[$1], $1) })
  }
}

@Suite struct PredictionTests {
  private static let three = ["a", "b", "c"].map { Prediction.Server(name: $0, connections: 40) }

  @Test(arguments: SchedulerKind.allCases.filter { $0 != .first }) func survivorsShareWhatIsLeft(
    scheduler: SchedulerKind
  ) {
    let prediction = Prediction(scheduler, Self.three, sessions: 100)
    #expect(abs(prediction.now.reduce(0, +) - 1) < 1e-9)
    let exact = Prediction(scheduler, Self.three, sessions: nil)
    for share in exact.now { #expect(abs(share - 1.0 / 3) < 0.03, "\(scheduler)") }
    #expect(exact.without[0][0] == 0)
    for share in exact.without[0].dropFirst() { #expect(abs(share - 0.5) < 0.03, "\(scheduler)") }
  }

  @Test func warnsWhereASurvivorIsFull() {
    let prediction = Prediction(.leastConnections, Self.three, sessions: 100)
    #expect(prediction.warnings.count == 6)
    #expect(prediction.warnings.first == "without a: b would have 50 sessions, its connections are 40")
    #expect(Prediction(.leastConnections, Self.three, sessions: 75 + 3).warnings.isEmpty)
    #expect(Prediction(.leastConnections, Self.three, sessions: nil).warnings.isEmpty)
    #expect(prediction.capacity([0.5, 0.5, 0]) == 80)
  }

  @Test func firstFillsOneAfterTheOther() {
    let prediction = Prediction(.first, Self.three, sessions: 100)
    #expect(prediction.now == [0.4, 0.4, 0.2])
    #expect(prediction.without[1] == [0.4, 0, 0.4])
    #expect(prediction.warnings == ["a", "b", "c"].map { "without \($0): 20.0 % of 100 sessions find no backend" })
  }

  @Test func backupsAndWeights() {
    let prediction = Prediction(
      .roundRobin,
      [.init(name: "a", weight: 3), .init(name: "b"), .init(name: "c", isBackup: true)], sessions: nil)
    #expect(prediction.now == [0.75, 0.25, 0])
    #expect(prediction.without[0] == [0, 1, 0])
    #expect(
      prediction.table == """
        backend     now  without a  without b  without c
        a        75.0 %          -    100.0 %     75.0 %
        b        25.0 %    100.0 %          -     25.0 %
        c         0.0 %      0.0 %      0.0 %          -
        """)
  }
}
