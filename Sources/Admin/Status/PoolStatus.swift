import Telemetry

public struct PoolStatus: Sendable {
  public struct Totals: Sendable {
    public var sessions = 0
    public var requests = 0
    public var errors = 0
    public var retries = 0
    public var queued = 0
    public var bytesToBackends = 0
    public var bytesFromBackends = 0

    public init() {}

    var json: JSONObject {
      var object = JSONObject()
      object.add("sessions", sessions)
      object.add("requests", requests)
      object.add("errors", errors)
      object.add("retries", retries)
      object.add("queued", queued)
      object.add("bytesToBackends", bytesToBackends)
      object.add("bytesFromBackends", bytesFromBackends)
      return object
    }
  }

  /// Per second, over the last ten.
  public struct Rates: Sendable {
    public var sessions = 0.0
    public var requests = 0.0
    public var errors = 0.0
    public var bytesToBackends = 0.0
    public var bytesFromBackends = 0.0

    public init() {}

    var json: JSONObject {
      var object = JSONObject()
      object.add("sessions", sessions)
      object.add("requests", requests)
      object.add("errors", errors)
      object.add("bytesToBackends", bytesToBackends)
      object.add("bytesFromBackends", bytesFromBackends)
      return object
    }
  }

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
  public var totals = Totals()
  public var rates = Rates()
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
    object.add("totals", totals.json)
    object.add("rates", rates.json)
    object.add("queue", queue.json)
    object.add("backends", backends.map(\.json))
    return object
  }
}
