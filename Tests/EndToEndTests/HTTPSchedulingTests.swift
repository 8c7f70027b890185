import Foundation
import Testing

extension EndToEnd {
  /// The schedulers with requests, and cookies that choose before them.
  @Suite struct HTTPScheduling {
    let site: Site

    init() throws { site = try Site() }

    private static let request = "GET / HTTP/1.1\r\nHost: a.example\r\n"

    /// On whatever connection, and whatever else a request says, its value leads to the same backend.
    @Test(arguments: ["uri", "header:X-User", "cookie:user"])
    func aHashIsOfTheRequest(key: String) throws {
      let scribes = try ["a", "b", "c"].map { try site.scribe($0) }
      _ = try site.balancer(site.http(scribes.map(\.json), pool: #""scheduler": { "hash": "\#(key)" }"#))
      func ask(_ wire: Wire, _ value: String, _ noise: Int) throws -> Character? {
        let answer =
          switch key {
          case "uri": try wire.get("/\(value)", "X-User: \(noise)", "Cookie: user=\(noise)")
          case "cookie:user": try wire.get("/\(noise)", "X-User: \(noise)", "Cookie: x=\(noise); user=\(value)")
          default: try wire.get("/\(noise)", "X-User: \(value)", "Cookie: user=\(noise)")
          }
        return answer.text.first
      }
      let kept = try site.wire()
      var seen: Set<Character?> = []
      for value in ["ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal"] {
        let home = try ask(kept, value, 0)
        for noise in 1...3 {
          #expect(try ask(kept, value, noise) == home)
          #expect(try ask(site.wire(), value, noise) == home)
        }
        seen.insert(home)
      }
      #expect(seen.count > 1)
    }

    @Test func theFirstIsFilledWithRequests() throws {
      let backends = try (0..<2).map { _ in try site.handBackend() }
      _ = try site.balancer(
        site.http(
          backends.map { #"{ "address": "\#($0.address)", "connections": 1 }"# }, pool: #""scheduler": "first""#))
      let clients = try (0..<2).map { _ in try site.wire() }
      var servers: [Wire] = []
      for (client, backend) in zip(clients, backends) {
        try client.send(Self.request + "\r\n")
        servers.append(try backend.request().wire)
      }
      // A connection that rests fills nobody.
      for (client, server) in zip(clients, servers) {
        try server.answer()
        #expect(try client.response().status == 200)
      }
      for client in clients {
        try client.send(Self.request + "\r\n")
        #expect(try servers[0].request() != nil)
        try servers[0].answer()
        #expect(try client.response().status == 200)
      }
    }

    @Test func randomTakesTheOneWithFewerRequests() throws {
      let backends = try (0..<2).map { _ in try site.handBackend() }
      _ = try site.balancer(site.http(backends.map(\.json), pool: #""scheduler": "random""#))
      let clients = try (0..<8).map { _ in try site.wire() }
      for client in clients { try client.send(Self.request + "\r\n") }
      for backend in backends { for _ in 0..<4 { _ = try backend.request() } }
    }

    /// The time until the head of a response counts, not that of the connect.
    @Test func peakEWMALeavesWhoAnswersSlowly() throws {
      let backends = try (0..<2).map { _ in try site.handBackend() }
      _ = try site.balancer(site.http(backends.map(\.json), pool: #""scheduler": "peak-ewma""#))
      let clients = try (0..<2).map { _ in try site.wire() }
      for client in clients { try client.send(Self.request + "\r\n") }
      let servers = try backends.map { try $0.request().wire }
      try servers[1].answer()
      // As slow as that, and then as quick as the other.
      usleep(2_000_000)
      try servers[0].answer()
      for client in clients { #expect(try client.response().status == 200) }
      for _ in 0..<8 {
        try clients[0].send(Self.request + "\r\n")
        #expect(try servers[1].request() != nil)
        try servers[1].answer()
        #expect(try clients[0].response().status == 200)
      }
    }

    // MARK: Cookies

    /// A cookie leads to its backend only while that can take requests; elsewhere the client gets another one.
    @Test(arguments: ["full", "drained", "removed"])
    func aCookieCountsWhereItsBackendServes(how: String) throws {
      let backends = try (0..<2).map { _ in try site.handBackend() }
      func file(weight: Int) -> String {
        let others = #"{ "address": "\#(backends[1].address)" }"#
        let first = #"{ "address": "\#(backends[0].address)", "connections": 1, "weight": \#(weight) }"#
        return site.http(
          how == "removed" && weight == 0 ? [others] : [first, others], pool: #""sticky": { "cookie": "home" }"#)
      }
      let balancer = try site.balancer(file(weight: 1))
      let client = try site.wire()
      try client.send(Self.request + "\r\n")
      let (home, _) = try backends[0].request()
      try home.answer()
      let cookie = try #require(try client.response()["Set-Cookie"]?.prefix { $0 != ";" })
      let request = Self.request + "Cookie: \(cookie)\r\n\r\n"
      for _ in 0..<3 {
        try client.send(request)
        #expect(try home.request()?.firstLine == "GET / HTTP/1.1")
        try home.answer()
        #expect(try client.response()["Set-Cookie"] == nil)
      }

      let busy = try site.wire()
      if how == "full" {
        try busy.send(request)
        #expect(try home.request() != nil)
      } else {
        try balancer.waitUntilReloaded(after: balancer.reload(file(weight: 0)))
        try home.expectEnd()
      }
      try client.send(request)
      let (refuge, _) = try backends[1].request()
      try refuge.answer()
      let other = try client.response()["Set-Cookie"]
      #expect(other?.hasPrefix("home=") == true && other?.hasPrefix(cookie) == false)
      if how == "full" {
        try home.answer()
        #expect(try busy.response().status == 200)
      }
    }
  }
}
