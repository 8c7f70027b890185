import Base
import Foundation
import Testing

@testable import Telemetry

struct MetricsTextTests {
  private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  private static let hostile = "a\\b\"c\nd{e=\"f\"} 1\n# EOF\u{1B}é😀"

  private func example(_ format: MetricsText.Format) -> String {
    let meters = Meters(workers: 2, scale: .fine)
    for time in [0, 127, 128, 5000, 5000, 1_000_000, 400_000_000] as [UInt64] {
      meters.record(.firstByte, microseconds: time, worker: 1)
    }
    let times = meters.reading.map { HistogramSnapshot($0, .firstByte) } ?? HistogramSnapshot()
    let labels: MetricsText.Labels = [("pool", "web"), ("backend", Self.hostile)]
    var text = MetricsText(format)
    text.counter(
      "balancer_requests", help: "Requests, \"all\"\nof them \\.",
      [(labels, 7), ([("pool", "api"), ("backend", "")], .max)])
    text.gauge("balancer_sessions_open", help: "Open sessions.", 3)
    text.gauge(
      "balancer_weight_ratio", help: "Share of the weight.", [([("pool", "a")], 0.25), ([("pool", "b")], .infinity)])
    text.durations(
      "balancer_first_byte_seconds", help: "Until the first byte.", exponents: 7...27, [(labels, times)])
    text.counter("balancer_nothing", help: "No sample.", [])
    return String(decoding: text.finish(), as: UTF8.self)
  }

  @Test
  func theOlderFormatIsExact() {
    let lines = example(.prometheus).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[..<7] == [
        "# HELP balancer_requests_total Requests, \"all\"\\nof them \\\\.",
        "# TYPE balancer_requests_total counter",
        "balancer_requests_total{pool=\"web\",backend=\"a\\\\b\\\"c\\nd{e=\\\"f\\\"} 1\\n# EOF\u{1B}é😀\"} 7",
        "balancer_requests_total{pool=\"api\",backend=\"\"} 18446744073709551615",
        "# HELP balancer_sessions_open Open sessions.",
        "# TYPE balancer_sessions_open gauge",
        "balancer_sessions_open 3",
      ])
    #expect(lines.contains("balancer_weight_ratio{pool=\"b\"} +Inf"))
    let seconds = lines.filter { $0.hasPrefix("balancer_first_byte_seconds") }
    #expect(seconds.first?.hasSuffix(",le=\"0.000128\"} 2") == true)
    #expect(seconds.contains { $0.hasSuffix(",le=\"1.048576\"} 6") })
    #expect(seconds.contains { $0.hasPrefix("balancer_first_byte_seconds_sum{") && $0.hasSuffix("} 401.010255") })
    #expect(lines.last == "" && !lines.contains("# EOF"))
  }

  @Test
  func openMetricsDiffersWhereItHasTo() {
    let text = example(.openMetrics)
    #expect(
      text.hasPrefix(
        "# HELP balancer_requests Requests, \\\"all\\\"\\nof them \\\\.\n# TYPE balancer_requests counter\nbalancer_requests_total{"
      ))
    #expect(text.hasSuffix("\n# EOF\n"))
    #expect("\(MetricsText.Format.openMetrics.contentType)".hasPrefix("application/openmetrics-text"))
  }

  @Test
  func numbersReadAsWhatTheyAre() {
    #expect(
      [0, -1, 0.1, 1.5, 1e15, 1e300, .nan, .infinity, -.infinity].map(MetricsText.number)
        == ["0", "-1", "0.1", "1.5", "1000000000000000", "1e+300", "NaN", "+Inf", "-Inf"])
  }

  /// What Prometheus itself says to it (Debian's package prometheus; scripts/test installs it).
  @Test(.enabled(if: promtool != nil, "promtool is not installed: the metrics are not checked with it"))
  func promtoolHasNothingToSay() throws {
    let (status, said) = try run(try #require(Self.promtool), ["check", "metrics"], example(.prometheus))
    #expect(status == 0 && said.isEmpty, "\(said)")
  }

  /// What the parser of OpenMetrics' reference client reads (Debian's package python3-prometheus-client).
  @Test(.enabled(if: hasPythonClient, "python3-prometheus-client is not installed: OpenMetrics is not checked with it"))
  func theReferenceClientReadsOpenMetrics() throws {
    let program = """
      import sys
      from prometheus_client.openmetrics.parser import text_string_to_metric_families
      for family in text_string_to_metric_families(sys.stdin.buffer.read().decode()):
          print(family.name, family.type, len(family.samples))
          for sample in family.samples:
              if sample.value == 7 and "backend" in sample.labels and "le" not in sample.labels:
                  print(sample.name, ascii(sample.labels["backend"]))
      """
    let (status, said) = try run("/usr/bin/python3", ["-c", program], example(.openMetrics))
    let label = #"'a\\b"c\nd{e="f"} 1\n# EOF\x1b\xe9\U0001f600'"#
    #expect(
      status == 0
        && said == """
          balancer_requests counter 2
          balancer_requests_total \(label)
          balancer_sessions_open gauge 1
          balancer_weight_ratio gauge 2
          balancer_first_byte_seconds histogram 24
          balancer_first_byte_seconds_count \(label)
          balancer_nothing counter 0

          """,
      "\(said)")
  }
}

private let hasPythonClient =
  (try? run("/usr/bin/python3", ["-c", "import prometheus_client.openmetrics.parser"], ""))?.status == 0

private func run(
  _ program: String, _ arguments: [String], _ text: String
) throws -> (status: Int32, said: String) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  let (input, output) = (Pipe(), Pipe())
  process.standardInput = input
  process.standardOutput = output
  process.standardError = output
  try process.run()
  try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
  try input.fileHandleForWriting.close()
  let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  process.waitUntilExit()
  return (process.terminationStatus, said)
}
