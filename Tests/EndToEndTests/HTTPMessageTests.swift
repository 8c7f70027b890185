import Foundation
import Testing

extension EndToEnd {
  /// What a request and its response are to both sides, message by message.
  @Suite struct HTTPMessages {
    let site: Site

    init() throws { site = try Site() }

    private let mebibyte = 1 << 20

    // MARK: Answers before the end of the request

    /// Who still sends when the answer is there must be able to read it: a connection that is closed under its data would be
    /// reset, and the answer lost.
    @Test(arguments: [1, 64])
    func anEarlyAnswerReachesAClientThatStillSends(mebibytes: Int) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: \(100 * mebibyte)\r\n\r\nbegin")
      let server = try backend.accept()
      #expect(try server.take(until: "begin") != nil)
      try server.answer("413 Content Too Large", "too much")
      // Our end of it is known to the backend before the client goes on.
      _ = server.rest()
      for _ in 0..<16 * mebibytes { try client.send([UInt8](repeating: 7, count: 65536)) }
      let answer = try client.response()
      #expect(answer.status == 413 && answer.text == "too much")
      #expect(answer["Connection"] == "close")
      try client.expectEnd()
    }

    @Test(arguments: [
      ("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\n", 413),
      ("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +1\r\n\r\n", 400),
      ("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000\r\nExpect: x\r\n\r\n", 417),
      ("POST /no HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000\r\n\r\n", 403),
    ])
    func aRefusalReachesAClientThatStillSends(request: String, status: Int) throws {
      _ = try site.balancer(
        site.http(
          [site.deadAddress().json],
          listener: """
            "http": { "maxBody": "10KiB" },
            "routes": [{ "match": { "path": "/no" }, "respond": { "status": 403, "body": "no" } }]
            """))
      let client = try site.wire()
      try client.send(request)
      // The answer is on its way when its first byte is there.
      #expect(try client.take(until: "HTTP/1.1 ") != nil)
      for _ in 0..<320 { try client.send([UInt8](repeating: 7, count: 65536)) }
      let answer = client.rest()
      #expect(answer.hasPrefix("\(status) "))
      #expect(answer.contains("Connection: close\r\n"))
    }

    /// A backend may answer while it still reads: both go on at once.
    @Test func aRequestAndItsResponseFlowTogether() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
      let server = try backend.accept()
      _ = try server.head()
      try server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      #expect(try client.head()?.status == 200)
      for _ in 0..<10 {
        try client.send("4\r\nping\r\n")
        #expect(try server.take(until: "ping\r\n") == "4\r\nping\r\n")
        try server.send("4\r\npong\r\n")
        #expect(try client.take(until: "pong\r\n") == "4\r\npong\r\n")
      }
      try client.send("0\r\n\r\n")
      #expect(try server.take(until: "0\r\n\r\n") == "0\r\n\r\n")
      try server.send("0\r\n\r\n")
      #expect(try client.take(until: "0\r\n\r\n") == "0\r\n\r\n")
    }

    // MARK: Expectations and interim responses

    @Test func anExpectationIsPassedOn() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("PUT /1 HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
      let server = try backend.accept()
      #expect(try server.head()?["Expect"] == "100-continue")
      try server.send("HTTP/1.1 100 Continue\r\n\r\n")
      #expect(try client.response().status == 100)
      try client.send("body")
      #expect(Wire.text(try server.take(4)) == "body")
      try server.answer("201 Created")
      #expect(try client.response().status == 201)
      // And the connections go on.
      try client.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try server.request()?.firstLine == "GET /2 HTTP/1.1")
    }

    /// A final status instead of 100: the client may leave the body out, so the connection has to end.
    @Test func anExpectationMayBeDeclined() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("PUT /1 HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
      let server = try backend.accept()
      _ = try server.head()
      try server.answer("403 Forbidden", "no")
      let answer = try client.response()
      #expect(answer.status == 403 && answer["Connection"] == "close")
      try client.expectEnd()
      try server.expectEnd()
    }

    /// Whoever does not wait for the 100, or gets none, sends the body all the same.
    @Test func nobodyHasToWaitFor100() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("PUT /1 HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody")
      let (server, request) = try backend.request()
      #expect(request.text == "body")
      try server.answer()
      #expect(try client.response().status == 200)
    }

    @Test func interimResponsesArePassedOnInOrder() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      // 100 is for those who asked for it.
      try server.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
      #expect(try client.response().status == 102)
      try server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: x\r\nX: y\r\n\r\n")
      let hints = try client.response()
      #expect(hints.status == 103 && hints["Link"] == "</a>; rel=preload" && hints["X"] == nil)
      try server.answer("200 OK", "at last")
      #expect(try client.response().text == "at last")
      #expect(!client.hasNews)
    }

    @Test func clientsOfHTTP10GetNoInterimResponse() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.0\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
      try server.answer("200 OK", "at last")
      #expect(try client.response().status == 200)
    }

    // MARK: Methods and forms

    @Test func answersToHEADHaveNoContent() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      for fields in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", ""] {
        try client.send("HEAD /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let server = try backend.accept()
        #expect(try server.request()?.firstLine == "HEAD /1 HTTP/1.1")
        try server.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\(fields)\r\n")
        let answer = try client.response(to: "HEAD")
        #expect(answer.status == 200 && answer["Content-Length"] == (fields.hasPrefix("C") ? "5" : nil))
        #expect(!client.hasNews)
      }
      // An answer of our own has none either.
      try client.send("HEAD /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      try backend.accept().socket.reset()
      try backend.accept().socket.reset()
      try backend.accept().socket.reset()
      #expect(try client.response(to: "HEAD").status == 502)
      #expect(!client.hasNews)
    }

    @Test func optionsOfTheServerItself() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      for target in ["*", "http://a.example"] {
        try client.send("OPTIONS \(target) HTTP/1.1\r\nHost: a.example\r\n\r\n")
        #expect(try client.response().status == 200)
      }
      try client.send("OPTIONS /x HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try client.response().status == 200)
      #expect(
        scribe.take().map(\.firstLine) == ["OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1", "OPTIONS /x HTTP/1.1"])
    }

    @Test func whatMayGoNoFurtherIsAnsweredHere() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      try client.send("OPTIONS / HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\n\r\n")
      let answer = try client.response()
      #expect(answer.status == 200 && answer["Content-Length"] == "0" && answer["Allow"]?.contains("OPTIONS") == true)
      try client.send("TRACE / HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\n\r\n")
      let refusal = try client.response()
      #expect(refusal.status == 405 && refusal["Allow"] == answer["Allow"])
      #expect(scribe.take().isEmpty)
      try client.send("OPTIONS / HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 1\r\n\r\n")
      #expect(try client.response().status == 200)
      #expect(scribe.take().map { $0["Max-Forwards"] } == ["0"])
    }

    @Test func allowIsPassedOnAsItIs() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("OPTIONS /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.answer("405 Method Not Allowed", "", "Allow: GET,  PURGE,,X")
      #expect(try client.response().values("Allow") == ["GET,  PURGE,,X"])
    }

    /// A backend sees which representation is current; what it answers in spite of a condition stands.
    @Test func conditionsAndRangesAreForTheBackend() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      let date = "Sun, 06 Nov 1994 08:49:37 GMT"
      let conditions = [
        ("If-Match", "\"a\", W/\"b\""), ("If-None-Match", "\"a\""), ("If-Modified-Since", date),
        ("If-Unmodified-Since", date), ("If-Range", "\"a\""), ("Range", "bytes=0-1, 3-"),
      ]
      for method in ["GET", "OPTIONS"] {
        let fields = conditions.map { "\($0.0): \($0.1)\r\n" }.joined()
        try client.send("\(method) /1 HTTP/1.1\r\nHost: a.example\r\n\(fields)\r\n")
        let (server, request) = try backend.request()
        for (name, value) in conditions { #expect(request.values(name) == [value]) }
        try server.answer("200 OK", "all of it", "ETag: \"a\"", "Last-Modified: \(date)", "Connection: close")
        let answer = try client.response()
        #expect(answer.status == 200 && answer.text == "all of it" && answer["ETag"] == "\"a\"")
      }
    }

    /// What is answered here has no representation that a condition could be about, and a date of its own.
    @Test func answersOfOurOwnHaveADateAndNoConditions() throws {
      _ = try site.balancer(
        site.http(
          [site.deadAddress().json],
          listener: """
            "routes": [
              { "match": { "path": "/text" }, "respond": { "body": "all of it" } },
              { "match": { "path": "/there" }, "redirect": { "to": "/here" } },
              { "match": { "path": "/no" }, "respond": { "status": 404 } }
            ]
            """))
      let client = try site.wire()
      for (path, status) in [("/text", 200), ("/there", 308), ("/no", 404), ("/else", 502)] {
        let answer = try client.get(path, "If-None-Match: *", "If-Match: \"a\"", "Range: bytes=0-1")
        #expect(answer.status == status)
        let dates = answer.values("Date")
        #expect(
          dates.count == 1 && dates[0].wholeMatch(of: /..., \d\d ... \d{4} \d\d:\d\d:\d\d GMT/) != nil, "\(dates)")
        if status == 200 { #expect(answer.text == "all of it") }
      }
    }

    @Test func challengesAndCredentialsAreNotTouched() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      let credentials = "Digest username=\"a\\\"b\",  realm=x,,"
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\nAuthorization: \(credentials)\r\n\r\n")
      let (server, request) = try backend.request()
      #expect(request.values("Authorization") == [credentials])
      let challenges = ["Digest  realm=x , nonce=\"y\"", "Basic realm=\"a, b\""]
      try server.answer(
        "401 Unauthorized", "", "WWW-Authenticate: \(challenges[0])", "www-authenticate: \(challenges[1])")
      #expect(try client.response().values("WWW-Authenticate") == challenges)
    }

    @Test func httpsThatCameInTheClearIsRefused() throws {
      let scribe = try site.scribe()
      let trusting = Address.ipv4(try FreePort.take())
      _ = try site.balancer(
        site.http([scribe.json], listener: "").replacingOccurrences(
          of: #""listeners": {"#,
          with: """
            "listeners": { "inner": { "listen": "\(trusting)", "mode": "http", "pool": "web",
            "trustedProxies": ["127.0.0.1"] },
            """))
      for (address, status) in [(site.front, 421), (trusting, 200)] {
        let client = try Wire(connectingTo: address)
        try client.send("GET https://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n")
        #expect(try client.response().status == status)
      }
      #expect(scribe.take().map(\.firstLine) == ["GET /x HTTP/1.1"])
    }

    // MARK: Via

    @Test func viaTellsOfUsTowardsTheBackend() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      #expect(try client.get("/1")["Via"] == nil)
      #expect(try client.get("/2", "Via: 1.0 fred, 1.1 p.example.net (Apache/1.1)").status == 200)
      try client.send("GET /3 HTTP/1.0\r\n\r\n")
      #expect(try client.response().status == 200)
      #expect(
        scribe.take().map { $0.values("Via") } == [
          ["1.1 balancer"], ["1.0 fred, 1.1 p.example.net (Apache/1.1), 1.1 balancer"], ["1.0 balancer"],
        ])
    }

    /// A pool whose backend is the listener itself: a mistake that must not cost more than a few rounds.
    @Test func aLoopEnds() throws {
      let balancer = try site.balancer(site.http([site.front.json]))
      let client = try site.wire()
      #expect(try client.get("/1").status == 508)
      try balancer.log.waitForLine(containing: "a request came through here 8 times")
      // The client may go on.
      #expect(try client.get("/2").status == 508)
    }
  }
}
