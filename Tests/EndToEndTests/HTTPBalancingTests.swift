import Foundation
import Testing

extension EndToEnd {
  /// Each request is balanced by itself: over kept connections, with other tries where the RFC allows them.
  @Suite struct HTTPBalancing {
    let site: Site

    init() throws { site = try Site() }

    // MARK: Connections to backends

    @Test func eachRequestOfAConnectionIsBalanced() throws {
      let scribes = try [site.scribe("a"), site.scribe("b"), site.scribe("c")]
      _ = try site.balancer(site.http(scribes.map(\.json)))
      let client = try site.wire()
      for number in 0..<9 { #expect(try client.get("/x").text == "\(["a", "b", "c"][number % 3]) /x") }
      // One connection each carried them.
      for scribe in scribes { #expect(scribe.backend.connections == 1) }
    }

    @Test func theMostRecentlyUsedConnectionIsTaken() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let clients = try (0..<3).map { _ in try site.wire() }
      var servers: [Wire] = []
      for client in clients {
        try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        servers.append(try backend.request().wire)
      }
      for index in [2, 0, 1] {
        try servers[index].answer()
        #expect(try clients[index].response().status == 200)
      }
      for index in [1, 0, 2] {
        try clients[0].send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        #expect(try servers[index].request()?.firstLine == "GET /2 HTTP/1.1")
        try servers[index].answer("200 OK", "", "Connection: close")
        #expect(try clients[0].response().status == 200)
        try servers[index].expectEnd()
      }
    }

    /// Unix sockets on both sides, whose connections are kept as well.
    @Test func unixSocketsCarryRequests() throws {
      let backend = try HandBackend(at: .unix("\(site.folder.path)/backend.sock"))
      let front = Address.unix("\(site.folder.path)/front.sock")
      _ = try site.balancer(
        site.http([backend.json]).replacingOccurrences(of: "\"\(site.front)\"", with: front.json))
      let client = try Wire(connectingTo: front)
      var server: Wire?
      for number in 0..<5 {
        try client.send("GET /\(number) HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let wire = try server ?? backend.accept()
        server = wire
        let request = try #require(try wire.request())
        #expect(request.firstLine == "GET /\(number) HTTP/1.1")
        #expect(request["X-Forwarded-For"] == nil && request["X-Forwarded-Proto"] == "http")
        try wire.answer("200 OK", "\(number)")
        #expect(try client.response().text == "\(number)")
      }
    }

    /// A response that fills a read to its last byte leaves its connection as usable as any other.
    @Test func theSizeOfAResponseDoesNotMatter() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      var server: Wire?
      for size in [65_536, 65_535, 65_537, 131_072] {
        try client.send("GET /\(size) HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let wire = try server ?? backend.accept()
        server = wire
        #expect(try wire.request()?.firstLine == "GET /\(size) HTTP/1.1")
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(size - 100)\r\nX: "
        try wire.send(
          head + String(repeating: "x", count: 100 - head.utf8.count - 4) + "\r\n\r\n"
            + String(repeating: "b", count: size - 100))
        #expect(try client.response().body.count == size - 100)
      }
    }

    /// Who hangs up in the queue leaves no trace there.
    @Test func aClientThatLeavesTheQueueIsForgotten() throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([#"{ "address": "\#(backend.address)", "connections": 1 }"#]))
      let first = try site.wire()
      try first.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      let before = try balancer.figures.sockets
      let leaving = try (0..<5).map { _ in try site.wire() }
      for client in leaving { try client.send("GET /no HTTP/1.1\r\nHost: a.example\r\n\r\n") }
      try waitUntil("they are there") { try balancer.figures.sockets == before + 5 }
      for client in leaving { client.socket.reset() }
      try waitUntil("they are gone") { try balancer.figures.sockets == before }
      let second = try site.wire()
      try second.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      try server.answer()
      #expect(try first.response().status == 200)
      #expect(try server.request()?.firstLine == "GET /2 HTTP/1.1")
      try server.answer()
      #expect(try second.response().status == 200)
    }

    @Test func onlySoManyConnectionsWait() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], pool: #""keepAlive": { "idle": 1 }"#))
      let clients = try (0..<3).map { _ in try site.wire() }
      var servers: [Wire] = []
      for client in clients {
        try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        servers.append(try backend.request().wire)
      }
      for index in 0..<3 {
        try servers[index].answer()
        #expect(try clients[index].response().status == 200)
      }
      // The ones that rested longest went.
      try servers[0].expectEnd()
      try servers[1].expectEnd()
      #expect(!servers[2].hasNews)
    }

    @Test(arguments: [
      (#""keepAlive": { "idle": 0 }"#, 1, true), (#""keepAlive": { "requests": 2 }"#, 2, true),
      (#""keepAlive": { "ttl": "50ms" }"#, 1, false),
    ])
    func aConnectionHasItsLimits(settings: String, count: Int, isTold: Bool) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], pool: settings))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let server = try backend.accept()
      for number in 1...count {
        if number > 1 { try client.send("GET /\(number) HTTP/1.1\r\nHost: a.example\r\n\r\n") }
        let request = try #require(try server.request())
        #expect(request.firstLine == "GET /\(number) HTTP/1.1")
        // Where it is the last for sure, the backend knows, and need not wait for another.
        #expect(request["Connection"] == (isTold && number == count ? "close" : nil))
        try server.answer()
        #expect(try client.response().status == 200)
      }
      try server.expectEnd()
    }

    /// A connection that its backend has closed is noticed before it is used: what may not be sent twice is not lost.
    @Test(arguments: ["GET", "POST"])
    func aClosedConnectionIsNoticed(method: String) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      for number in 0..<50 {
        try client.send("\(method) /\(number) HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\nx")
        let (server, request) = try backend.request()
        #expect(request.firstLine == "\(method) /\(number) HTTP/1.1")
        try server.answer("200 OK", "\(number)")
        // At once behind the answer, sometimes with a reset.
        if number.isMultiple(of: 2) { server.close() } else { server.socket.reset() }
        #expect(try client.response().text == "\(number)")
      }
    }

    // MARK: Other tries

    /// A connection that goes just as it is taken speaks against nobody: the request goes to a new one, if sending it
    /// twice means the same as once.
    @Test(arguments: [
      ("GET", "", true), ("HEAD", "", true), ("OPTIONS", "", true), ("DELETE", "", true),
      ("PUT", "Content-Length: 1\r\n\r\nx", true), ("POST", "Content-Length: 1\r\n\r\nx", false), ("PATCH", "", false),
      ("PURGE", "", false), ("PUT", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", false),
    ])
    func onlyWhatMayBeRepeatedIs(method: String, rest: String, isRepeated: Bool) throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], pool: #""retries": 0"#))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.answer()
      #expect(try client.response().status == 200)
      try client.send("\(method) /2 HTTP/1.1\r\nHost: a.example\r\n\(rest.isEmpty ? "\r\n" : rest)")
      #expect(try server.request()?.firstLine == "\(method) /2 HTTP/1.1")
      server.close()
      if isRepeated {
        let (next, request) = try backend.request()
        #expect(request.firstLine == "\(method) /2 HTTP/1.1")
        #expect(request.text == (method == "PUT" ? "x" : ""))
        try next.answer()
      }
      #expect(try client.response(to: method).status == (isRepeated ? 200 : 502))
      #expect(!backend.hasVisitor)
    }

    /// Nothing was sent: then any request may go elsewhere.
    @Test func aRefusedConnectCostsNobodyAnything() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([site.deadAddress().json, scribe.json]))
      let client = try site.wire()
      for _ in 0..<4 {
        try client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody")
        #expect(try client.response().text == "a /1")
      }
      #expect(scribe.take().map(\.text) == Array(repeating: "body", count: 4))
    }

    @Test func anotherBackendIsTriedWhereNothingWasAnswered() throws {
      let backends = try (0..<3).map { _ in try site.handBackend() }
      _ = try site.balancer(site.http(backends.map(\.json)))
      let client = try site.wire()
      try client.send("PUT /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody")
      for backend in backends.prefix(2) {
        let (server, request) = try backend.request()
        #expect(request.text == "body")
        server.socket.reset()
      }
      let (server, request) = try backends[2].request()
      #expect(request.text == "body")
      try server.answer("200 OK", "third")
      #expect(try client.response().text == "third")
    }

    /// As many tries as `retries` says and no more, the pool's or the route's own.
    @Test(arguments: [
      (#""retries": 1"#, "", 2), (#""retries": 2"#, #""retries": 0, "#, 1), ("", #""retries": 1, "#, 2),
    ])
    func triesHaveALimit(pool: String, route: String, tries: Int) throws {
      let backends = try (0..<3).map { _ in try site.handBackend() }
      _ = try site.balancer(
        site.http(backends.map(\.json), pool: pool, listener: #""routes": [{ \#(route)"pool": "web" }]"#))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      for backend in backends.prefix(tries) { try backend.request().wire.socket.reset() }
      #expect(try client.response().status == 502)
      #expect(!backends[tries].hasVisitor)
    }

    /// Half a head is an answer: whatever it would have become, the request is not sent again.
    @Test func nothingIsRepeatedOnceAnAnswerHasBegun() throws {
      let backends = try (0..<2).map { _ in try site.handBackend() }
      _ = try site.balancer(site.http(backends.map(\.json)))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backends[0].request()
      try server.send("HTTP/1.1 200 OK\r\nContent-")
      server.close()
      #expect(try client.response().status == 502)
      #expect(!backends[1].hasVisitor)
    }

    /// A backend that takes no more of a body may have said why.
    @Test func aRefusalWithinABodyIsHeard() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10000000\r\n\r\nbegin")
      let server = try backend.accept()
      #expect(try server.take(until: "begin") != nil)
      try server.answer("413 Content Too Large", "no")
      // What it has not read makes a reset of this.
      server.close()
      let answer = try client.response()
      #expect(answer.status == 413 && answer.text == "no")
    }

    // MARK: Which error it is

    @Test func failuresAreToldApart() throws {
      let hanging = try site.hangingBackend()
      let silent = try site.handBackend()
      func pool(_ name: String, _ backend: String, _ keys: String = "") -> String {
        #""\#(name)": { "backends": [\#(backend)], "health": "off", "retries": 0\#(keys) }"#
      }
      let names = ["refusing", "hanging", "silent", "drained", "full", "empty"]
      let routes =
        names.map { #"{ "match": { "path": "/\#($0)" }, "pool": "\#($0)" }"# } + [
          #"{ "match": { "path": "/late" }, "pool": "patient", "timeout": "100ms" }"#
        ]
      _ = try site.balancer(
        """
        {
          "workers": 1,
          "listeners": { "web": { "listen": "\(site.front)", "mode": "http", "routes": [\(routes.joined(separator: ", "))] } },
          "pools": {
            \(pool("refusing", site.deadAddress().json)),
            \(pool("hanging", hanging.json, #", "timeouts": { "connect": "100ms" }"#)),
            \(pool("silent", silent.json, #", "timeouts": { "response": "100ms" }"#)),
            \(pool("patient", silent.json)),
            \(pool("drained", #"{ "address": "127.0.0.1:9", "weight": 0 }"#)),
            \(pool("full", #"{ "address": "\#(silent.address)", "connections": 1 }"#, #", "queue": 0"#)),
            \(pool("empty", #"{ "address": "127.0.0.1:9", "connections": 1 }"#))
          }
        }
        """)
      let client = try site.wire()
      let waiting = try site.wire()
      try waiting.send("GET /full HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (held, _) = try silent.request()
      for (path, status) in [
        ("/refusing", 502), ("/hanging", 504), ("/silent", 504), ("/late", 504), ("/drained", 503), ("/full", 503),
        ("/nowhere", 404),
        ("/empty", 502),
      ] {
        let answer = try client.get(path)
        #expect(answer.status == status, "\(path)")
        #expect((answer["Retry-After"] != nil) == (status == 503), "\(path)")
        #expect(answer["Connection"] == nil, "\(path)")
        #expect(!answer.text.contains("127.0.0.1") && !answer.description.lowercased().contains("balancer"), "\(path)")
      }
      try held.answer()
      #expect(try waiting.response().status == 200)
    }
  }
}
