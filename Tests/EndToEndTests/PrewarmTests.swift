import Foundation
import Testing

extension EndToEnd {
  /// Spare connections to the backends, kept ready by the program as it is started.
  @Suite struct Prewarm {
    let site: Site

    init() throws { site = try Site() }

    private let spares = #""prewarm": 2, "health": "off""#

    @Test func sessionsBeginOnConnectionsThatAreThere() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(site.configuration(backends.map(\.json), pool: spares))
      // Before any client, from both workers.
      for backend in backends { try backend.waitForConnections(4) }
      for _ in 0..<50 {
        let session = try site.session()
        // The server's first words have waited in the spare.
        #expect(["a", "b"].contains(session.backend))
        try session.socket.send("hello\n")
        #expect(try session.socket.receiveLine() == "hello")
      }
      for backend in backends { try backend.waitForConnections(4) }
      let figures = balancer.figures
      let sockets = try figures.sockets
      for _ in 0..<20 { _ = try site.visit() }
      for backend in backends { try backend.waitForConnections(4) }
      try waitUntil("no more sockets are open than before") { try figures.sockets <= sockets }
    }

    @Test func aReloadAndAnEndCloseThem() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json], pool: spares))
      try backend.waitForConnections(4)
      try balancer.reload(site.configuration([backend.json], pool: #""prewarm": 5, "health": "off""#))
      try backend.waitForConnections(10)
      try balancer.reload(site.configuration([backend.json], pool: #""health": "off""#))
      try backend.waitForConnections(0)
      #expect(try site.visit() == "a")
      try balancer.reload(site.configuration([backend.json], pool: spares))
      try backend.waitForConnections(4)
      balancer.askToEnd()
      #expect(try balancer.waitForExit() == .status(0))
      try backend.waitForConnections(0)
    }

    @Test func aBackendThatGoesDownLosesThem() throws {
      let victim = try site.backend("a")
      let other = try site.backend("b")
      let checks =
        #""prewarm": 2, "health": { "interval": "100ms", "fall": 2, "rise": 2 }"#
      let balancer = try site.balancer(site.configuration([victim.json, other.json], pool: checks))
      try balancer.log.waitForLine(containing: "web/\(victim.address) UP")
      try victim.waitForConnections(4)
      try victim.stopListening()
      try balancer.log.waitForLine(containing: "web/\(victim.address) DOWN")
      try victim.waitForConnections(0)
      #expect(try site.visits(10).allSatisfy { $0 == "b" })
      let mark = balancer.log.mark
      try victim.listen()
      try balancer.log.waitForLine(containing: "web/\(victim.address) UP", after: mark)
      try victim.waitForConnections(4)
    }
  }
}
