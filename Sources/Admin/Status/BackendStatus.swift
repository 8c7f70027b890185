import Base
import Telemetry

public struct BackendStatus: Sendable {
  /// The first that holds.
  public enum State: String, Sendable {
    case disabled, drained, ejected, held, down, checking, full, up
  }

  /// What was said by hand; what is nil is as the file has it.
  public struct Override: Sendable {
    public var state: String?
    public var weight: Int?
    public var since: WallTime

    public init(state: String?, weight: Int?, since: WallTime) {
      self.state = state
      self.weight = weight
      self.since = since
    }

    public func add(to object: inout JSONObject) {
      object.add("state", state)
      object.add("weight", weight)
      object.add("since", since.description)
    }
  }

  /// The last check that has ended.
  public struct Check: Sendable {
    public var type = ""
    public var isPassed = false
    public var words = ""
    public var at = WallTime(nanosecondsSinceEpoch: 0)
    public var took = Duration.zero
    public var streak = 0
    public var needed = 0

    public init() {}

    var json: JSONObject {
      var object = JSONObject()
      object.add("type", type)
      object.add("result", isPassed ? "passed" : "failed")
      object.add("words", words)
      object.add("at", at.description)
      object.add("took", Double(took.nanoseconds / 1000) / 1e6)
      object.add("streak", streak)
      object.add("needed", needed)
      return object
    }
  }

  public var name = ""
  /// nil while its host name cannot be resolved.
  public var address: String?
  public var labels: [String: String] = [:]
  public var isBackup = false
  public var state = State.checking
  public var since = WallTime(nanosecondsSinceEpoch: 0)
  public var why: String?
  public var weight = 0
  public var configuredWeight = 0
  public var override: Override?
  public var sessions = 0
  public var limit: Int?
  public var check: Check?
  public var changes = 0
  public var totals = Traffic()
  public var connectFailures = 0
  /// Per second, over the last ten.
  public var rates = TrafficRates()
  public var connect = Percentiles()
  /// Until the head of the response.
  public var firstByte = Percentiles()
  public var session = Percentiles()

  public init() {}

  public var json: JSONObject {
    var object = JSONObject()
    object.add("name", name)
    object.add("address", address)
    object.add("labels", labels)
    object.add("backup", isBackup)
    object.add("state", state.rawValue)
    object.add("since", since.description)
    object.add("why", why)
    object.add("weight", weight)
    object.add("configuredWeight", configuredWeight)
    object.add(
      "override",
      override.map { override in
        var object = JSONObject()
        override.add(to: &object)
        return object
      })
    object.add("sessions", sessions)
    object.add("limit", limit)
    object.add("check", check?.json)
    object.add("changes", changes)
    let names = TrafficNames(up: "bytesToBackend", down: "bytesFromBackend")
    object.add("totals", totals.json(names, [("connectFailures", connectFailures)]))
    object.add("rates", rates.json(names))
    object.add("connect", connect.json)
    object.add("firstByte", firstByte.json)
    object.add("session", session.json)
    return object
  }
}
