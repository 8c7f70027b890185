import Foundation
import Testing

extension EndToEnd {
  /// Where other proxies have fallen, one test for each.
  @Suite struct HTTPFalls {
    let site: Site

    init() throws { site = try Site() }

    // MARK: Lengths

    /// What copies a body and what counts it must not differ: the bytes behind the length are the next request, even if
    /// they look like a body, and those within it are none, even if they look like a request.
    @Test(arguments: ["10", "0010"])
    func aLengthIsReadOnce(length: String) throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      let inside = "GET /no HT"
      try client.send(
        "POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: \(length)\r\n\r\n\(inside)GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n"
      )
      #expect(try client.response().text == "a /1")
      #expect(try client.response().text == "a /2")
      let seen = scribe.take()
      #expect(seen.map(\.firstLine) == ["POST /1 HTTP/1.1", "GET /2 HTTP/1.1"])
      #expect(seen[0].text == inside)
      #expect(seen[0].values("Content-Length") == ["10"])
    }

    /// The same for chunks, cut so that the sizes come in halves.
    @Test func aChunkSizeIsReadOnce() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      let request = "POST /1 HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
      let body = "0a;x=5\r\nGET /no HT\r\n000\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n"
      try client.send(Array((request + body).utf8), cutAt: [request.utf8.count + 1, request.utf8.count + 2])
      #expect(try client.response().text == "a /1")
      #expect(try client.response().text == "a /2")
      let seen = scribe.take()
      #expect(seen.map(\.firstLine) == ["POST /1 HTTP/1.1", "GET /2 HTTP/1.1"])
      #expect(seen[0].text == "GET /no HT")
    }

    /// An odd name must not end the list of fields: what stands behind it would not be looked at.
    @Test(arguments: ["", " ", "X Y", "X(", "\u{0}", "X\t"])
    func anOddFieldNameEndsNoList(name: String) throws {
      let scribe = try site.scribe()
      let backend = try site.handBackend()
      _ = try site.balancer(
        site.http(
          [scribe.json],
          listener: #""routes": [{ "match": { "pathPrefix": "/hand" }, "pool": "hand" }]"#
        ).replacingOccurrences(
          of: #""pools": {"#, with: #""pools": { "hand": { "backends": [\#(backend.json)], "health": "off" },"#))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\(name): x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
      #expect(try client.response().status == 400)
      try client.expectEnd()
      #expect(scribe.take().isEmpty)
      // Nor in a response: its length would be overlooked.
      let other = try site.wire()
      try other.send("GET /hand HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 200 OK\r\n\(name): x\r\nContent-Length: 4\r\n\r\nbody")
      #expect(try other.response().status == 502)
      try server.expectEnd()
    }

    enum Ending: CaseIterable { case finish, reset, silence }

    /// A body that ends before its length, in every way in which it can end: the client must never take it for whole.
    @Test(
      arguments: ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"], Ending.allCases)
    func aShortResponseIsNeverWhole(response: String, ending: Ending) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], pool: #""timeouts": { "server": "100ms" }"#))
      for version in ["1.0", "1.1"] {
        let client = try site.wire()
        try client.send("GET /1 HTTP/\(version)\r\nHost: a.example\r\n\r\n")
        let (server, _) = try backend.request()
        try server.send("HTTP/1.1 200 OK\r\n\(response)")
        #expect(try client.take(until: "half") != nil)
        switch ending {
        case .finish: server.close()
        case .reset: server.socket.reset()
        case .silence: break
        }
        // With a reset, because for HTTP/1.0 an orderly end of the connection would be an end of the body.
        #expect(!client.rest().contains("0\r\n"))
        if ending == .silence { try server.expectEnd() }
      }
    }

    @Test func aShortResponseOfHTTP10EndsInAReset() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.0\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
      #expect(try client.take(until: "half") != nil)
      server.close()
      #expect(try client.socket.waitForEnd() == .reset)
    }

    /// Half a request is not passed on as a whole one.
    @Test(
      arguments: ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
      [Ending.finish, .reset, .silence])
    func aShortRequestIsNeverWhole(request: String, ending: Ending) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], listener: #""timeouts": { "body": "100ms" }"#))
      let client = try site.wire()
      try client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\n\(request)")
      let server = try backend.accept()
      #expect(try server.take(until: "half") != nil)
      switch ending {
      case .finish: try client.socket.finishSending()
      case .reset: client.socket.reset()
      case .silence:
        #expect(try client.response().status == 408)
        try client.expectEnd()
      }
      let rest = server.rest()
      #expect(rest == "" || rest == "\r\n")
    }

    // MARK: Responses that are not asked for

    /// A response that has more than its length: the rest must not be taken for the next one, however late it comes.
    @Test(arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ])
    func whatIsBehindAResponseIsNotTheNext(response: String) throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json]))
      let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
      for isLate in [false, true] {
        let client = try site.wire()
        try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let (server, _) = try backend.request()
        try server.send(isLate ? response : response + evil)
        #expect(try client.response().status != 502)
        if isLate { try server.send(evil) }
        // It is closed by the time that the next one is asked.
        try server.expectEnd()
        let other = try site.wire()
        try other.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let (next, request) = try backend.request()
        #expect(request.firstLine == "GET /2 HTTP/1.1")
        try next.answer("200 OK", "its own", "Connection: close")
        #expect(try other.response().text == "its own")
      }
      _ = balancer
    }

    /// The body of a response to HEAD.
    @Test func aBodyBehindAnAnswerToHEADIsNotTheNext() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("HEAD /1 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      #expect(try client.response(to: "HEAD")["Content-Length"] == "36")
      try server.expectEnd()
      let (next, request) = try backend.request()
      #expect(request.firstLine == "GET /2 HTTP/1.1")
      try next.answer("200 OK", "its own")
      #expect(try client.response().text == "its own")
    }

    @Test func whatIsSaidWithoutARequestIsNotHeard() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.answer("200 OK", "first")
      #expect(try client.response().text == "first")
      // It says something of its own accord: the connection goes, before anybody asks.
      try server.answer("200 OK", "evil")
      try server.expectEnd()
      try client.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (next, _) = try backend.request()
      try next.answer("200 OK", "its own")
      #expect(try client.response().text == "its own")
    }

    // MARK: Requests' bodies

    /// An answer before the request is through: the rest of the body must not become the next request, on neither side.
    @Test func aBodyThatWasNotReadIsNoRequest() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      let smuggled = "GET /evil HTTP/1.1\r\nHost: a.example\r\n\r\n"
      try client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: \(smuggled.utf8.count + 5)\r\n\r\nbegin")
      let server = try backend.accept()
      #expect(try server.take(until: "begin") != nil)
      try server.answer("200 OK", "early")
      let answer = try client.response()
      #expect(answer.text == "early")
      #expect(answer["Connection"] == "close")
      // The connection to the backend is not used again, and what still comes of the body goes nowhere.
      try server.expectEnd()
      try client.send(smuggled)
      try client.expectEnd()
      let other = try site.wire()
      try other.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (next, request) = try backend.request()
      #expect(request.firstLine == "GET /2 HTTP/1.1")
      try next.answer()
      #expect(try other.response().status == 200)
    }

    // MARK: Tunnels

    private let upgrade = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    /// Until the 101 nothing is a tunnel: what the client says early waits, and is a request if the backend declines.
    @Test func noTunnelOpensBeforeThe101() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send(upgrade + "GET /2 HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n")
      let (server, _) = try backend.request()
      #expect(!server.hasNews)
      try server.answer("426 Upgrade Required", "", "Connection: Upgrade", "Upgrade: foo/2")
      let answer = try client.response()
      #expect(answer.status == 426 && answer["Upgrade"] == "foo/2" && answer["Connection"] == "Upgrade")
      let next = try #require(try server.request())
      #expect(next.firstLine == "GET /2 HTTP/1.1")
      #expect(next.values("X-Forwarded-For") == ["127.0.0.1"])
      try server.answer()
      #expect(try client.response().status == 200)
    }

    @Test func whatWasSaidEarlyBelongsToTheTunnel() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send(upgrade + "early")
      let (server, _) = try backend.request()
      #expect(!server.hasNews)
      try server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
      #expect(try client.response().status == 101)
      #expect(Wire.text(try client.take(5)) == "hello")
      #expect(Wire.text(try server.take(5)) == "early")
    }

    /// A 101 that was not asked for, or to something else than was asked for, opens nothing.
    @Test(arguments: [
      ("", "websocket"), ("Connection: Upgrade\r\nUpgrade: foo\r\n", "websocket"),
      ("Upgrade: websocket\r\n", "websocket"), ("Connection: Upgrade\r\nUpgrade: websocket\r\n", "h2c"),
      ("Connection: Upgrade\r\nUpgrade: websocket\r\n", "websocket, h2c"),
    ])
    func a101ThatWasNotAskedForOpensNothing(fields: String, given: String) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\(fields)\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \(given)\r\n\r\nevil")
      let answer = try client.response()
      #expect(answer.status == 502)
      #expect(!answer.text.contains("evil"))
      try server.expectEnd()
    }

    /// A body and a switch of protocols do not go together: whose would the bytes be?
    @Test func anUpgradeWithABodyIsNone() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send(
        "GET /1 HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nbody"
      )
      let (server, request) = try backend.request()
      #expect(request.text == "body")
      #expect(request["Upgrade"] == nil && request["Connection"] == nil)
      try server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
      #expect(try client.response().status == 502)
      try server.expectEnd()
    }

    @Test(arguments: [
      ("Content-Length: 4\r\n", 400), ("Transfer-Encoding: chunked\r\n", 400), ("Content-Length: 0\r\n", 405),
      ("", 405),
    ])
    func connectIsRefused(fields: String, status: Int) throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      try client.send("CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\(fields)\r\n")
      let answer = try client.response()
      #expect(answer.status == status)
      if status == 400 { try client.expectEnd() }
      #expect(scribe.take().isEmpty)
    }

    @Test func chunksInHTTP10AreRefused() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      try client.send(
        "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n")
      #expect(try client.response().status == 400)
      try client.expectEnd()
      #expect(scribe.take().isEmpty)
    }

    @Test func chunksOfABackendOfHTTP10AreRefused() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n")
      #expect(try client.response().status == 502)
      try server.expectEnd()
    }

    // MARK: Identities

    /// NTLM and Negotiate authenticate the connection: whoever got it next would be that user.
    @Test(arguments: [
      ("", "401 Unauthorized", "WWW-Authenticate: NTLM"), ("", "401 Unauthorized", "www-authenticate: Negotiate abc="),
      ("", "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: NTLM"),
      ("Authorization: Negotiate YII=\r\n", "200 OK", "X: y"), ("authorization: ntlm TlRM\r\n", "200 OK", "X: y"),
    ])
    func aConnectionWithAnIdentityIsNobodyElses(request: String, status: String, fields: String) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\(request)\r\n")
      let (server, _) = try backend.request()
      try server.answer(status, "", fields)
      _ = try client.response()
      try server.expectEnd()
      let other = try site.wire()
      try other.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (next, _) = try backend.request()
      try next.answer()
      #expect(try other.response().status == 200)
    }

    /// Two clients share a connection to a backend where nothing forbids it: with a password the request is meant.
    @Test func aConnectionIsNotOneClients() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let first = try site.wire()
      try first.send("GET /1 HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic YTpi\r\n\r\n")
      let (server, _) = try backend.request()
      try server.answer()
      #expect(try first.response().status == 200)
      let second = try site.wire()
      try second.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let request = try #require(try server.request())
      #expect(request.firstLine == "GET /2 HTTP/1.1")
      #expect(request["Authorization"] == nil)
      try server.answer()
      #expect(try second.response().status == 200)
    }

    /// What tells the backend who is there can neither be removed by naming it in Connection nor be spelled otherwise.
    @Test func identitiesCannotBeForged() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json], listener: #""http": { "forwarded": "both" }"#))
      let client = try site.wire()
      let names = [
        "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "X-Request-ID",
        "Authorization", "Cookie", "Host",
      ]
      let answer = try client.get(
        "/1", "Connection: \(names.joined(separator: ", ")), X-Mine", "Authorization: Basic YTpi", "Cookie: a=b",
        "X-Forwarded-For: 192.0.2.66", "X_Forwarded_For: 192.0.2.66", "X-Forwarded_For: 192.0.2.66",
        "Forwarded: for=192.0.2.66", "X-Real-IP: 192.0.2.66", "X_Real_IP: 192.0.2.66", "X-Forwarded-Server: evil",
        "X-Request-ID: evil", "X_Request_ID: evil", "X-Mine: hop-by-hop", "x-kept: 1")
      #expect(answer.status == 200)
      let request = scribe.take()[0]
      #expect(!request.head.contains("192.0.2.66") && !request.head.contains("evil"), "\(request)")
      #expect(!request.head.contains("hop-by-hop") && request["x-kept"] == "1")
      #expect(request.values("X-Forwarded-For") == ["127.0.0.1"])
      #expect(request.values("Forwarded") == ["for=127.0.0.1;host=a.example;proto=http"])
      #expect(request.values("X-Forwarded-Proto") == ["http"])
      #expect(request.values("X-Forwarded-Host") == ["a.example"])
      #expect(request.values("X-Request-ID").count == 1)
      #expect(request["Authorization"] == "Basic YTpi" && request["Cookie"] == "a=b" && request["Host"] == "a.example")
    }

    // MARK: Routes

    /// Whatever a client writes for a path, the backend is asked for what the router has looked at.
    @Test func theRouterAndTheBackendReadTheSamePath() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(
        site.http(
          [scribe.json],
          listener: #""routes": [{ "match": { "pathPrefix": "/admin" }, "respond": { "status": 403, "body": "no" } }]"#)
      )
      let client = try site.wire()
      for path in [
        "/admin", "/admin/", "/%61dmin", "/adm%69n/x", "//admin", "/./admin", "/x/../admin", "/x/%2e%2e/admin",
        "/x/%2E./admin/y", "/x//../admin", "http://a.example/admin", "http://a.example//x/..//admin", "/admin?x=/..",
        "/x/..//admin/../admin",
      ] {
        #expect(try client.get(path).status == 403, "\(path)")
      }
      for path in [
        "/x/..%2fadmin", "/x%2f../admin", "/x/..%5cadmin", "/%00/admin", "/x/..;/admin", "/..\\admin", "/../admin",
      ] {
        let other = try site.wire()
        let status = try other.get(path).status
        for request in scribe.take() {
          // Where it is passed on, no server can make the other path of it.
          let sent = request.firstLine.lowercased()
          #expect(
            !sent.contains("..") && !sent.contains("%2f") && !sent.contains("%5c") && !sent.contains("//"), "\(sent)")
        }
        #expect([200, 400, 403].contains(status), "\(path): \(status)")
      }
      for (path, sent) in [
        ("/a/./b", "/a/b"), ("/a//b", "/a/b"), ("/a/%62", "/a/b"), ("/x/../adminx?q=%2e", "/adminx?q=%2e"),
        ("/ADMIN", "/ADMIN"),
      ] {
        #expect(try client.get(path).status == 200, "\(path)")
        #expect(scribe.take().map(\.firstLine) == ["GET \(sent) HTTP/1.1"], "\(path)")
      }
    }

    /// One host or a thousand: the same answers.
    @Test(arguments: [1, 7, 8, 9, 64, 65, 1025])
    func theNumberOfHostsChangesNoMatch(count: Int) throws {
      let routes = (0..<count).map { number in
        #"{ "match": { "host": "h\#(number).example", "pathPrefix": "/p" }, "respond": { "status": 200, "body": "\#(number)" } }"#
      }
      let others = #"{ "match": { "host": "*.example" }, "respond": { "status": 200, "body": "any" } }"#
      _ = try site.balancer(
        site.http(
          [site.deadAddress().json], listener: #""routes": [\#((routes + [others]).joined(separator: ", "))]"#))
      let client = try site.wire()
      func ask(_ host: String, _ path: String) throws -> String {
        try client.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        return try client.response().text
      }
      for number in Set([0, count / 2, count - 1]) {
        #expect(try ask("h\(number).example", "/p") == "\(number)")
        #expect(try ask("H\(number).EXAMPLE:80", "/p/x") == "\(number)")
        #expect(try ask("h\(number).example", "/pp") == "any")
      }
      #expect(try ask("h\(count).example", "/p") == "any")
      #expect(try ask("x.h0.example", "/p") == "any")
    }
  }
}
