import Telemetry

/// How long something took over the last minute, in seconds; nil where nothing was measured.
public struct Percentiles: Sendable {
  public var count = 0
  public var p50: Double?
  public var p90: Double?
  public var p99: Double?
  public var p999: Double?

  public init() {}

  var json: JSONObject {
    var object = JSONObject()
    object.add("count", count)
    object.add("p50", p50)
    object.add("p90", p90)
    object.add("p99", p99)
    object.add("p999", p999)
    return object
  }
}
