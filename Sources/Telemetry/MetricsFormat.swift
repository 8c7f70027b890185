extension MetricsText.Format {
  /// The format that a client prefers (RFC 9110, 12.5.1); the older one where it does not care.
  /// - Parameter accept: the value of its Accept field.
  public init(accept: String) {
    let openMetrics = Self.quality(of: "application/openmetrics-text", in: accept) ?? 0
    let plain =
      Self.quality(of: "text/plain", in: accept) ?? Self.quality(of: "text/*", in: accept)
      ?? Self.quality(of: "*/*", in: accept) ?? 0
    self = openMetrics > 0 && openMetrics >= plain ? .openMetrics : .prometheus
  }

  /// The highest weight that a type is given, whatever its other parameters: there is one version of each. Nil where it is
  /// not mentioned.
  private static func quality(of type: String, in accept: String) -> Double? {
    var best: Double?
    for element in accept.split(separator: ",") {
      let parts = element.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
      guard parts.first == type else { continue }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      best = max(best ?? 0, weight)
    }
    return best
  }
}
