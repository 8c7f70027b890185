import Foundation
import Testing

extension EndToEnd {
  /// Sessions that wait until a backend has room for them.
  @Suite struct Queue {
    let site: Site

    init() throws { site = try Site() }

    @Test func firstComeFirstServedOverAllWorkers() throws {
      let backend = try site.backend("a")
      let scrape = Scrape(address: .ipv4(try FreePort.take()))
      _ = try site.balancer(
        site.configuration(
          [backend.json(#""connections": 1"#)], top: #""workers": 4, "admin": { "listen": "\#(scrape.address)" }"#))
      var current = try site.session().socket
      let waiting = try (1...8).map { number in
        let client = try site.connect()
        // A connection that is not accepted yet is not in the queue: give each its turn.
        try scrape.wait(for: [#"balancer_pool_waiting{pool="web"}"#: Double(number)])
        return client
      }
      for client in waiting {
        current.close()
        #expect(try client.receiveLine() == "a")
        current = client
      }
    }

    @Test func whoHangsUpLeavesTheQueue() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json(#""connections": 1"#)], top: #""workers": 4"#))
      let idle = try balancer.figures.sockets
      let current = try site.session().socket
      let leaving = try (0..<5).map { _ in try site.connect() }
      try waitUntil("all wait") { try balancer.figures.sockets == idle + 2 + 5 }
      for client in leaving { client.reset() }
      try waitUntil("they have left") { try balancer.figures.sockets == idle + 2 }
      let last = try site.connect()
      current.close()
      #expect(try last.receiveLine() == "a")
    }

    @Test func waitingHasALimit() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json(#""connections": 1"#)], pool: #""timeouts": { "queue": "200ms" }"#))
      let current = try site.session().socket
      let client = try site.connect()
      #expect(try client.waitForEnd() == .finished)
      try balancer.log.waitForLine(containing: "pool web", "timeouts.queue")
      withExtendedLifetime(current) {}
    }

    @Test func theQueueHasALimit() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json(#""connections": 1"#)], pool: #""health": "off", "queue": 2"#, top: #""workers": 4"#))
      let idle = try balancer.figures.sockets
      let current = try site.session().socket
      let waiting = try (0..<2).map { _ in try site.connect() }
      try waitUntil("both wait") { try balancer.figures.sockets == idle + 2 + 2 }
      #expect(try site.visit() == nil)
      try balancer.log.waitForLine(containing: "pool web", "2 sessions wait already")
      withExtendedLifetime((current, waiting)) {}
    }
  }
}
