import Foundation
import Testing

extension EndToEnd {
  /// SIGHUP changes what the file changes, and nothing else.
  @Suite struct Reloading {
    let site: Site

    init() throws { site = try Site() }

    @Test func fiftyReloadsLoseNoConnection() throws {
      let backends = try site.backends(3)
      let files = [
        site.configuration([backends[0].json, backends[1].json], pool: ""),
        site.configuration([backends[1].json(#""weight": 3"#), backends[2].json], pool: ""),
        site.configuration(
          [backends[2].json, backends[0].json(#""connections": 100"#)], pool: #""scheduler": "least-connections""#),
        site.configuration(
          backends.map(\.json), pool: #""timeouts": { "connect": "1s" }"#, listener: #""connections": 500"#),
        site.configuration(backends.map(\.json), pool: #""health": { "interval": "100ms" }"#),
      ]
      let balancer = try site.balancer(files[0])
      let (kept, _) = try site.session()
      let load = Load(on: site.front)
      try load.waitForSessions(20)
      for round in 1...50 {
        let mark = try balancer.reload(files[round % files.count])
        try balancer.waitUntilReloaded(after: mark)
        try load.waitForSessions(20)
      }
      let report = try load.stop()
      #expect(report.lost.isEmpty)
      #expect(Set(report.served.keys) == ["a", "b", "c"])
      try kept.send("still there?\n")
      #expect(try kept.receiveLine() == "still there?")
    }

    @Test func nothingIsLeftOfManyReloads() throws {
      let backends = try site.backends(2)
      let second = Address.ipv4(try FreePort.take())
      func file(_ round: Int) -> String {
        """
        {
          "listeners": {
            "web": { "listen": "\(site.front)", "pool": "web" },
            \(round % 2 == 0 ? "" : #""more": { "listen": "\#(second)", "pool": "more" }"#)
          },
          "pools": {
            "web": { "backends": [\(backends[round % 2].json)], "health": { "interval": "50ms" } },
            "more": { "backends": [\(backends[1 - round % 2].json)] }
          }
        }
        """
      }
      let balancer = try site.balancer(file(0))
      func reload(_ rounds: ClosedRange<Int>) throws -> (descriptors: Int, threads: Int, memory: Int) {
        for round in rounds {
          try balancer.waitUntilReloaded(after: balancer.reload(file(round)))
          _ = try site.visit()
        }
        let figures = balancer.figures
        // Checks come and go: the fewest of some looks are those without one.
        let descriptors = try (0..<50).map { _ in
          usleep(2000)
          return try figures.descriptors
        }.min()!
        return try (descriptors, figures.threads, figures.residentBytes)
      }
      let before = try reload(1...10)
      let after = try reload(11...60)
      #expect(after.descriptors == before.descriptors)
      #expect(after.threads == before.threads)
      #expect(after.memory - before.memory < 2 << 20, "\(after.memory - before.memory) bytes more")
    }

    @Test func aListenerMayGoToAnotherPool() throws {
      let backends = try site.backends(2)
      func file(_ pool: String) -> String {
        """
        {
          "listeners": { "web": { "listen": "\(site.front)", "pool": "\(pool)" } },
          "pools": {
            "first": { "backends": [\(backends[0].json)] },
            "second": { "backends": [\(backends[1].json)] }
          }
        }
        """
      }
      let balancer = try site.balancer(file("first"))
      let (session, name) = try site.session()
      #expect(name == "a")
      try balancer.reload(file("second"))
      try waitUntil("the other pool serves") { try site.visit() == "b" }
      try session.send("still there?\n")
      #expect(try session.receiveLine() == "still there?")
    }

    @Test func aBurstOfReloadsEndsWithTheLastFile() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(site.configuration([backends[0].json]))
      for round in 0..<20 { try balancer.reload(site.configuration([backends[round % 2].json])) }
      try balancer.reload(site.configuration([backends[2].json]))
      try waitUntil("the last file is in use") { try site.visit() == "c" }
      #expect(try site.visits(5).allSatisfy { $0 == "c" })
    }

    @Test func whatChangedIsLoggedLineByLine() throws {
      let backends = try site.backends(3)
      let second = Address.ipv4(try FreePort.take())
      let balancer = try site.balancer(
        """
        {
          "listeners": {
            "web": { "listen": "\(site.front)", "pool": "web" },
            "old": { "listen": "\(second)", "pool": "web" }
          },
          "pools": { "web": { "backends": [\(backends[0].json), \(backends[1].json)], "health": "off" } }
        }
        """)
      let mark = try balancer.reload(
        """
        {
          "listeners": { "web": { "listen": "\(site.front)", "pool": "web" } },
          "pools": { "web": { "backends": [\(backends[0].json(#""weight": 3"#)), \(backends[2].json)], "health": "off" } }
        }
        """)
      try balancer.waitUntilReloaded(after: mark)
      try balancer.log.waitForLine(containing: "~", "\(backends[0].address)", "weight 1 → 3", after: mark)
      try balancer.log.waitForLine(containing: "- backend", "\(backends[1].address)", after: mark)
      try balancer.log.waitForLine(containing: "+ backend", "\(backends[2].address)", after: mark)
      try balancer.log.waitForLine(containing: "- listener", "old", after: mark)
      let lines = balancer.log.all.dropFirst(mark)
      #expect(!lines.contains { $0.contains("+ listener") }, "nothing of the listener web has changed")
      #expect(try site.visits(8).count { $0 == "a" } == 6)
      try waitUntil("the old listener is closed") { (try? Socket(connectingTo: second)) == nil }
    }

    @Test func aBadFileIsRefusedAndTheOldOneStays() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(site.configuration(backends.map(\.json)))
      let mark = try balancer.reload(
        """
        {
          "listeners": { "web": { "listen": "\(site.front)", "pool": "wep" } },
          "pools": { "web": { "backends": [{ "address": \(backends[0].json), "weight": 700 }] } }
        }
        """)
      try balancer.log.waitForLine(
        containing: "balancer.json:2:", "listeners.web.pool", "did you mean", "web", after: mark)
      try balancer.log.waitForLine(
        containing: "balancer.json:3:", "pools.web.backends[0].weight", "0…256", after: mark)
      #expect(try site.visits(4) == ["a", "b", "a", "b"])

      // So is a file that is not there.
      let second = balancer.log.mark
      try FileManager.default.removeItem(at: balancer.configurationFile)
      balancer.signal(SIGHUP)
      try balancer.log.waitForLine(containing: "balancer.json", after: second)
      #expect(try site.visits(4) == ["a", "b", "a", "b"])

      // And one that wants an address that is taken.
      let other = try site.backend("other")
      let third = try balancer.reload(
        """
        {
          "listeners": {
            "web": { "listen": "\(site.front)", "pool": "web" },
            "more": { "listen": "\(other.address)", "pool": "web" }
          },
          "pools": { "web": { "backends": [\(backends[1].json)], "health": "off" } }
        }
        """)
      try balancer.log.waitForLine(containing: "more", "\(other.address)", after: third)
      #expect(try site.visits(4) == ["a", "b", "a", "b"])

      try balancer.waitUntilReloaded(after: balancer.reload(site.configuration([backends[1].json])))
      #expect(try site.visits(4) == ["b", "b", "b", "b"])
    }

    @Test func aRemovedBackendKeepsItsSessionsAndGetsNoNewOnes() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(site.configuration(backends.map(\.json)))
      let sessions = try (0..<4).map { _ in try site.session() }
      try balancer.waitUntilReloaded(after: balancer.reload(site.configuration([backends[1].json])))
      #expect(try site.visits(6).allSatisfy { $0 == "b" })
      for session in sessions {
        try session.socket.send("still there?\n")
        #expect(try session.socket.receiveLine() == "still there?")
      }

      // Put back, it is used again.
      try balancer.waitUntilReloaded(after: balancer.reload(site.configuration(backends.map(\.json))))
      #expect(try Set(site.visits(4)) == ["a", "b"])
    }

    @Test func aRemovedListenerKeepsItsSessions() throws {
      let backend = try site.backend("a")
      let second = Address.ipv4(try FreePort.take())
      func file(_ listeners: String) -> String {
        """
        {
          "listeners": { \(listeners) },
          "pools": { "web": { "backends": [\(backend.json)], "health": "off" } }
        }
        """
      }
      let web = #""web": { "listen": "\#(site.front)", "pool": "web" }"#
      let balancer = try site.balancer(file(web))
      #expect(throws: SystemFailure.self) { try Socket(connectingTo: second) }

      let both = web + #", "second": { "listen": "\#(second)", "pool": "web" }"#
      try balancer.waitUntilReloaded(after: balancer.reload(file(both)))
      let session = try Socket(connectingTo: second)
      #expect(try session.receiveLine() == "a")

      try balancer.waitUntilReloaded(after: balancer.reload(file(web)))
      try waitUntil("the listener is closed") { (try? Socket(connectingTo: second)) == nil }
      try session.send("still there?\n")
      #expect(try session.receiveLine() == "still there?")
      #expect(try site.visit() == "a")
    }

    @Test func verdictsStreaksAndCountsLiveOn() throws {
      let (backend, dead) = (try site.backend("a"), try site.deadAddress())
      let full = try site.backend("full")
      func file(_ weight: Int) -> String {
        site.configuration(
          [dead.json, full.json(#""connections": 1"#), backend.json(#""weight": \#(weight)"#)],
          pool: #""health": { "initial": "up", "interval": "1s", "fastInterval": "1s", "fall": 2, "rise": 2 }"#)
      }
      let balancer = try site.balancer(file(1))
      try balancer.log.waitForLine(containing: "web/\(dead) DOWN")
      var sessions = [try site.session()]
      while sessions.last?.backend != "full" { sessions.append(try site.session()) }

      let mark = try balancer.reload(file(2))
      try balancer.waitUntilReloaded(after: mark)
      // The dead one is not up again as at a start, and the full one still is full.
      #expect(try site.visits(10).allSatisfy { $0 == "a" })
      #expect(!balancer.log.all.dropFirst(mark).contains { $0.contains("DOWN") || $0.contains("UP") })
    }

    @Test func theNewLogLevelHolds() throws {
      let dead = try site.deadAddress()
      func file(_ level: String) -> String {
        site.configuration(
          [dead.json], pool: #""health": { "interval": "100ms" }"#, top: #""log": { "level": "\#(level)" }"#)
      }
      let balancer = try site.balancer(file("info"))
      try balancer.log.waitForLine(containing: "web/\(dead) DOWN")
      #expect(!balancer.log.all.contains { $0.contains(" debug ") })
      try balancer.reload(file("debug"))
      try balancer.log.waitForLine(containing: " debug ", "\(dead)")
    }

    @Test func theNewTimeoutHoldsForNewSessions() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json]))
      let file = site.configuration([backend.json], listener: #""timeouts": { "client": "300ms" }"#)
      try balancer.waitUntilReloaded(after: balancer.reload(file))
      // Workers learn of it a moment after the line.
      try waitUntil("a session has the new timeout") {
        (try? site.session().socket.waitForEnd(within: .seconds(2))) != nil
      }
    }
  }
}

extension BalancerProcess {
  /// Waits for the line that says that the new file is in use, if only because nothing in it is new.
  func waitUntilReloaded(after mark: Int) throws {
    try log.waitForLine("about a reload", after: mark) { line in
      line.contains("is in force") || line.contains("holds no change")
    }
  }
}
