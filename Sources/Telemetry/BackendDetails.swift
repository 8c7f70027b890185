import Base

/// A backend as the events of its health name it.
public struct BackendDetails: Equatable, Sendable {
  public var pool: String
  public var name: String
  /// As it is written in balancer.json: `127.0.0.1:9002`, `unix:/run/app.sock`.
  public var address: String
  public var labels: [String: String]

  public init(pool: String, name: String, address: String, labels: [String: String] = [:]) {
    self.pool = pool
    self.name = name
    self.address = address
    self.labels = labels
  }

  func addFields(to object: inout JSONObject) {
    object.add("pool", pool)
    object.add("backend", name)
    object.add("address", address)
    object.add("labels", labels)
  }
}

extension BackendDetails: CustomStringConvertible {
  /// `web/127.0.0.1:9002`, `web/app2 (127.0.0.1:9002)`, `web/app2 (127.0.0.1:9002) [rack=7 zone=a]`.
  public var description: String {
    var text = "\(pool)/\(name)"
    if name != address { text += " (\(address))" }
    if !labels.isEmpty {
      let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      text += " [\(pairs.joined(separator: " "))]"
    }
    return text
  }
}

/// How the pool stands after what an event tells.
public struct StandingDetails: Equatable, Sendable {
  public var eligible: Int
  public var total: Int
  /// 0…1.
  public var weightShare: Double
  /// The pool has lost its last backend.
  public var isLost: Bool

  public init(eligible: Int, total: Int, weightShare: Double, isLost: Bool) {
    self.eligible = eligible
    self.total = total
    self.weightShare = weightShare
    self.isLost = isLost
  }

  func addFields(to object: inout JSONObject) {
    object.add("eligible", eligible)
    object.add("total", total)
    object.add("weight_share", (weightShare * 10_000).rounded() / 10_000)
  }
}

extension StandingDetails: CustomStringConvertible {
  /// `2/3 backends eligible, 67% of weight`.
  public var description: String { "\(eligible)/\(total) backends eligible, \(percent)% of weight" }

  /// Rounded, but 0 only for nothing and 100 only for everything.
  private var percent: Int {
    guard weightShare > 0 else { return 0 }
    guard weightShare < 1 else { return 100 }
    return min(max(Int((weightShare * 100).rounded()), 1), 99)
  }
}
