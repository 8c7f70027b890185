/// Writes metrics as Prometheus reads them: its text format 0.0.4 or OpenMetrics 1.0.
///
/// Families are written one after the other, each with all its samples. Names and labels are ours: a wrong one is a mistake in
/// the program. Values of labels may hold anything.
public struct MetricsText: Sendable {
  public enum Format: Sendable {
    /// prometheus.io/docs/instrumenting/exposition_formats, text format.
    case prometheus
    /// OpenMetrics 1.0 (openmetrics.io).
    case openMetrics

    public var contentType: StaticString {
      switch self {
      case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      }
    }
  }

  public typealias Labels = [(name: String, value: String)]

  private let format: Format
  private var text: [UInt8] = []
  private var families = Set<String>()

  public init(_ format: Format) { self.format = format }

  /// - Parameters:
  ///   - name: without `_total`, which is added: `balancer_requests`.
  ///   - samples: labels and values.
  public mutating func counter(_ name: String, help: String, _ samples: [(labels: Labels, value: UInt64)]) {
    // OpenMetrics names the family, the older format the samples.
    begin(format == .openMetrics ? name : name + "_total", "counter", help)
    for sample in samples { put(name + "_total", sample.labels, String(sample.value)) }
  }

  /// The same where it is not counted in whole numbers, such as seconds.
  public mutating func counter(_ name: String, help: String, _ value: Double) {
    begin(format == .openMetrics ? name : name + "_total", "counter", help)
    put(name + "_total", [], Self.number(value))
  }

  public mutating func counter(_ name: String, help: String, _ value: UInt64) {
    counter(name, help: help, [(labels: [], value: value)])
  }

  /// A number that goes up and down.
  public mutating func gauge(_ name: String, help: String, _ samples: [(labels: Labels, value: Double)]) {
    begin(name, "gauge", help)
    for sample in samples { put(name, sample.labels, Self.number(sample.value)) }
  }

  public mutating func gauge(_ name: String, help: String, _ value: Double) {
    gauge(name, help: help, [(labels: [], value: value)])
  }

  /// Durations in seconds.
  /// - Parameters:
  ///   - name: ends in `_seconds`.
  ///   - exponents: the bounds of the buckets are these powers of two, in microseconds; there they are exact.
  public mutating func durations(
    _ name: String, help: String, exponents: some Sequence<Int>, _ samples: [(labels: Labels, times: HistogramSnapshot)]
  ) {
    precondition(name.hasSuffix("_seconds"))
    begin(name, "histogram", help)
    let bounds = exponents.map { UInt64(1) << UInt64($0) }
    for sample in samples { put(name, sample.labels, sample.times, bounds) }
  }

  /// All of it. OpenMetrics ends in a mark, so that a reader knows that nothing was cut off.
  public consuming func finish() -> [UInt8] {
    if format == .openMetrics { put("# EOF\n") }
    return text
  }

  // MARK: Lines

  private mutating func begin(_ name: String, _ type: String, _ help: String) {
    precondition(Self.isName(name, mayHaveColon: true), "\(name) is no name of a metric")
    precondition(families.insert(name).inserted, "\(name) is written twice")
    put("# HELP \(name) ")
    // The older format leaves quotes alone here.
    putEscaped(help, quotes: format == .openMetrics)
    put("\n# TYPE \(name) \(type)\n")
  }

  private mutating func put(
    _ name: String, _ labels: Labels, _ value: String, last: (name: String, value: String)? = nil
  ) {
    put(name)
    if !labels.isEmpty || last != nil {
      put("{")
      var isFirst = true
      for label in labels + (last.map { [$0] } ?? []) {
        precondition(Self.isName(label.name, mayHaveColon: false), "\(label.name) is no name of a label")
        if !isFirst { put(",") }
        isFirst = false
        put("\(label.name)=\"")
        putEscaped(label.value, quotes: true)
        put("\"")
      }
      put("}")
    }
    put(" \(value)\n")
  }

  /// Buckets count all that is not larger than their bound; the recorded times are whole numbers below it.
  private mutating func put(_ name: String, _ labels: Labels, _ times: HistogramSnapshot, _ bounds: [UInt64]) {
    for bound in bounds {
      let text = Self.number(Double(bound) / 1_000_000)
      put(name + "_bucket", labels, String(times.count(below: bound)), last: ("le", text))
    }
    let count = String(times.count)
    put(name + "_bucket", labels, count, last: ("le", "+Inf"))
    put(name + "_sum", labels, Self.number(Double(times.sum) / 1_000_000))
    put(name + "_count", labels, count)
  }

  private mutating func put(_ string: String) { text.append(contentsOf: string.utf8) }

  /// Only these three have escapes. Whatever else a label holds, it cannot leave its quotes.
  private mutating func putEscaped(_ string: String, quotes: Bool) {
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): put("\\\\")
      case UInt8(ascii: "\n"): put("\\n")
      case UInt8(ascii: "\"") where quotes: put("\\\"")
      default: text.append(byte)
      }
    }
  }

  /// The shortest text that reads as the same number; whole ones without a point.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value.rounded() == value, abs(value) < 9_007_199_254_740_992 { return String(Int64(value)) }
    return "\(value)"
  }

  /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; labels have no colon.
  private static func isName(_ name: String, mayHaveColon: Bool) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
      case UInt8(ascii: ":"): mayHaveColon
      default: false
      }
    }
  }
}
