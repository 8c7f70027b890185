import Telemetry

/// What the numbers of bytes are called: a listener has clients, a backend only itself.
struct TrafficNames {
  let up: String
  let down: String
}

extension Traffic {
  /// - Parameter more: what else is counted of the subject, in the order given.
  func json(_ names: TrafficNames, _ more: [(key: String, value: Int)] = []) -> JSONObject {
    var object = JSONObject()
    object.add("sessions", sessions)
    object.add("requests", requests)
    object.add("errors", errors)
    for (key, value) in more { object.add(key, value) }
    object.add(names.up, bytesToBackends)
    object.add(names.down, bytesToClients)
    return object
  }
}

extension TrafficRates {
  func json(_ names: TrafficNames) -> JSONObject {
    var object = JSONObject()
    object.add("sessions", sessions)
    object.add("requests", requests)
    object.add("errors", errors)
    object.add(names.up, bytesToBackends)
    object.add(names.down, bytesToClients)
    return object
  }
}
