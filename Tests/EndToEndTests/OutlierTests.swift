import Foundation
import Testing

extension EndToEnd {
  /// Backends that pass their checks and fail with sessions are ejected.
  @Suite struct Outliers {
    let site: Site

    init() throws { site = try Site() }

    private let outlier = #""outlier": { "failures": 3, "window": "1m", "eject": "1s" }"#

    /// A backend that resets every connection until it is told to serve.
    private func moodyBackend(_ name: String, resets: Locked<Bool>) throws -> TestBackend {
      try site.backend("", at: nil) { connection in
        if resets.withLock({ $0 }) {
          // Late enough for the connect, and the check, to have succeeded.
          usleep(300_000)
          return connection.reset()
        }
        try connection.send(name + "\n")
        try TestBackend.echo(connection)
      }
    }

    @Test func resetsBeforeAnyAnswerEject() throws {
      let resets = Locked(true)
      let bad = try moodyBackend("a", resets: resets)
      let good = try site.backend("b")
      let balancer = try site.balancer(
        site.configuration(
          [bad.json, good.json],
          pool: #""health": { "interval": "200ms", "timeout": "5s", "fall": 3, "rise": 2 }, \#(outlier)"#))
      for backend in [bad, good] { try balancer.log.waitForLine(containing: "web/\(backend.address) UP") }
      for _ in 0..<12 { _ = try? site.visit() }
      let line = try balancer.log.waitForLine(containing: "EJECTED")
      #expect(line.contains("web/\(bad.address) EJECTED for 1s: 3 sessions in a row failed in "))
      #expect(line.contains("the last one: connection reset before any answer; "))
      #expect(line.contains("1/2 backends eligible, 50% of weight left"))
      #expect(line.contains(" warning health "))
      // Its checks pass all the while.
      #expect(!balancer.log.all.contains { $0.contains("DOWN") })

      resets.withLock { $0 = false }
      let back = try balancer.log.waitForLine(containing: "no longer ejected after")
      #expect(back.contains("2 checks passed; 2/2 backends eligible, 100% of weight"))
      try waitUntil("both serve") { try Set(site.visits(4)) == ["a", "b"] }
    }

    @Test func withoutChecksAnEjectedBackendIsCheckedUntilItIsBack() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(backends.map(\.json), pool: #""health": "off", \#(outlier)"#))
      try backends[0].stopListening()
      for _ in 0..<12 { #expect(try site.visit() == "b") }
      let line = try balancer.log.waitForLine(containing: "EJECTED")
      #expect(line.contains("web/\(backends[0].address) EJECTED for 1s"))
      #expect(line.contains("ECONNREFUSED"))
      try backends[0].listen()
      try balancer.log.waitForLine(containing: "no longer ejected after")
      try waitUntil("both serve") { try Set(site.visits(4)) == ["a", "b"] }
    }

    @Test func aBackendThatStaysDeadStaysOut() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json), pool: #""health": "off", "outlier": { "failures": 2, "eject": "50ms" }"#))
      try backends[0].stopListening()
      for _ in 0..<8 { #expect(try site.visit() == "b") }
      try balancer.log.waitForLine(containing: "EJECTED")
      // Long after its time is over: checks fail, and no session tries it.
      usleep(2_500_000)
      #expect(!balancer.log.all.contains { $0.contains("no longer ejected") })
      #expect(balancer.log.all.count { $0.contains("EJECTED") } == 1)
    }

    @Test func neverMoreThanAShare() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(backends.map(\.json), pool: #""health": "off", \#(outlier)"#))
      for backend in backends { try backend.stopListening() }
      for _ in 0..<12 { #expect(try site.visit() == nil) }
      try balancer.log.waitForLine(containing: "EJECTED")
      let line = try balancer.log.waitForLine(containing: "not ejected")
      #expect(line.contains("1 of 2 backends are out already (outlier.maxEjected)"))
      #expect(balancer.log.all.count { $0.contains("not ejected") } == 1)
    }

    @Test func withoutItNobodyIsEjected() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(site.configuration(backends.map(\.json)))
      try backends[0].stopListening()
      for _ in 0..<20 { #expect(try site.visit() == "b") }
      #expect(!balancer.log.all.contains { $0.contains("EJECTED") })
    }
  }
}
