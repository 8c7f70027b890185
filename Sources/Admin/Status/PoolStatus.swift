import Telemetry

public struct PoolStatus: Sendable {
  public var name = ""
  public var scheduler = ""
  public var isPanicking = false
  public var eligible = 0
  public var total = 0
  /// In percent.
  public var weightLeft = 0
  public var waiting = 0
  public var queueLimit = 0
  public var sessions = 0
  public var totals = Traffic()
  public var retries = 0
  public var queued = 0
  /// Per second, over the last ten.
  public var rates = TrafficRates()
  /// How long sessions waited for a backend.
  public var queue = Percentiles()
  public var backends: [BackendStatus] = []

  public init() {}

  var state: String {
    if isPanicking { return "panic" }
    return eligible == 0 ? "down" : eligible < total ? "degraded" : "up"
  }

  var json: JSONObject {
    var object = JSONObject()
    object.add("name", name)
    object.add("scheduler", scheduler)
    object.add("state", state)
    object.add("eligible", eligible)
    object.add("total", total)
    object.add("weightLeft", weightLeft)
    object.add("waiting", waiting)
    object.add("queueLimit", queueLimit)
    object.add("sessions", sessions)
    let names = TrafficNames(up: "bytesToBackends", down: "bytesFromBackends")
    object.add("totals", totals.json(names, [("retries", retries), ("queued", queued)]))
    object.add("rates", rates.json(names))
    object.add("queue", queue.json)
    object.add("backends", backends.map(\.json))
    return object
  }
}
