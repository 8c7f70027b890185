import Foundation
import Testing

extension EndToEnd {
  /// What a client notices when a backend fails: nothing, as long as another can serve it.
  @Suite struct Failover {
    let site: Site

    init() throws { site = try Site() }

    private let quickChecks = #""health": { "interval": "100ms", "timeout": "1s", "fall": 2, "rise": 2 }"#

    @Test func aKilledBackendLosesNoNewClient() throws {
      let victim = try site.childBackend("victim")
      let other = try site.childBackend("other")
      let balancer = try site.balancer(site.configuration([victim.json, other.json], pool: quickChecks))
      let load = Load(on: site.front)
      try load.waitForSessions(100, by: "victim")
      try load.waitForSessions(100, by: "other")

      victim.kill()
      let killed = ContinuousClock.now
      try balancer.log.waitForLine(containing: "web/\(victim.address) DOWN")
      try load.waitForSessions(500)

      let mark = balancer.log.mark
      let successor = try ChildBackend("successor", port: victim.port)
      try balancer.log.waitForLine(containing: "web/\(victim.address) UP", after: mark)
      try load.waitForSessions(100, by: "successor")

      let report = try load.stop()
      withExtendedLifetime(successor) {}
      // Sessions that the killed server had, also in its backlog, are lost with it; no later one is.
      #expect(report.lost.filter { $0.began > killed }.isEmpty)
      #expect(report.lost.count <= 8, "each client can have had one session there: \(report.lost)")
    }

    @Test func aBackendThatStopsListeningKeepsItsSessions() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(site.configuration(backends.map(\.json), pool: quickChecks))
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) UP")
      try balancer.log.waitForLine(containing: "web/\(backends[1].address) UP")
      let kept = try [site.session(), site.session()].first { $0.backend == "a" }!.socket
      let load = Load(on: site.front)
      try load.waitForSessions(100, by: "a")

      try backends[0].stopListening()
      let stopped = ContinuousClock.now
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) DOWN")
      try load.waitForSessions(500)
      try kept.send("still there?\n")
      #expect(try kept.receiveLine() == "still there?")

      try backends[0].listen()
      try load.waitForSessions(100, by: "a")
      let report = try load.stop()
      // The kernel resets what waits in the backlog of a listener that is closed.
      #expect(report.lost.filter { $0.began > stopped }.isEmpty)
    }

    @Test func aRefusedConnectGoesToAnotherBackend() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([site.deadAddress().json, site.deadAddress().json, backend.json]))
      #expect(try site.visits(20).allSatisfy { $0 == "a" })
    }

    @Test func retriesHaveALimit() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(
        site.configuration([site.deadAddress().json, backend.json], pool: #""health": "off", "retries": 0"#))
      let visits = try site.visits(10)
      #expect(visits.count { $0 == "a" } == 5)
      #expect(visits.count { $0 == nil } == 5)
    }

    @Test func whenEveryBackendRefusesTheClientIsClosed() throws {
      _ = try site.balancer(
        site.configuration(
          [site.deadAddress().json, site.deadAddress().json], pool: #""health": "off", "retries": 10"#))
      #expect(try site.visits(10).allSatisfy { $0 == nil })
    }

    @Test func aConnectThatIsNotAnsweredHasADeadline() throws {
      let hanging = try site.hangingBackend()
      let backend = try site.backend("a")
      _ = try site.balancer(
        site.configuration(
          [hanging.json, backend.json], pool: #""health": "off", "timeouts": { "connect": "200ms" }"#))
      #expect(try site.visits(6).allSatisfy { $0 == "a" })
    }

    @Test func whatTheClientSendsBeforeTheConnectStandsIsNotLost() throws {
      let hanging = try site.hangingBackend()
      let backend = try site.backend("a")
      _ = try site.balancer(
        site.configuration(
          [hanging.json, backend.json], pool: #""health": "off", "timeouts": { "connect": "300ms" }"#))
      for _ in 0..<4 {
        let client = try site.connect()
        try client.send("early\n")
        try client.finishSending()
        #expect(try String(decoding: client.receiveAll(), as: UTF8.self) == "a\nearly\n")
      }
    }

    @Test func connectsThatHangHoldNobodyUp() throws {
      let hanging = try site.hangingBackend()
      let backend = try site.backend("a")
      let other = Address.ipv4(try FreePort.take())
      _ = try site.balancer(
        """
        {
          "workers": 1,
          "listeners": {
            "stuck": { "listen": "\(other)", "pool": "stuck" },
            "web": { "listen": "\(site.front)", "pool": "web" }
          },
          "pools": {
            "stuck": { "backends": [\(hanging.json)], "health": "off", "timeouts": { "connect": "1h" } },
            "web": { "backends": [\(backend.json)], "health": "off" }
          }
        }
        """)
      let stuck = try (0..<50).map { _ in try Socket(connectingTo: other) }
      #expect(try site.visits(50).allSatisfy { $0 == "a" })
      withExtendedLifetime(stuck) {}
    }

    @Test func aClientThatLeavesDuringTheConnectIsForgotten() throws {
      let hanging = try site.hangingBackend()
      let balancer = try site.balancer(
        site.configuration([hanging.json], pool: #""health": "off", "timeouts": { "connect": "1h" }"#))
      let idle = try balancer.figures.sockets
      let clients = try (0..<10).map { _ in try site.connect() }
      try waitUntil("all connects are under way") { try balancer.figures.sockets == idle + 20 }
      for client in clients { client.reset() }
      try waitUntil("nothing is left of them") { try balancer.figures.sockets == idle }
    }

    @Test func whenEveryBackendIsFullTheClientIsClosed() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map { $0.json(#""connections": 1"#) }, pool: #""queue": 0"#, top: #""workers": 4"#))
      let sessions = try (0..<2).map { _ in try site.session() }
      // Whichever passes its first check sooner is the first.
      #expect(Set(sessions.map(\.backend)) == ["a", "b"])
      #expect(try site.visit() == nil)
      try balancer.log.waitForLine(containing: "web", "full")
      withExtendedLifetime(sessions) {}
    }

    @Test func aBackendMayBeGivenByName() throws {
      let backend = try site.backend("a")
      guard case .ipv4(let port) = backend.address else { return }
      _ = try site.balancer(site.configuration([#""localhost:\#(port)""#]))
      #expect(try site.visits(3).allSatisfy { $0 == "a" })
    }

    @Test func aBackendThatResetsAtOnceHarmsNoOtherSession() throws {
      let resetting = try site.backend("", TestBackend.reset)
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([resetting.json, backend.json]))
      let idle = try balancer.figures.sockets
      let kept = try [site.sessionThatMayFail(), site.sessionThatMayFail()].compactMap { $0 }.first!
      for _ in 0..<200 { _ = try? site.visit() }
      try kept.send("still there?\n")
      #expect(try kept.receiveLine() == "still there?")
      // Nothing is left of the sessions that were reset.
      kept.close()
      try waitUntil("all sessions have ended") { try balancer.figures.sockets == idle }
    }

    @Test func withoutAnEligibleBackendClientsAreClosedAtOnce() throws {
      let dead = try site.deadAddress()
      let balancer = try site.balancer(
        site.configuration([dead.json], pool: #""health": { "interval": "100ms", "fall": 1 }"#))
      try balancer.log.waitForLine(containing: "web/\(dead) DOWN")
      let mark = balancer.log.mark
      for _ in 0..<200 { #expect(try site.visit() == nil) }
      let first = try balancer.log.waitForLine(containing: "web", "no", "eligible", after: mark)
      #expect(first.contains("warning") || first.contains("error"))
      // Then at most once a second, with a count of those since.
      var second: String?
      try waitUntil("a count is logged") {
        _ = try site.visit()
        second = balancer.log.all.dropFirst(mark).first { $0 != first && $0.contains("eligible") }
        return second != nil
      }
      #expect(second!.contains(/[0-9]+/))
      let seconds = try logTime(second!) - logTime(first)
      #expect(seconds >= 0.9, "\(first)\n\(second!)")
    }

    @Test func onDownCloseEndsTheSessions() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(backends.map(\.json), pool: quickChecks + #", "onDown": "close""#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      let sessions = try (0..<4).map { _ in try site.session() }
      try backends[0].stopListening()
      for session in sessions where session.backend == "a" { _ = try session.socket.waitForEnd() }
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) DOWN", "sessions closed")
      for session in sessions where session.backend == "b" {
        try session.socket.send("still there?\n")
        #expect(try session.socket.receiveLine() == "still there?")
      }
    }

    @Test func onDownCloseMayWait() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(backends.map(\.json), pool: quickChecks + #", "onDown": { "close": "3s" }"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      let sessions = try (0..<4).map { _ in try site.session() }
      try backends[0].stopListening()
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) DOWN")
      for session in sessions {
        try session.socket.send("still there?\n")
        #expect(try session.socket.receiveLine() == "still there?")
      }
      for session in sessions where session.backend == "a" { _ = try session.socket.waitForEnd() }
      let other = sessions.first { $0.backend == "b" }!.socket
      try other.send("still there?\n")
      #expect(try other.receiveLine() == "still there?")
    }

    @Test func aBackendThatReturnsInTimeKeepsItsSessions() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: quickChecks + #", "onDown": { "close": "2s" }"#))
      let session = try site.session().socket
      try backend.stopListening()
      try balancer.log.waitForLine(containing: "web/\(backend.address) DOWN")
      let mark = balancer.log.mark
      try backend.listen()
      try balancer.log.waitForLine(containing: "web/\(backend.address) UP", after: mark)
      // Past the deadline that its going down had set.
      for _ in 0..<30 {
        try session.send("still there?\n")
        #expect(try session.receiveLine() == "still there?")
        usleep(100_000)
      }
    }
  }

  /// What a backend is before its first result.
  @Suite struct InitialHealth {
    let site: Site

    init() throws { site = try Site() }

    @Test func checkingHoldsASessionUntilTheFirstResult() throws {
      let backend = try site.hangingBackend()
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: #""health": { "interval": "10s", "timeout": "9s" }"#))
      let client = try site.connect()
      try client.send("patience\n")
      backend.recover(as: "a")
      #expect(try client.receiveLine() == "a")
      #expect(try client.receiveLine() == "patience")
      try balancer.log.waitForLine(containing: "web/\(backend.address) UP")
    }

    @Test func checkingCountsTheFirstFailureInFull() throws {
      let dead = try site.deadAddress()
      let balancer = try site.balancer(
        site.configuration([dead.json], pool: #""health": { "interval": "1h", "fastInterval": "1h", "fall": 3 }"#))
      #expect(try site.visit() == nil)
      let line = try balancer.log.waitForLine(containing: "web/\(dead) DOWN")
      #expect(line.contains("ECONNREFUSED"))
    }

    @Test func downWaitsForAllSuccesses() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json],
          pool: #""health": { "initial": "down", "interval": "1s", "fastInterval": "1s", "rise": 3 }"#))
      #expect(try site.visit() == nil)
      let line = try balancer.log.waitForLine(containing: "web/\(backend.address) UP")
      #expect(line.contains("3/3 passed"))
      #expect(try site.visit() == "a")
    }

    @Test func upWaitsForAllFailures() throws {
      let dead = try site.deadAddress()
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [dead.json, backend.json],
          pool: #""health": { "initial": "up", "interval": "200ms", "fastInterval": "200ms", "fall": 3 }"#))
      // Served at once, by a retry when the dead one is picked.
      #expect(try site.visits(2) == ["a", "a"])
      let line = try balancer.log.waitForLine(containing: "web/\(dead) DOWN")
      #expect(line.contains("3/3 failed"))
    }
  }
}

extension Site {
  /// A session whose backend may reset it before it says its name.
  fileprivate func sessionThatMayFail() throws -> Socket? {
    let socket = try connect()
    return (try? socket.receiveLine()) == "a" ? socket : nil
  }
}
