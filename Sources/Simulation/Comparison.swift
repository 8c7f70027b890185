import Balancing

/// All schedulers in all scenarios.
public struct Comparison: Sendable {
  public struct Row: Sendable {
    public let scenario: Scenario
    public let scheduler: SchedulerKind
    public let outcome: Outcome
  }

  public static let sizes = [3, 30, 1000]
  public static let balancers = [1, 16]

  public let seed: UInt64
  public let rows: [Row]

  /// - Parameters:
  ///   - sizes: numbers of backends.
  ///   - requests: of each run; nil is as many as its size needs.
  public init(seed: UInt64, sizes: [Int] = Self.sizes, balancers: [Int] = Self.balancers, requests: Int? = nil) {
    self.seed = seed
    rows = Scenario.Workload.allCases.flatMap { workload in
      sizes.flatMap { size in
        balancers.flatMap { balancers in
          let scenario = Scenario(workload, backends: size, balancers: balancers, requests: requests)
          return SchedulerKind.allCases.map { scheduler in
            Row(
              scenario: scenario, scheduler: scheduler,
              outcome: Simulator.run(scenario, scheduler, seed: seed))
          }
        }
      }
    }
  }

  private var settings: [(backends: Int, balancers: Int)] {
    var settings: [(backends: Int, balancers: Int)] = []
    for row in rows
    where !settings.contains(where: { $0 == (row.scenario.backends, row.scenario.balancers) }) {
      settings.append((row.scenario.backends, row.scenario.balancers))
    }
    return settings
  }

  func outcome(_ workload: Scenario.Workload, _ backends: Int, _ balancers: Int, _ scheduler: SchedulerKind) -> Outcome?
  {
    rows.first {
      $0.scenario.workload == workload && $0.scenario.backends == backends && $0.scenario.balancers == balancers
        && $0.scheduler == scheduler
    }?.outcome
  }

  /// A table in Markdown for each kind of work.
  public var tables: String {
    Scenario.Workload.allCases.map { workload in
      let settings = self.settings
      func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
      var text = "### \(workload)\n\n"
      text += line(
        ["scheduler"]
          + settings.map { "\($0.backends) backends, \($0.balancers) \($0.balancers == 1 ? "balancer" : "balancers")" })
      text += "|---" + String(repeating: "|---", count: settings.count) + "|\n"
      for scheduler in SchedulerKind.allCases {
        text += line(
          ["`\(scheduler)`"]
            + settings.map { outcome(workload, $0.backends, $0.balancers, scheduler)?.description ?? "" })
      }
      return text
    }.joined(separator: "\n")
  }
}

extension Outcome: CustomStringConvertible {
  /// `1.02 · 14 / 62 / 90`, and what was refused.
  public var description: String {
    let text = "\(imbalance.fixed(2)) · \(p50.short) / \(p99.short) / \(p999.short)"
    return refused == 0 ? text : text + " (\((refused * 100).fixed(1)) % refused)"
  }
}

extension Double {
  /// With so many digits behind the point.
  func fixed(_ digits: Int) -> String {
    let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
    let scaled = (self * Double(scale)).rounded()
    guard scaled.magnitude < 1e15 else { return "\(self)" }
    let value = Int(scaled)
    if digits == 0 { return "\(value)" }
    let fraction = String(value % scale)
    return "\(value / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// In as few digits as say something.
  var short: String { fixed(self < 10 ? 1 : 0) }
}
