import Balancing

/// What a simulation plays: some servers, the work that comes, and the balancers in front that do not know of each
/// other.
public struct Scenario: Equatable, Sendable {
  public enum Workload: CaseIterable, Equatable, Sendable {
    case equal, oneSlow, oneFlapping, heavyTailed
  }

  public let workload: Workload
  public let backends: Int
  public let balancers: Int
  public let requests: Int

  /// - Parameter requests: nil is enough of them for each backend.
  public init(_ workload: Workload, backends: Int, balancers: Int, requests: Int? = nil) {
    self.workload = workload
    self.backends = max(backends, 2)
    self.balancers = max(balancers, 1)
    self.requests = requests ?? max(20_000, 100 * backends)
  }

  /// A server works on one request at a time, and the others wait there.
  static let meanWork = 10e6
  /// Of what all servers together can do.
  static let utilization = 0.6
  /// From a connect to the answer of an idle server; a slow one takes as much longer as it does for its work.
  static let connect = 1e6
  static let slowness = 10.0
  static let flapPeriod: UInt64 = 1_000_000_000
  /// Of each period, at its end.
  static let flapDown: UInt64 = 250_000_000
  /// From a change until the checks have seen it.
  static let detection: UInt64 = 100_000_000
  /// Clients that come back.
  static let clients = 10_000
  /// The `connections` of a backend for `first`, which needs some.
  static let limitForFirst = 4

  func slowness(of backend: Int) -> Double { workload == .oneSlow && backend == 0 ? Self.slowness : 1 }

  /// Requests in a nanosecond.
  var rate: Double {
    let capacity = (0..<backends).reduce(0) { $0 + 1 / slowness(of: $1) }
    return Self.utilization * capacity / Self.meanWork
  }
}

extension Scenario.Workload: CustomStringConvertible {
  public var description: String {
    switch self {
    case .equal: "Equal servers"
    case .oneSlow: "One server ten times slower"
    case .oneFlapping: "One server that flaps"
    case .heavyTailed: "Heavy-tailed work"
    }
  }
}
