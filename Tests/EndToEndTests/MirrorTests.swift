import Foundation
import Testing

extension EndToEnd {
  /// Copies of requests for another pool.
  @Suite struct Mirrors {
    let site: Site

    init() throws { site = try Site() }

    private func file(_ main: HTTPEcho, mirror: String?, _ shadows: [String], pool: String = "") -> String {
      """
      {
        "listeners": { "web": { "listen": "\(site.front)", "mode": "http", "routes": [
          { "match": { "pathPrefix": "/api" }, "pool": "web", "rewrite": { "prefix": "/v1" },
            \(mirror.map { #""mirror": "\#($0)""# } ?? #""host": "keep""#) },
          { "pool": "web" }
        ] } },
        "pools": {
          "web": { "backends": [\(main.json)], "health": "off" },
          "next": { "backends": [\(shadows.joined(separator: ", "))], "health": "off" \(pool) }
        },
        "workers": 2
      }
      """
    }

    @Test func theOtherPoolGetsWhatTheRouteGets() throws {
      let main = try HTTPEcho("main", on: site)
      let shadow = try HTTPEcho("shadow", on: site)
      let balancer = try site.balancer(file(main, mirror: "next", [shadow.json]))
      let visitor = try HTTPVisitor(site.front)
      for number in 1...5 {
        let answer = try visitor.ask(
          "POST /api/\(number)?a=b", fields: "X-Own: 1\r\nX-Mirrored: no\r\n", body: "body \(number)")
        #expect(answer.body == "main")
      }
      #expect(try visitor.ask("GET /elsewhere").body == "main")
      let copies = try shadow.wait(for: 5)
      let requests = try main.wait(for: 6)
      for number in 1...5 {
        let copy = try #require(copies.first { $0.hasSuffix("\r\n\r\nbody \(number)") })
        let request = try #require(requests.first { $0.hasSuffix("\r\n\r\nbody \(number)") })
        #expect(copy.hasPrefix("POST /v1/\(number)?a=b HTTP/1.1\r\nHost: a\r\n"))
        #expect(copy.fields("X-Mirrored") == ["true"] && request.fields("X-Mirrored") == [])
        // But for the field that tells one from the other they are the same.
        #expect(copy.replacing("X-Mirrored: true\r\n", with: "") == request)
      }

      // One that is gone is nobody's loss.
      shadow.backend.close()
      for _ in 0..<3 { #expect(try visitor.ask("GET /api/gone").body == "main") }
      try balancer.log.waitForLine(containing: "dropped, of which no client notices")

      // Without a mirror in the file, a client that stayed is copied no longer.
      let other = try HTTPEcho("other", on: site)
      try balancer.waitUntilReloaded(after: balancer.reload(file(main, mirror: "next", [other.json])))
      #expect(try visitor.ask("GET /api/1").body == "main")
      _ = try other.wait(for: 1)
      try balancer.waitUntilReloaded(after: balancer.reload(file(main, mirror: nil, [other.json])))
      for _ in 0..<3 { #expect(try visitor.ask("GET /api/2").body == "main") }
      try balancer.waitUntilReloaded(after: balancer.reload(file(main, mirror: "next", [other.json])))
      #expect(try visitor.ask("GET /api/3").body == "main")
      #expect(try other.wait(for: 2).allSatisfy { !$0.contains(" /v1/2 ") })
    }

    @Test func theEndWaitsForNoCopy() throws {
      let main = try HTTPEcho("main", on: site)
      let silent = try site.backend("") { connection in _ = try connection.receiveAll(within: .seconds(600)) }
      let balancer = try site.balancer(file(main, mirror: "next", [silent.json]))
      let visitor = try HTTPVisitor(site.front)
      for _ in 0..<20 { #expect(try visitor.ask("GET /api/").body == "main") }
      balancer.askToEnd()
      #expect(try balancer.waitForExit() == .status(0))
    }
  }
}
