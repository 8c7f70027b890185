import Foundation
import Testing

extension EndToEnd {
  /// The schedulers beside round-robin and least-connections, and what goes with them.
  @Suite struct Schedulers {
    let site: Site

    init() throws { site = try Site() }

    private func pool(_ keys: String) -> String { #""health": "off", "# + keys }

    @Test func randomTakesTheLessLoadedOfTwo() throws {
      let backends = try site.backends(2)
      _ = try site.balancer(
        site.configuration(backends.map(\.json), pool: pool(#""scheduler": "random""#), top: #""workers": 4"#))
      // Of two backends both are drawn: open sessions never differ by more than one.
      let sessions = try (0..<40).map { _ in try site.session() }
      #expect(sessions.count { $0.backend == "a" } == 20)
      let visits = try site.visits(1)
      #expect(visits[0] == "a" || visits[0] == "b")
    }

    @Test func firstFillsTheFirst() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(
        site.configuration(
          backends.map { $0.json(#""connections": 2"#) }, pool: pool(#""scheduler": "first""#), top: #""workers": 4"#))
      let idle = try balancer.figures.sockets
      for _ in 0..<3 {
        #expect(try site.visit() == "a")
        try waitUntil("its place is free again") { try balancer.figures.sockets == idle }
      }
      let sessions = try (0..<5).map { _ in try site.session() }
      #expect(sessions.map(\.backend) == ["a", "a", "b", "b", "c"])
    }

    @Test func sourceHashKeepsAClientOnItsBackend() throws {
      let backends = try site.backends(3)
      let configuration = site.configuration(
        backends.map { $0.json }, pool: pool(#""scheduler": "source-hash""#), top: #""workers": 4"#)
      let balancer = try site.balancer(configuration)
      let visits = Set(try site.visits(12))
      #expect(visits.count == 1)
      // A process that has never seen it chooses alike, in whatever order its file names the backends.
      balancer.askToEnd()
      _ = try balancer.waitForExit()
      _ = try site.balancer(
        site.configuration(
          backends.reversed().map { $0.json }, pool: pool(#""scheduler": "source-hash""#), top: #""workers": 1"#))
      #expect(Set(try site.visits(12)) == visits)
    }

    /// Nothing but the file is shared, and a thousand clients are sent alike; when a backend fails, its own go elsewhere
    /// alike and nobody else's.
    @Test func twoProcessesWithOneFileChooseAlike() throws {
      let backends = try site.backends(4)
      let file = site.configuration(
        zip(backends, [1, 1, 2, 3]).map { backend, weight in backend.json(#""weight": \#(weight)"#) },
        pool: #""scheduler": "source-hash", "health": { "interval": "100ms", "fall": 1, "rise": 1 }"#,
        top: #""workers": "${WORKERS}""#
      ).replacingOccurrences(of: "\(site.front)", with: "${FRONT}")
      let other = Address.ipv4(try FreePort.take())
      let processes = try zip([site.front, other], [1, 3]).map { front, workers in
        try site.balancer(file, environment: ["FRONT": "\(front)", "WORKERS": "\(workers)"])
      }
      for process in processes {
        for backend in backends { try process.log.waitForLine(containing: "web/\(backend.address) UP") }
      }
      let clients = (0..<1000).map { number in "127.\(1 + number * 7 % 250).\(number * 13 % 251).\(1 + number % 254)" }
      func choices(of front: Address) throws -> [String?] {
        try clients.map { client in try Socket(connectingTo: front, from: client).receiveLine() }
      }

      let before = try choices(of: site.front)
      #expect(try choices(of: other) == before)
      for (backend, expected) in zip(backends, [143, 143, 286, 429]) {
        let share = before.count { $0 == backend.name }
        #expect(abs(share - expected) < 80, "\(backend.name): \(share), expected \(expected)")
      }

      try backends[2].stopListening()
      for process in processes { try process.log.waitForLine(containing: "web/\(backends[2].address) DOWN") }
      let after = try choices(of: site.front)
      #expect(try choices(of: other) == after)
      for (old, new) in zip(before, after) { #expect(old == backends[2].name ? new != old : new == old) }
    }

    @Test func aNameKeepsItsBackend() throws {
      let backends = try site.backends(3)
      _ = try site.balancer(
        site.configuration(backends.map(\.json), pool: pool(#""scheduler": { "hash": "sni" }"#)))
      var seen: Set<String> = []
      for name in [
        "alpha.example", "beta.example", "gamma.example", "delta.example", "epsilon.example", "zeta.example",
      ] {
        let visits = try (0..<3).map { _ in
          let socket = try site.connect()
          try socket.send(Self.clientHello(name))
          return try socket.receiveLine()
        }
        #expect(Set(visits).count == 1, "\(name): \(visits)")
        if let backend = visits[0] { seen.insert(backend) }
      }
      #expect(seen.count > 1)
      // Without a name it is the client's address.
      let others = try (0..<3).map { _ in
        let socket = try site.connect()
        try socket.send("GET / HTTP/1.0\r\n\r\n")
        return try socket.receiveLine()
      }
      #expect(Set(others).count == 1)
    }

    /// The least that names a server: RFC 8446, 4.1.2 and RFC 6066, 3.
    private static func clientHello(_ name: String) -> [UInt8] {
      func sized(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
      }
      let serverName = [0, 0] + sized(sized([0] + sized(Array(name.utf8), 2), 2), 2)
      let body =
        [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + sized([0x13, 0x01], 2) + sized([0], 1)
        + sized(serverName, 2)
      return [22, 3, 1] + sized([1] + sized(body, 3), 2)
    }

    @Test func peakEWMALeavesABackendThatRefuses() throws {
      let backends = try site.backends(2)
      let dead = try site.deadAddress()
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json) + [dead.json], pool: pool(#""scheduler": "peak-ewma""#),
          top: #""workers": 1, "log": { "level": "debug" }"#))
      let visits = try site.visits(60)
      #expect(visits.allSatisfy { $0 == "a" || $0 == "b" })
      #expect(Set(visits).count == 2)
      // One refusal is enough to be taken for slow.
      let refusals = balancer.log.all.count { $0.contains("connect to web/\(dead) failed") }
      #expect(refusals <= 2, "\(refusals)")
    }

    @Test func aBackendThatComesUpStartsSlowly() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json),
          pool: #""slowStart": "1h", "health": { "interval": "100ms", "fall": 1, "rise": 1 }"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      #expect(try site.visits(4).count { $0 == "a" } == 2)
      try backends[0].stopListening()
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) DOWN")
      let mark = balancer.log.mark
      try backends[0].listen()
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) UP", after: mark)
      #expect(try site.visits(44).count { $0 == "a" } == 4)
    }

    @Test func aClientComesBackToItsBackend() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json),
          pool: #""sticky": { "source": true }, "health": { "interval": "100ms", "fall": 1, "rise": 1 }"#,
          top: #""workers": 4"#))
      for backend in backends { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      let own = try #require(try site.visit())
      #expect(Set(try site.visits(6)) == [own])

      // A reload, in which another backend and another size come, changes nothing for the client.
      let fourth = try site.backend("d")
      let mark = try balancer.reload(
        site.configuration(
          backends.map(\.json) + [fourth.json],
          pool:
            #""sticky": { "source": true, "size": 50 }, "health": { "interval": "100ms", "fall": 1, "rise": 1 }"#,
          top: #""workers": 4"#))
      try balancer.log.waitForLine(containing: "web/\(fourth.address) UP", after: mark)
      #expect(Set(try site.visits(8)) == [own])

      // Its backend goes down: another one takes its place, and keeps it.
      let index = try #require(backends.firstIndex { $0.name == own })
      try backends[index].stopListening()
      try balancer.log.waitForLine(containing: "web/\(backends[index].address) DOWN")
      let next = try #require(try site.visit())
      #expect(next != own)
      let later = balancer.log.mark
      try backends[index].listen()
      try balancer.log.waitForLine(containing: "web/\(backends[index].address) UP", after: later)
      #expect(Set(try site.visits(8)) == [next])
    }

    /// The table has room for fifty; it is there after reloads that leave it alone, make it larger and make it smaller.
    @Test func clientsAreRememberedThroughReloads() throws {
      let backends = try site.backends(3)
      func file(_ backends: [TestBackend], size: Int) -> String {
        site.configuration(
          backends.map(\.json), pool: pool(#""sticky": { "source": true, "size": \#(size) }"#), top: #""workers": 2"#)
      }
      let clients = (1...50).map { "127.0.1.\($0)" }
      func choices() throws -> [String?] {
        try clients.map { client in try Socket(connectingTo: site.front, from: client).receiveLine() }
      }
      let balancer = try site.balancer(file(Array(backends.prefix(2)), size: 50))
      let own = try choices()
      #expect(Set(own) == ["a", "b"])
      for size in [50, 5000, 50] {
        let mark = try balancer.reload(file(size == 50 ? backends : Array(backends.prefix(2)), size: size))
        try balancer.log.waitForLine(containing: "is in force", after: mark)
        #expect(try choices() == own, "size \(size)")
      }
    }

    @Test func aFullBackendIsNoReasonToWait() throws {
      let backends = try site.backends(2)
      _ = try site.balancer(
        site.configuration(
          backends.map { $0.json(#""connections": 1"#) }, pool: pool(#""sticky": { "source": true }"#)))
      let first = try site.session()
      let second = try site.session()
      #expect(Set([first.backend, second.backend]) == ["a", "b"])
    }

    @Test func simulatePredictsForAFile() throws {
      let backends = ["a", "b", "c"].map { #"{ "address": "unix:\#($0).sock", "name": "\#($0)", "connections": 40 }"# }
      let configuration = site.configuration(
        backends, pool: pool(#""scheduler": "least-connections""#), listener: #""connections": 100"#)
      let run = try ChildProcess.run(BalancerProcess.command(configuration, in: site.folder, "simulate"))
      #expect(run.exit == .status(0), "\(run.errors)")
      #expect(run.output.hasPrefix("pool web, least-connections, 100 sessions\nbackend "), "\(run.output)")
      #expect(run.output.contains("warning: without a: b would have 50 sessions, its connections are 40"))
      let bad = try ChildProcess.run(BalancerProcess.command("{}", in: site.folder, "simulate"))
      #expect(bad.exit == .status(78))
    }

    @Test func retriesBeyondTheBudgetAreRefused() throws {
      let hanging = try (0..<2).map { _ in try site.hangingBackend() }
      let balancer = try site.balancer(
        site.configuration(
          hanging.map(\.json),
          pool: pool(#""retryBudget": 0, "retries": 1, "timeouts": { "connect": "700ms" }"#)))
      let clients = try (0..<12).map { _ in try site.connect() }
      // Three at once are always allowed, and others follow while they may wait; the rest is turned away.
      try balancer.log.waitForLine(containing: "retryBudget allows no more of them at once")
      try balancer.log.waitForLine(containing: "2 of 2 connects failed")
      for client in clients { client.close() }
    }
  }
}
