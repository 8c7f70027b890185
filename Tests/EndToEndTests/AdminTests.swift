import Foundation
import Testing

extension EndToEnd {
  /// What the admin server says and does: every endpoint of docs/admin-api.md.
  @Suite struct Admin {
    let site: Site
    let admin: AdminSite

    init() throws {
      site = try Site()
      admin = try AdminSite()
    }

    private static let quick = #""health": { "interval": "100ms", "fastInterval": "20ms", "timeout": "1s" }"#

    /// Backends with names, and their keys in the file.
    private func file(_ backends: [TestBackend], pool: String = quick, admin keys: String = "") -> String {
      site.configuration(backends.map { $0.json(#""name": "\#($0.name)""#) }, pool: pool, top: admin.json(keys))
    }

    private func names(_ object: [String: Any]) -> [String] { object.keys.sorted() }

    // MARK: Status

    @Test func theStatusHasWhatThePageSays() throws {
      let (backend, dead) = (try site.backend("a"), try site.deadAddress())
      let balancer = try site.balancer(
        site.configuration(
          [backend.json(#""name": "a", "labels": { "zone": "east" }, "connections": 10"#), dead.json],
          pool: Self.quick, top: admin.json()))
      try admin.waitForState("down", of: "\(dead)")
      try admin.waitForState("up", of: "a")
      let (session, _) = try site.session()
      defer { session.close() }
      let status = try admin.status()
      #expect(
        names(status) == [
          "certificates", "configuration", "connections", "listeners", "pid", "pools", "startedAt", "state", "uptime",
          "version", "workers",
        ])
      #expect(status["pid"] as? Int == Int(balancer.process.pid))
      #expect(status["state"] as? String == "running")
      #expect((status["connections"] as? [String: Any])?["open"] as? Int == 1)
      let listener = try #require((status["listeners"] as? [[String: Any]])?.first)
      #expect(
        names(listener) == [
          "limit", "listen", "mode", "name", "pools", "rates", "session", "sessions", "tls", "totals",
        ])
      #expect(listener["listen"] as? [String] == ["\(site.front)"])
      #expect(listener["sessions"] as? Int == 1)
      let pool = try #require((status["pools"] as? [[String: Any]])?.first)
      #expect(
        names(pool) == [
          "backends", "eligible", "name", "queue", "queueLimit", "rates", "scheduler", "sessions", "state", "total",
          "totals", "waiting", "weightLeft",
        ])
      #expect(pool["state"] as? String == "degraded")
      #expect(pool["eligible"] as? Int == 1 && pool["total"] as? Int == 2 && pool["weightLeft"] as? Int == 50)
      let a = try admin.backend("a")
      #expect(
        names(a) == [
          "address", "backup", "changes", "check", "configuredWeight", "connect", "firstByte", "labels", "limit",
          "name",
          "override", "rates", "session", "sessions", "since", "state", "totals", "weight", "why",
        ])
      #expect(a["labels"] as? [String: String] == ["zone": "east"])
      #expect(a["sessions"] as? Int == 1 && a["limit"] as? Int == 10)
      #expect(a["why"] is NSNull && a["override"] is NSNull)
      #expect((a["totals"] as? [String: Any])?["sessions"] as? Int == 1)
      let down = try admin.backend("\(dead)")
      #expect(down["why"] as? String == "connection refused (ECONNREFUSED)")
      let check = try #require(down["check"] as? [String: Any])
      #expect(names(check) == ["at", "needed", "result", "streak", "took", "type", "words"])
      #expect(check["result"] as? String == "failed" && check["type"] as? String == "tcp")
    }

    @Test func aChangeIsCountedAndDated() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(file([backend]))
      try admin.waitForState("up", of: "a")
      let before = try admin.backend("a")
      backend.close()
      try admin.waitForState("down", of: "a")
      let after = try admin.backend("a")
      #expect(before["changes"] as? Int == 0 && after["changes"] as? Int == 1)
      #expect(try #require(before["since"] as? String) < #require(after["since"] as? String))
    }

    @Test func theConfigurationIsShownAsItRunsAndWithoutSecrets() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(file([backend], admin: #""token": "hush-hush""#))
      let answer = try admin.get("/v1/config", ["Authorization: Bearer hush-hush"])
      let configuration = try #require(answer.json["configuration"] as? [String: Any])
      #expect((configuration["admin"] as? [String: Any])?["token"] as? String == "***")
      #expect(!answer.body.contains("hush-hush"))
      #expect(((configuration["listeners"] as? [String: Any])?["web"] as? [String: Any])?["backlog"] as? Int == 4096)
      #expect(try admin.get("/v1/config", ["Authorization: Bearer hush-hush"]).body == answer.body)
    }

    // MARK: Backends

    @Test func aDrainedBackendKeepsItsSessionsAndGetsNone() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(file(backends))
      for name in ["a", "b"] { try admin.waitForState("up", of: name) }
      let events = try admin.events()
      let sessions = try (0..<4).map { _ in try site.session() }
      let mark = balancer.log.mark
      let answer = try admin.change("POST", "/v1/pools/web/backends/a/drain")
      #expect(answer.status == 200)
      #expect(try answer.json["state"] as? String == "drained")
      #expect(try (answer.json["override"] as? [String: Any])?["state"] as? String == "drain")
      #expect(try site.visits(6).allSatisfy { $0 == "b" })
      for session in sessions {
        try session.socket.send("still there?\n")
        #expect(try session.socket.receiveLine() == "still there?")
      }
      let line = try balancer.log.waitForLine(containing: "admin", "web/a", "drained", "127.0.0.1:", after: mark)
      let event = try events.event("override") { _ in true }
      #expect(event.data["action"] as? String == "drain" && event.data["backend"] as? String == "a")
      #expect(try line.hasSuffix(#require(event.data["message"] as? String)))
      // Its checks go on.
      backends[0].close()
      _ = try events.event("health") { $0.data["backend"] as? String == "a" && $0.data["to"] as? String == "down" }
      #expect(try admin.backend("a")["state"] as? String == "drained")
      try backends[0].listen()
      _ = try events.event("health") { $0.data["backend"] as? String == "a" && $0.data["to"] as? String == "up" }

      #expect(try admin.change("POST", "/v1/pools/web/backends/a/enable").json["state"] as? String == "up")
      #expect(try Set(site.visits(6)) == ["a", "b"])
    }

    @Test func aDisabledBackendIsNotCheckedAndItsSessionsFareAsOnRemoveSays() throws {
      let backends = try site.backends(2)
      _ = try site.balancer(file(backends, pool: Self.quick + #", "onRemove": "close""#))
      for name in ["a", "b"] { try admin.waitForState("up", of: name) }
      let sessions = try (0..<4).map { _ in try site.session() }
      let answer = try admin.change("POST", "/v1/pools/web/backends/b/disable")
      #expect(try answer.json["state"] as? String == "disabled" && answer.json["check"] is NSNull)
      for session in sessions {
        if session.backend == "b" {
          _ = try session.socket.waitForEnd()
        } else {
          try session.socket.send("still there?\n")
          #expect(try session.socket.receiveLine() == "still there?")
        }
      }
      let served = backends[1].served
      #expect(try site.visits(6).allSatisfy { $0 == "a" })
      // It may go and nobody notices; and come, which only a check of its own tells.
      backends[1].close()
      #expect(try admin.backend("b")["state"] as? String == "disabled")
      #expect(backends[1].served == served)
      _ = try admin.change("POST", "/v1/pools/web/backends/b/enable")
      try admin.waitForState("down", of: "b")
      #expect(try site.visits(2).allSatisfy { $0 == "a" })
      try backends[1].listen()
      try admin.waitForState("up", of: "b")
      #expect(try Set(site.visits(6)) == ["a", "b"])
    }

    @Test func sessionsOfADisabledBackendMayHaveTimeAndABackendMayComeBackInTime() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        file(backends, pool: #""health": "off", "onRemove": { "close": "2s" }"#))
      let sessions = try (0..<4).map { _ in try site.session() }
      // Taken back at once: nothing is closed.
      for action in ["disable", "enable"] { _ = try admin.change("POST", "/v1/pools/web/backends/a/\(action)") }
      _ = try admin.change("POST", "/v1/pools/web/backends/b/disable")
      try balancer.log.waitForLine(containing: "web/b", "disabled: 2 sessions closed (onRemove)")
      #expect(!balancer.log.all.contains { $0.contains("web/a") && $0.contains("closed (onRemove)") })
      for session in sessions {
        if session.backend == "b" {
          _ = try session.socket.waitForEnd()
        } else {
          try session.socket.send("still there?\n")
          #expect(try session.socket.receiveLine() == "still there?")
        }
      }
    }

    @Test func anotherWeightHoldsAtOnce() throws {
      let backends = try site.backends(2)
      _ = try site.balancer(file(backends, pool: #""health": "off""#))
      let answer = try admin.change("PUT", "/v1/pools/web/backends/a/weight", #"{ "weight": 3 }"#)
      #expect(try answer.json["weight"] as? Int == 3 && answer.json["configuredWeight"] as? Int == 1)
      #expect(try site.visits(8).count { $0 == "a" } == 6)
      #expect(
        try admin.change("PUT", "/v1/pools/web/backends/a/weight", #"{ "weight": 0 }"#).json["state"] as? String
          == "drained")
      #expect(try site.visits(4).allSatisfy { $0 == "b" })
      let own = try admin.change("DELETE", "/v1/pools/web/backends/a/weight")
      #expect(try own.json["weight"] as? Int == 1 && own.json["override"] is NSNull)
      #expect(try site.visits(4).count { $0 == "a" } == 2)
    }

    @Test func whatIsSaidTwiceIsToldOnce() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(file(backends))
      for _ in 0..<3 { #expect(try admin.change("POST", "/v1/pools/web/backends/a/drain").status == 200) }
      _ = try admin.change("POST", "/v1/pools/web/backends/b/enable")
      _ = try admin.change("PUT", "/v1/pools/web/backends/b/weight", #"{ "weight": 2 }"#)
      try balancer.log.waitForLine(containing: " admin web/b", "weight 2")
      #expect(balancer.log.all.count { $0.contains(" admin ") && $0.contains("web/") } == 2)
    }

    @Test func overridesSurviveAReloadAndEndWithTheirBackend() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(file(backends, pool: #""health": "off""#))
      _ = try admin.change("POST", "/v1/pools/web/backends/a/drain")
      _ = try admin.change("PUT", "/v1/pools/web/backends/b/weight", #"{ "weight": 5 }"#)
      let mark = try balancer.reload(file(backends, pool: #""health": "off", "scheduler": "random""#))
      try balancer.waitUntilReloaded(after: mark)
      #expect(try admin.backend("a")["state"] as? String == "drained")
      #expect(try admin.backend("b")["weight"] as? Int == 5)
      #expect(try !site.visits(20).contains("a"))
      let overrides = try admin.get("/v1/config").json["overrides"] as? [[String: Any]] ?? []
      #expect(overrides.map { $0["backend"] as? String } == ["a", "b"])

      let without = try balancer.reload(file([backends[1], backends[2]], pool: #""health": "off""#))
      try balancer.log.waitForLine(containing: "web/a", "forgotten", after: without)
      try balancer.waitUntilReloaded(after: without)
      let again = try balancer.reload(file(backends, pool: #""health": "off""#))
      try balancer.waitUntilReloaded(after: again)
      #expect(try admin.backend("a")["state"] as? String == "up" && admin.backend("b")["weight"] as? Int == 5)
    }

    // MARK: Reloads and checks

    @Test func aReloadAnswersWithItsOutcome() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(file([backends[0]]))
      let events = try admin.events()
      #expect(try admin.change("POST", "/v1/reload").json["result"] as? String == "unchanged")

      try file(backends).write(to: balancer.configurationFile, atomically: true, encoding: .utf8)
      let done = try admin.change("POST", "/v1/reload").json
      #expect(done["result"] as? String == "done")
      #expect(done["changes"] as? [String] == ["+ backend web/b (\(backends[1].address))"])
      #expect(done["warnings"] is [String])

      try file(backends, pool: #""scheduler": "rund-robin""#).write(
        to: balancer.configurationFile, atomically: true, encoding: .utf8)
      let refused = try admin.change("POST", "/v1/reload")
      #expect(refused.status == 422 && refused.code == "invalid")
      #expect(try refused.json["result"] as? String == "refused")
      let errors = try refused.json["errors"] as? [String] ?? []
      #expect(errors.count == 1 && errors[0].contains("balancer.json:3:") && errors[0].contains("round-robin"))

      for result in ["unchanged", "done", "refused"] {
        #expect(try events.event("reload") { _ in true }.data["result"] as? String == result)
      }
      let configuration = try #require(admin.status()["configuration"] as? [String: Any])
      #expect((configuration["reloads"] as? [String: Int]) == ["done": 1, "refused": 1, "unchanged": 1])
      #expect((configuration["lastReload"] as? [String: Any])?["result"] as? String == "refused")
    }

    /// It waits for the look-up of names that are new.
    @Test func aReloadWithHostNamesAnswersInTheEnd() throws {
      let backends = try site.backends(1)
      let balancer = try site.balancer(file(backends))
      try site.configuration(
        ["\"localhost:\(FreePort.take())\"", "\"no-such-host.invalid:80\""], pool: Self.quick, top: admin.json()
      ).write(to: balancer.configurationFile, atomically: true, encoding: .utf8)
      let answer = try admin.change("POST", "/v1/reload")
      #expect(answer.status == 200, "\(answer)")
      #expect(try (answer.json["changes"] as? [String])?.count == 3)
      #expect(try admin.backend("no-such-host.invalid:80")["address"] is NSNull)
      // What has no address yet will have another name.
      #expect(try admin.change("POST", "/v1/pools/web/backends/no-such-host.invalid:80/drain").code == "conflict")
    }

    @Test func aFileInTheBodyIsJudgedAndChangesNothing() throws {
      let backends = try site.backends(2)
      _ = try site.balancer(file([backends[0]]))
      let good = try admin.change("POST", "/v1/check", file(backends))
      #expect(try good.status == 200 && good.json["valid"] as? Bool == true)
      #expect(try good.json["changes"] as? [String] == ["+ backend web/b (\(backends[1].address))"])
      for bad in ["", "{", #"{ "listeners": 1 }"#, "[]"] {
        let answer = try admin.change("POST", "/v1/check", bad)
        #expect(answer.status == 422 && answer.code == "invalid", "\(bad): \(answer)")
        #expect(try answer.json["valid"] as? Bool == false && (answer.json["errors"] as? [String])?.isEmpty == false)
      }
      #expect(try (admin.status()["configuration"] as? [String: Any])?["lastReload"] is NSNull)
      // What is shown of the configuration is a file, too.
      let shown = try #require(admin.get("/v1/config").json["configuration"])
      let text = String(decoding: try JSONSerialization.data(withJSONObject: shown), as: UTF8.self)
      #expect(try admin.change("POST", "/v1/check", text).json["changes"] as? [String] == [])
    }

    // MARK: Ready or not

    @Test func readinessSaysWhatIsMissing() throws {
      let backend = try site.backend("a") { socket in _ = try socket.receiveLine(within: .seconds(60)) }
      let balancer = try site.balancer(file([backend]))
      try waitUntil("it is ready") { try admin.get("/readyz").status == 200 }
      #expect(try admin.get("/healthz").status == 200)
      let (session, _) = try site.session()
      try backend.stopListening()
      try waitUntil("it is not ready") { try admin.get("/readyz").status == 503 }
      #expect(try admin.get("/readyz").body == "pool web has no eligible backend\n")
      #expect(try admin.get("/healthz").status == 200)
      try backend.listen()
      try waitUntil("it is ready") { try admin.get("/readyz").status == 200 }

      let events = try admin.events()
      balancer.askToEnd()
      #expect(try events.event("drain") { _ in true }.data["message"] as? String != nil)
      #expect(try admin.get("/readyz").status == 503 && admin.get("/healthz").status == 200)
      #expect(try admin.status()["state"] as? String == "draining")
      let answer = try admin.change("POST", "/v1/reload")
      #expect(answer.status == 409 && answer.code == "conflict")
      session.close()
      #expect(try balancer.waitForExit() == .status(0))
    }

    // MARK: Events

    @Test func eventsAreNumberedAndCanBeHadAgain() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(file(backends))
      for name in ["a", "b"] { try admin.waitForState("up", of: name) }
      let events = try admin.events("/v1/events?after=0")
      let first = try [events.event(), events.event()]
      #expect(first.map(\.id) == [1, 2])
      #expect(first.allSatisfy { $0.kind == "health" && $0.data["to"] as? String == "up" })
      for key in ["time", "level", "message"] { #expect(first.allSatisfy { $0.data[key] is String }) }
      // Events of health come whatever the level of the log.
      try file(backends).replacingOccurrences(of: #""workers""#, with: #""log": { "level": "critical" }, "workers""#)
        .write(to: balancer.configurationFile, atomically: true, encoding: .utf8)
      #expect(try admin.change("POST", "/v1/reload").status == 200)
      #expect(try events.event().kind == "reload")
      backends[0].close()
      let down = try events.event()
      #expect(down.id == 4 && down.kind == "health" && down.data["to"] as? String == "down")
      #expect(!balancer.log.all.contains { $0.contains("DOWN") })
      #expect(try admin.events("/v1/events", ["Last-Event-ID: 1"]).event().id == 2)
      #expect(try admin.events("/v1/events?after=2").event().id == 3)
      #expect(try admin.events("/v1/events?after=1", ["Last-Event-ID: 3"]).event().id == 4)
      // Of a process before this one.
      #expect(try admin.events("/v1/events", ["Last-Event-ID: 1000"]).event().id == 1)
      #expect(try admin.get("/v1/events?after=x").code == "bad-request")
    }

    // MARK: The page

    @Test func thePageComesFromHereAlone() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(file([backend]))
      for (path, type) in [
        ("/", "text/html"), ("/dashboard.css", "text/css"), ("/dashboard.js", "text/javascript"),
      ] {
        let answer = try admin.get(path)
        #expect(answer.status == 200 && !answer.body.isEmpty)
        #expect(answer.fields["content-type"] == "\(type); charset=utf-8")
        #expect(answer.fields["x-content-type-options"] == "nosniff" && answer.fields["cache-control"] == "no-store")
        let policy = try #require(answer.fields["content-security-policy"])
        #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"))
        #expect(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
      }
    }

    @Test func thePageCanBeSwitchedOff() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(file([backend], admin: #""dashboard": false"#))
      for path in ["/", "/dashboard.css", "/dashboard.js"] { #expect(try admin.get(path).code == "not-found") }
      #expect(try admin.get("/v1/status").status == 200)
    }
  }
}
