import Telemetry

public struct ListenerStatus: Sendable {
  public var name = ""
  public var mode = ""
  public var listen: [String] = []
  public var isSecure = false
  public var pools: [String] = []
  public var sessions = 0
  /// nil is none.
  public var limit: Int?
  public var totals = Traffic()
  public var refused = 0
  /// Per second, over the last ten.
  public var rates = TrafficRates()
  /// How long sessions lasted.
  public var session = Percentiles()

  public init() {}

  var json: JSONObject {
    var object = JSONObject()
    object.add("name", name)
    object.add("mode", mode)
    object.add("listen", listen)
    object.add("tls", isSecure)
    object.add("pools", pools)
    object.add("sessions", sessions)
    object.add("limit", limit)
    let names = TrafficNames(up: "bytesFromClients", down: "bytesToClients")
    object.add("totals", totals.json(names, [("refused", refused)]))
    object.add("rates", rates.json(names))
    object.add("session", session.json)
    return object
  }
}
