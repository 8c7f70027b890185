import Foundation
import Testing

extension EndToEnd {
  /// Who gets a session. Exact, although four workers accept: the pool is one for all of them.
  @Suite struct Scheduling {
    let site: Site

    init() throws { site = try Site() }

    @Test func roundRobinTakesTurns() throws {
      let backends = try site.backends(3)
      _ = try site.balancer(site.configuration(backends.map(\.json), top: #""workers": 4"#))
      let turns = try site.visits(30)
      #expect(turns == Array(repeating: ["a", "b", "c"], count: 10).flatMap { $0 })
    }

    @Test func weightsShapeTheTurns() throws {
      let backends = try site.backends(4)
      let written = zip(backends, [5, 1, 1, 0]).map { $0.json(#""weight": \#($1)"#) }
      _ = try site.balancer(site.configuration(written, top: #""workers": 4"#))
      // The smooth order: the heavy one is not served in a row. Weight 0 gets nothing.
      #expect(try site.visits(14) == Array(repeating: ["a", "a", "b", "a", "c", "a", "a"], count: 2).flatMap { $0 })
    }

    @Test func leastConnectionsCountsOverAllWorkers() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json), pool: #""health": "off", "scheduler": "least-connections""#, top: #""workers": 4"#))
      let idle = try balancer.figures.sockets
      var sessions = try (0..<40).map { _ in try site.session() }
      #expect(sessions.count { $0.backend == "a" } == 20)
      #expect(sessions.count { $0.backend == "b" } == 20)

      // Ten end, all of them on one backend: the next ten go there.
      let leaving = sessions.indices.filter { sessions[$0].backend == "a" }.prefix(10)
      for index in leaving.reversed() { sessions.remove(at: index).socket.close() }
      try waitUntil("ten sessions have ended") { try balancer.figures.sockets <= idle + 2 * 30 }
      let next = try (0..<10).map { _ in try site.session() }
      #expect(next.allSatisfy { $0.backend == "a" })
    }

    @Test func leastConnectionsFollowsWeights() throws {
      let backends = try site.backends(2)
      _ = try site.balancer(
        site.configuration(
          [backends[0].json(#""weight": 3"#), backends[1].json],
          pool: #""health": "off", "scheduler": "least-connections""#, top: #""workers": 4"#))
      let sessions = try (0..<40).map { _ in try site.session() }
      #expect(sessions.count { $0.backend == "a" } == 30)
      #expect(sessions.count { $0.backend == "b" } == 10)
    }

    @Test func backupsServeOnlyWhenNoOtherCan() throws {
      let backends = try site.backends(3)
      let balancer = try site.balancer(
        site.configuration(
          [backends[0].json, backends[1].json, backends[2].json(#""backup": true"#)],
          pool: #""health": { "interval": "100ms", "fall": 1, "rise": 1 }"#))
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) UP")
      try balancer.log.waitForLine(containing: "web/\(backends[1].address) UP")
      try balancer.log.waitForLine(containing: "web/\(backends[2].address) UP")
      #expect(try site.visits(6) == ["a", "b", "a", "b", "a", "b"])

      try backends[0].stopListening()
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) DOWN")
      #expect(try site.visits(4) == ["b", "b", "b", "b"])

      try backends[1].stopListening()
      try balancer.log.waitForLine(containing: "web/\(backends[1].address) DOWN")
      #expect(try site.visits(4) == ["c", "c", "c", "c"])

      let mark = balancer.log.mark
      try backends[0].listen()
      try balancer.log.waitForLine(containing: "web/\(backends[0].address) UP", after: mark)
      #expect(try site.visits(4) == ["a", "a", "a", "a"])
    }

    @Test func aRetryMayGoToABackup() throws {
      let backup = try site.backend("backup")
      _ = try site.balancer(
        site.configuration([site.deadAddress().json, backup.json(#""backup": true"#)]))
      #expect(try site.visits(3) == ["backup", "backup", "backup"])
    }

    @Test func fullBackendsAreSkipped() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration([backends[0].json(#""connections": 2"#), backends[1].json], top: #""workers": 4"#))
      let idle = try balancer.figures.sockets
      var sessions = try (0..<7).map { _ in try site.session() }
      #expect(sessions.map(\.backend) == ["a", "b", "a", "b", "b", "b", "b"])

      sessions.removeFirst().socket.close()
      try waitUntil("a session has ended") { try balancer.figures.sockets <= idle + 2 * 6 }
      #expect(try [site.session(), site.session()].contains { $0.backend == "a" })
    }

    @Test func sessionsAreEvenOverTheWorkers() throws {
      let backend = try site.backend("a", nil)
      let balancer = try site.balancer(site.configuration([backend.json], top: #""workers": 4"#))
      let idle = try balancer.figures.watchedByEpoll.reduce(0, +)
      let sessions = try (0..<1000).map { _ in try site.session() }
      #expect(sessions.allSatisfy { $0.backend == "a" })
      try waitUntil("every session is watched") {
        try balancer.figures.watchedByEpoll.reduce(0, +) >= idle + 2000
      }
      // Each session is two sockets in the epoll instance of its worker; each worker watches a few more things.
      let perWorker = try balancer.figures.watchedByEpoll.prefix(4).map { $0 / 2 }
      let mean = Double(perWorker.reduce(0, +)) / 4
      #expect(Double(perWorker.max()!) <= 1.25 * mean, "sessions of each worker: \(perWorker)")
    }
  }
}
