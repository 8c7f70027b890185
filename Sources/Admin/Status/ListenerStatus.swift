import Telemetry

public struct ListenerStatus: Sendable {
  public struct Totals: Sendable {
    public var sessions = 0
    public var requests = 0
    public var errors = 0
    public var refused = 0
    public var bytesFromClients = 0
    public var bytesToClients = 0

    public init() {}

    var json: JSONObject {
      var object = JSONObject()
      object.add("sessions", sessions)
      object.add("requests", requests)
      object.add("errors", errors)
      object.add("refused", refused)
      object.add("bytesFromClients", bytesFromClients)
      object.add("bytesToClients", bytesToClients)
      return object
    }
  }

  /// Per second, over the last ten.
  public struct Rates: Sendable {
    public var sessions = 0.0
    public var requests = 0.0
    public var errors = 0.0
    public var bytesFromClients = 0.0
    public var bytesToClients = 0.0

    public init() {}

    var json: JSONObject {
      var object = JSONObject()
      object.add("sessions", sessions)
      object.add("requests", requests)
      object.add("errors", errors)
      object.add("bytesFromClients", bytesFromClients)
      object.add("bytesToClients", bytesToClients)
      return object
    }
  }

  public var name = ""
  public var mode = ""
  public var listen: [String] = []
  public var isSecure = false
  public var pools: [String] = []
  public var sessions = 0
  /// nil is none.
  public var limit: Int?
  public var totals = Totals()
  public var rates = Rates()
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
    object.add("totals", totals.json)
    object.add("rates", rates.json)
    object.add("session", session.json)
    return object
  }
}
