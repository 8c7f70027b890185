import Foundation
import Testing

extension EndToEnd {
  /// One line for each change of health, in words that an operator can act on.
  @Suite struct HealthLog {
    let site: Site

    init() throws { site = try Site() }

    private let checks =
      #""health": { "interval": "200ms", "timeout": "500ms", "fastInterval": "50ms", "fall": 3, "rise": 2 }"#
    private let time = #"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"#
    private let age = #"(\d+(\.\d+)? ms|\d+(\.\d+)?s)"#

    private func expect(_ line: String, _ pattern: String) throws {
      #expect(try Regex("^\(pattern)$").wholeMatch(in: line) != nil, "\(line)\ndoes not match\n\(pattern)")
    }

    @Test func aChangeIsOneLine() throws {
      let backends = try site.backends(3)
      let written = zip(backends, [1, 1, 2]).map { $0.json(#""weight": \#($1)"#) }
      let balancer = try site.balancer(site.configuration(written, pool: checks))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      let sessions = try (0..<8).map { _ in try site.session() }
      #expect(sessions.count { $0.backend == "a" } == 2)

      var mark = balancer.log.mark
      try backends[0].stopListening()
      let down = try balancer.log.waitForLine(containing: "DOWN", after: mark)
      let address = "\(backends[0].address)".replacingOccurrences(of: ".", with: "\\.")
      try expect(
        down,
        #"\#(time) warning health web/\#(address) DOWN after \#(age) UP: connection refused \(ECONNREFUSED\), "#
          + #"tcp check took \d+(\.\d+)? ms, 3/3 failed; 2 sessions kept; 2/3 backends eligible, 75% of weight left"#)

      mark = balancer.log.mark
      try backends[0].listen()
      let up = try balancer.log.waitForLine(containing: "UP", after: mark)
      try expect(
        up,
        #"\#(time) notice  health web/\#(address) UP after \#(age) DOWN: tcp check passed in \d+(\.\d+)? ms, 2/2 passed; "#
          + #"3/3 backends eligible, 100% of weight"#)
      // Each change once.
      #expect(balancer.log.all.count { $0.contains("DOWN after") } == 1)
    }

    @Test func aNamedBackendIsToldWithItsAddress() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json(#""name": "first""#)], pool: checks))
      try balancer.log.waitForLine(containing: "web/first (\(backend.address)) UP")
    }

    @Test func theLastBackendOfAPoolIsAnError() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json], pool: checks))
      try balancer.log.waitForLine(containing: "web/\(backend.address) UP")
      try backend.stopListening()
      let line = try balancer.log.waitForLine(containing: "web/\(backend.address) DOWN")
      #expect(line.contains(" error   health "))
      #expect(line.contains("0/1 backends eligible, 0% of weight left"))
    }

    @Test func aBackendThatDoesNotAnswerTimesOut() throws {
      let backend = try site.hangingBackend()
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: #""health": { "interval": "300ms", "timeout": "200ms" }"#))
      let line = try balancer.log.waitForLine(containing: "web/\(backend.address) DOWN")
      #expect(line.contains("ETIMEDOUT") || line.contains("200ms") || line.contains("200 ms"))
    }

    @Test func aFailureThatChangesNothingIsForDebugging() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: checks, top: #""log": { "level": "debug" }"#))
      try balancer.log.waitForLine(containing: "web/\(backend.address) UP")
      try backend.stopListening()
      try balancer.log.waitForLine(containing: "DOWN after")
      let failures = balancer.log.all.filter { $0.contains(" debug ") && $0.contains("ECONNREFUSED") }
      #expect(failures.contains { $0.contains("1/3") })
      #expect(failures.contains { $0.contains("2/3") })
    }

    @Test func jsonIsOneStableEvent() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          [
            backends[0].json(#""name": "first", "labels": { "zone": "east" }"#),
            backends[1].json,
          ], pool: checks, top: #""log": { "format": "json" }"#))
      try balancer.log.waitForLine(containing: #""first""#, #""up""#)
      try balancer.log.waitForLine(containing: "\(backends[1].address)", #""up""#)
      let session = try [site.session(), site.session()].first { $0.backend == "a" }!
      let mark = balancer.log.mark
      try backends[0].stopListening()
      let line = try balancer.log.waitForLine(containing: #""down""#, after: mark)
      let event = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(
        Set(event.keys)
          == Set(
            """
            time level event pool backend address labels from to cause layer errno took_ms streak needed \
            former_seconds sessions on_down eligible total weight_share
            """.split(separator: " ").map(String.init)))
      #expect(event["level"] as? String == "warning")
      #expect(event["pool"] as? String == "web")
      #expect(event["backend"] as? String == "first")
      #expect(event["address"] as? String == "\(backends[0].address)")
      #expect(event["labels"] as? [String: String] == ["zone": "east"])
      #expect(event["from"] as? String == "up")
      #expect(event["to"] as? String == "down")
      #expect(event["errno"] as? String == "ECONNREFUSED")
      #expect(event["streak"] as? Int == 3)
      #expect(event["needed"] as? Int == 3)
      #expect(event["sessions"] as? Int == 1)
      #expect(event["on_down"] as? String == "keep")
      #expect(event["eligible"] as? Int == 1)
      #expect(event["total"] as? Int == 2)
      #expect(event["took_ms"] is Double)
      #expect(event["former_seconds"] is Double)
      #expect(event["weight_share"] is Double)
      // Every line of this format is an object, whatever it tells.
      for line in balancer.log.all {
        #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) is [String: Any], "\(line)")
      }
      withExtendedLifetime(session) {}
    }

    @Test func aFlappingBackendDoesNotFlood() throws {
      let (backend, steady) = (try site.backend("a"), try site.backend("b"))
      let balancer = try site.balancer(
        site.configuration(
          [backend.json, steady.json],
          pool: #""health": { "interval": "40ms", "fastInterval": "20ms", "fall": 1, "rise": 1 }"#,
          top: #""log": { "level": "info" }"#))
      try balancer.log.waitForLine(containing: "web/\(backend.address) UP")
      let mark = balancer.log.mark
      for _ in 0..<10 {
        try backend.stopListening()
        usleep(150_000)
        try backend.listen()
        usleep(150_000)
      }
      let announcement = try balancer.log.waitForLine(containing: "web/\(backend.address)", "flap", after: mark)
      #expect(announcement.contains("health"))
      let lines = balancer.log.all.dropFirst(mark).filter { $0.contains("web/\(backend.address)") }
      #expect(lines.count <= 6, "\(lines)")
    }
  }
}
