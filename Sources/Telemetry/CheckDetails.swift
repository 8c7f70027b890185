import Base

/// A check and how it ended, as the events of health tell it.
public struct CheckDetails: Equatable, Sendable {
  public struct Failure: Equatable, Sendable {
    /// `connection refused (ECONNREFUSED)`.
    public var cause: String
    /// What the check had reached: `L4` for the connection, `L6` for TLS, `L7` for what was said on it.
    public var layer: String
    /// `ECONNREFUSED`, where the kernel said why.
    public var errno: String?

    public init(cause: String, layer: String, errno: String?) {
      self.cause = cause
      self.layer = layer
      self.errno = errno
    }
  }

  /// The type of the check as it is written in balancer.json: `tcp`.
  public var type: String
  /// Where the check went, as it is written in balancer.json; nil for the backend's own address.
  public var address: String?
  /// Nil when it passed.
  public var failure: Failure?
  public var took: Duration
  /// Results like it in a row.
  public var streak: Int
  /// How many of them it takes to change the health.
  public var needed: Int

  public init(
    type: String, address: String? = nil, failure: Failure?, took: Duration, streak: Int, needed: Int
  ) {
    self.type = type
    self.address = address
    self.failure = failure
    self.took = took
    self.streak = streak
    self.needed = needed
  }

  func addCause(to object: inout JSONObject) {
    object.add("cause", failure?.cause)
    object.add("layer", failure?.layer)
    object.add("errno", failure?.errno)
  }

  func addFields(to object: inout JSONObject) {
    addCause(to: &object)
    object.add("took_ms", milliseconds: took)
    object.add("streak", streak)
    object.add("needed", needed)
  }
}

extension CheckDetails: CustomStringConvertible {
  /// `connection refused (ECONNREFUSED), tcp check took 0.4 ms, 3/3 failed`, `tcp check passed in 0.3 ms, 2/2 passed`.
  public var description: String { "\(result), \(count)" }

  var result: String {
    let check = "\(type) check" + (address.map { " of \($0)" } ?? "")
    if let failure { return "\(failure.cause), \(check) took \(took.text)" }
    return "\(check) passed in \(took.text)"
  }

  var count: String { "\(streak)/\(needed) \(failure == nil ? "passed" : "failed")" }
}
