import Foundation
import Testing

extension EndToEnd {
  /// A backend that flaps is held down, and a pool with too few healthy backends uses all of them.
  @Suite struct Damping {
    let site: Site

    init() throws { site = try Site() }

    private func checks(_ keys: String) -> String {
      #""health": { "interval": "40ms", "fastInterval": "20ms", "timeout": "5s", "fall": 1, "rise": 1, \#(keys) }"#
    }

    /// Stops a backend and starts it again until the log says so; returns the line.
    private func flap(_ backend: TestBackend, _ balancer: BalancerProcess, until word: String, changes: Int) throws
      -> String?
    {
      for _ in 0..<changes {
        var mark = balancer.log.mark
        try backend.stopListening()
        let down = try balancer.log.waitForLine(containing: "web/\(backend.address) DOWN", after: mark)
        if down.contains(word) { return down }
        mark = balancer.log.mark
        try backend.listen()
        let up = try balancer.log.waitForLine(containing: "web/\(backend.address)", after: mark)
        if up.contains(word) { return up }
      }
      return nil
    }

    @Test func aFlappingBackendIsHeldDownAndLetGo() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json), pool: checks(#""flap": { "hold": 2, "release": 1, "halfLife": "2s" }"#)))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      let start = balancer.log.mark
      let line = try #require(try flap(backends[0], balancer, until: "held down", changes: 2))
      #expect(line.contains("DOWN, held down as it flaps: penalty "))
      #expect(line.contains("1/2 backends eligible"))
      // It is up now or soon, and yet gets no session.
      try backends[0].listen()
      #expect(try Set(site.visits(6)) == ["b"])
      let mark = balancer.log.mark
      let released = try balancer.log.waitForLine(containing: "no longer held down", after: start)
      #expect(released.contains("now UP"))
      #expect(released.contains("2/2 backends eligible"))
      try waitUntil("both serve") { try Set(site.visits(4)) == ["a", "b"] }
      // Announced once, and nothing was said in between.
      #expect(balancer.log.all.count { $0.contains("held down as it flaps") } == 1)
      #expect(balancer.log.all.dropFirst(mark).count { $0.contains("held down") } <= 1)
    }

    @Test func switchedOffThePoolFollowsEveryChange() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(site.configuration(backends.map(\.json), pool: checks(#""flap": "off""#)))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      for _ in 0..<5 {
        try backends[0].stopListening()
        try waitUntil("a is out") { try Set(site.visits(4)) == ["b"] }
        try backends[0].listen()
        try waitUntil("a is in") { try Set(site.visits(4)) == ["a", "b"] }
      }
      #expect(!balancer.log.all.contains { $0.contains("held down") })
    }

    @Test func aReloadThatSwitchesItOffLetsGo() throws {
      let backends = try site.backends(2)
      func configuration(_ flap: String) -> String {
        site.configuration(backends.map(\.json), pool: checks(#""flap": \#(flap)"#))
      }
      let balancer = try site.balancer(configuration(#"{ "hold": 1, "release": 1, "halfLife": "1h" }"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      _ = try #require(try flap(backends[0], balancer, until: "held down", changes: 2))
      #expect(try Set(site.visits(4)) == ["b"])
      try balancer.reload(configuration(#""off""#))
      try waitUntil("both serve") { try Set(site.visits(4)) == ["a", "b"] }
    }

    @Test func aPoolThatPanicsUsesAllBackends() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(
        site.configuration(backends.map(\.json), pool: checks(#""flap": "off""#) + #", "panic": 50, "retries": 2"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      try backends[0].stopListening()
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) DOWN")
      #expect(!balancer.log.all.contains { $0.contains("panics") })
      try backends[1].stopListening()
      let line = try balancer.log.waitForLine(containing: "panics")
      #expect(line.contains("pool web panics: 1 of 3 backends are healthy, fewer than 50%"))
      #expect(try Set(site.visits(4)) == ["c"])
      try backends[0].listen()
      let end = try balancer.log.waitForLine(containing: "panics no longer")
      #expect(end.contains("2 of 3 backends are healthy"))
      #expect(balancer.log.all.count { $0.contains("panics") } == 2)
    }

    @Test func whenMostFailAtOnceOurNetworkIsSuspected() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json),
          pool: #""health": { "interval": "3s", "timeout": "1s", "fall": 1, "rise": 1, "flap": "off" }"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      for backend in backends { try backend.stopListening() }
      let line = try balancer.log.waitForLine(containing: "our own network is suspected")
      #expect(line.contains("2 of 3 backends of all pools failed within"))
      #expect(line.contains(" error "))
      // They stay in use: the one that is there again serves before any check has seen it.
      try backends[0].listen()
      #expect(try site.visit() == "a")
      let end = try balancer.log.waitForLine(containing: "no longer suspected")
      #expect(end.contains("a check has passed after"))
      #expect(balancer.log.all.count { $0.contains("network is suspected") } == 1)
    }

    @Test func theSuspicionEndsByItself() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json),
          pool: #""health": { "interval": "3s", "timeout": "1s", "fall": 1, "rise": 1, "flap": "off" }"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      for backend in backends { try backend.stopListening() }
      try balancer.log.waitForLine(containing: "network is suspected")
      let end = try balancer.log.waitForLine(containing: "no longer suspected", within: .seconds(30))
      #expect(end.contains("no check has passed for 10s: 2 backends are down now"))
      #expect(try site.visit() == nil)
    }
  }
}
