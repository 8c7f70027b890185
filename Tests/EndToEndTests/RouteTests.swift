import Foundation
import Testing

extension EndToEnd {
  /// Every condition and every action of a route, and pools that fail with their answers.
  @Suite struct Routes {
    let site: Site

    init() throws { site = try Site() }

    private func file(_ routes: [String], _ pools: [String], listener: String = "") -> String {
      """
      {
        "listeners": { "web": { "listen": "\(site.front)", "mode": "http", \(listener) "routes": [
          \(routes.joined(separator: ",\n    "))
        ] } },
        "pools": { \(pools.joined(separator: ",\n  ")) },
        "workers": 2
      }
      """
    }

    private static func respond(_ match: String, _ body: String) -> String {
      #"{ "match": { \#(match) }, "respond": { "body": "\#(body)" } }"#
    }

    @Test func everyConditionHolds() throws {
      let echo = try HTTPEcho("web", on: site)
      let conditions = [
        (#""host": "exact.example""#, "exact"), (#""host": ["*.wild.example", "192.0.2.7"]"#, "wild"),
        (#""path": "/path""#, "path"), (#""pathPrefix": "/prefix""#, "prefix"),
        (#""pathRegex": "^/re[0-9]+$""#, "regex"), (#""method": ["DELETE", "PUT"]"#, "method"),
        (#""header": { "X-Exact": "1" }"#, "header"),
        (#""header": { "X-Expression": { "regex": "^a+$" } }"#, "expression"),
        (#""header": { "X-There": { "present": true } }"#, "there"), (#""query": { "q": "a b" }"#, "query"),
        (#""source": ["192.0.2.0/24"]"#, "source"),
        (#""pathPrefix": "/all", "method": ["POST"], "header": { "X-A": { "present": false } }"#, "all"),
      ]
      _ = try site.balancer(
        file(
          conditions.map(Self.respond), [#""web": { "backends": [\#(echo.json)], "health": "off" }"#],
          listener: #""trustedProxies": ["127.0.0.1"],"#))
      let visitor = try HTTPVisitor(site.front)
      /// - Parameter host: in place of the usual one.
      func ask(_ line: String, _ fields: String = "", host: String = "a") throws -> String {
        try visitor.ask(line, fields: fields, host: host).body
      }
      #expect(try ask("GET /", host: "Exact.Example:8080") == "exact")
      #expect(try ask("GET /", host: "a.b.wild.example") == "wild")
      #expect(try ask("GET /", host: "192.0.2.7") == "wild")
      #expect(try ask("GET /p%61th") == "path")
      #expect(try ask("GET /prefix/x/../y") == "prefix")
      #expect(try ask("GET /re17") == "regex")
      #expect(try ask("DELETE /") == "method")
      #expect(try ask("GET /", "X-Exact: 1\r\n") == "header")
      #expect(try ask("GET /", "x-expression: aaa\r\n") == "expression")
      #expect(try ask("GET /", "X-There: whatever\r\n") == "there")
      #expect(try ask("GET /?z=1&q=a+b") == "query")
      #expect(try ask("GET /", "X-Forwarded-For: 192.0.2.9\r\n") == "source")
      #expect(try ask("POST /all/of/it") == "all")
      // And nothing else.
      for (line, fields) in [
        ("GET /path/", ""), ("GET /prefixes", ""), ("GET /re17a", ""), ("GET /", "X-Exact: 2\r\n"),
        ("GET /", "X-Expression: ab\r\n"), ("GET /?q=a", ""), ("GET /", "X-Forwarded-For: 198.51.100.1\r\n"),
        ("POST /all", "X-A: 1\r\n"), ("GET /all", ""),
      ] {
        #expect(try visitor.ask(line, fields: fields).hasPrefix("HTTP/1.1 404 "), "\(line) \(fields)")
      }
      #expect(echo.heard.current.isEmpty)
    }

    @Test func everyActionIsDone() throws {
      let echo = try HTTPEcho("web", on: site)
      let other = try HTTPEcho("other", on: site)
      let silent = try site.backend("") { connection in _ = try connection.receiveAll(within: .seconds(600)) }
      _ = try site.balancer(
        file(
          [
            #"{ "match": { "path": "/respond" }, "respond": { "status": 418, "body": "tea", "headers": { "X-Pot": "1" } } }"#,
            #"{ "match": { "pathPrefix": "/old" }, "redirect": { "to": "https://{host}/new{path}{query}", "status": 307 } }"#,
            #"""
            { "match": { "pathPrefix": "/api" }, "pool": "web", "rewrite": { "prefix": "/v2" }, "host": "backend",
              "requestHeaders": { "set": { "X-Zone": "east" }, "add": { "X-More": "2" }, "remove": ["X-Debug"] },
              "responseHeaders": { "set": { "X-Served": "here" }, "remove": ["Content-Type"] } }
            """#,
            #"""
            { "match": { "pathPrefix": "/text" }, "pool": "web", "host": "www.example:81",
              "rewrite": { "regex": "^/text/(.*)\\.html$", "to": "/$1" } }
            """#,
            #"""
            { "match": { "pathPrefix": "/split" },
              "pool": [{ "pool": "web", "weight": 3 }, { "pool": "other", "weight": 1 }] }
            """#,
            #"{ "match": { "pathPrefix": "/slow" }, "pool": "silent", "timeout": "200ms" }"#,
            #"{ "match": { "pathPrefix": "/limited" }, "pool": "web", "rateLimit": { "rate": "1/h", "burst": 2 } }"#,
          ],
          [
            #""web": { "backends": [\#(echo.json)], "health": "off" }"#,
            #""other": { "backends": [\#(other.json)], "health": "off" }"#,
            #""silent": { "backends": [\#(silent.json)], "health": "off" }"#,
          ]))
      let visitor = try HTTPVisitor(site.front)
      let fixed = try visitor.ask("GET /respond")
      #expect(fixed.hasPrefix("HTTP/1.1 418 ") && fixed.body == "tea" && fixed.fields("X-Pot") == ["1"])
      let moved = try visitor.ask("GET /old/x?y=1")
      #expect(moved.hasPrefix("HTTP/1.1 307 ") && moved.fields("Location") == ["https://a/new/old/x?y=1"])

      let changed = try visitor.ask("GET /api/users?id=7", fields: "X-Debug: 1\r\nX-More: 1\r\nX_Debug: 2\r\n")
      #expect(changed.fields("X-Served") == ["here"])
      let asked = try #require(try echo.wait(for: 1).last)
      #expect(asked.hasPrefix("GET /v2/users?id=7 HTTP/1.1\r\nHost: \(echo.backend.address)\r\n"))
      #expect(asked.fields("X-Zone") == ["east"] && asked.fields("X-More") == ["1", "2"])
      #expect(asked.fields("X-Debug") == [] && asked.fields("X_Debug") == [])

      #expect(try visitor.ask("GET /text/page.html?a").body == "web")
      let rewritten = try #require(try echo.wait(for: 2).last)
      #expect(rewritten.hasPrefix("GET /page?a HTTP/1.1\r\nHost: www.example:81\r\n"))

      var served: [String: Int] = [:]
      for number in 0..<400 { served[try visitor.ask("GET /split/\(number)").body, default: 0] += 1 }
      // Three quarters, give or take seven standard deviations.
      #expect((240...360).contains(served["web"] ?? 0) && served.values.reduce(0, +) == 400)

      #expect(try HTTPVisitor(site.front).ask("GET /slow").hasPrefix("HTTP/1.1 504 "))
      for _ in 0..<2 { #expect(try visitor.ask("GET /limited").body == "web") }
      let refused = try visitor.ask("GET /limited")
      #expect(refused.hasPrefix("HTTP/1.1 429 "))
      let seconds = try #require(refused.fields("Retry-After").first.flatMap { Int($0) })
      #expect((3500...3600).contains(seconds))
    }

    @Test func whoComesWithoutTLSIsSentToIt() throws {
      _ = try site.balancer(
        #"{ "listeners": { "web": { "listen": "\#(site.front)", "mode": "http", "http": { "redirectHTTPS": true } } }, "#
          + #""pools": { "web": { "backends": ["127.0.0.1:1"], "health": "off" } } }"#)
      let visitor = try HTTPVisitor(site.front)
      for (host, target) in [
        ("www.example", "www.example"), ("www.example:8080", "www.example"), ("[::1]:80", "[::1]"),
      ] {
        let answer = try visitor.ask("GET /a/b?c=d", host: host)
        #expect(answer.hasPrefix("HTTP/1.1 308 "))
        #expect(answer.fields("Location") == ["https://\(target)/a/b?c=d"])
      }
      // Without a host there is nowhere to send anybody.
      let client = try site.wire()
      try client.send("GET /a HTTP/1.0\r\n\r\n")
      let answer = try client.response()
      #expect(answer.status == 400 && answer["Location"] == nil)
    }

    /// A backend whose answers are failures, or do not come, is ejected although it can be connected to.
    @Test(arguments: [502, 503, 504, nil] as [Int?])
    func badAnswersEject(status: Int?) throws {
      let good = try HTTPEcho("good", on: site)
      let bad = try site.backend("") { connection in
        let reader = HTTPReader(connection)
        while try reader.message() != nil {
          if let status { try connection.send("HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n") }
        }
      }
      let balancer = try site.balancer(
        file(
          [#"{ "pool": "web" }"#],
          [
            #"""
            "web": { "backends": [{ "name": "bad", "address": "\#(bad.address)" }, \#(good.json)], "health": "off",
              "timeouts": { "response": "\#(status == nil ? "1s" : "60s")" },
              "outlier": { "failures": 3, "window": "1m", "eject": "1m" } }
            """#
          ]))
      let visitor = try HTTPVisitor(site.front)
      var failures = 0
      for _ in 0..<12 {
        let answer = try visitor.ask()
        if !answer.hasPrefix("HTTP/1.1 200 ") {
          failures += 1
          #expect(answer.hasPrefix("HTTP/1.1 \(status ?? 504) "))
        }
        if failures == 3 { break }
      }
      let line = try balancer.log.waitForLine(containing: "web/bad", "EJECTED for 1m")
      #expect(line.contains(status.map { "HTTP status \($0)" } ?? "no response within timeouts.response"))
      try waitUntil("only the other one serves") {
        try (0..<4).allSatisfy { _ in try visitor.ask().body == "good" }
      }
    }

    /// Other failures are the request's, not the backend's.
    @Test func otherAnswersEjectNobody() throws {
      let backends = try [500, 404].map { status in
        try site.backend("") { connection in
          let reader = HTTPReader(connection)
          while try reader.message() != nil {
            try connection.send("HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n")
          }
        }
      }
      let balancer = try site.balancer(
        file(
          [#"{ "pool": "web" }"#],
          [
            #"""
            "web": { "backends": [\#(backends.map(\.json).joined(separator: ", "))], "health": "off",
              "outlier": { "failures": 2, "window": "1m", "eject": "1m" } }
            """#
          ]))
      let visitor = try HTTPVisitor(site.front)
      for number in 0..<12 {
        #expect(try visitor.ask().hasPrefix("HTTP/1.1 \([500, 404][number % 2]) "))
      }
      #expect(!balancer.log.all.contains { $0.contains("EJECTED") })
    }
  }
}
