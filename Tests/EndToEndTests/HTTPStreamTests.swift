import Foundation
import Testing

extension EndToEnd {
  /// Connections that carry one message after the other, bodies of any size, and tunnels.
  @Suite struct HTTPStreams {
    let site: Site

    init() throws { site = try Site() }

    private let mebibyte = 1 << 20

    // MARK: Connections

    @Test(arguments: [
      ("1.0", "", nil as String?, false), ("1.0", "Connection: keep-alive\r\n", "keep-alive", true),
      ("1.1", "", nil, true),
      ("1.1", "Connection: close\r\n", "close", false),
    ])
    func connectionsAreKeptWhereTheyMayBe(version: String, field: String, said: String?, isKept: Bool) throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      for number in 1...3 {
        try client.send("GET /\(number) HTTP/\(version)\r\nHost: a.example\r\n\(field)\r\n")
        let answer = try client.response()
        #expect(answer.text == "a /\(number)")
        #expect(answer["Connection"] == (version == "1.0" && !isKept ? "close" : said))
        if !isKept { return try client.expectEnd() }
      }
    }

    /// HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
    @Test func chunksBecomeABodyThatHTTP10Understands() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\n\r\n")
      let answer = try client.response()
      #expect(answer.text == "body" && answer["Transfer-Encoding"] == nil && answer["Connection"] == "close")
    }

    @Test func pipelinedRequestsAreAnsweredInTheirOrder() throws {
      let scribes = try [site.scribe("a"), site.scribe("b"), site.scribe("c")]
      _ = try site.balancer(site.http(scribes.map(\.json)))
      let client = try site.wire()
      let count = 300
      var requests = ""
      for number in 0..<count {
        requests +=
          number.isMultiple(of: 3)
          ? "POST /\(number) HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
          : "GET /\(number) HTTP/1.1\r\nHost: a.example\r\n\r\n"
      }
      try client.send(requests)
      for number in 0..<count {
        let answer = try client.response()
        #expect(answer.text == "\(["a", "b", "c"][number % 3]) /\(number)")
      }
      #expect(!client.hasNews)
    }

    /// Behind `Connection: close` nothing is looked at.
    @Test func nothingIsDoneBehindClose() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let client = try site.wire()
      try client.send(
        "GET /1 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try client.response().text == "a /1")
      try client.expectEnd()
      #expect(try site.wire().get("/3").status == 200)
      #expect(scribe.take().map(\.firstLine) == ["GET /1 HTTP/1.1", "GET /3 HTTP/1.1"])
    }

    /// Whoever has said all and closes its side still gets the answer.
    @Test func aClientThatHasFinishedSendingIsAnswered() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      try client.socket.finishSending()
      let (server, _) = try backend.request()
      // The second waits here: who has two of them might lose both.
      #expect(!server.hasNews)
      try server.answer("200 OK", "one")
      #expect(try client.response().text == "one")
      #expect(try server.request()?.firstLine == "GET /2 HTTP/1.1")
      try server.answer("200 OK", "two")
      #expect(try client.response().text == "two")
      try client.expectEnd()
    }

    // MARK: Trailers

    @Test func trailersArePassedOnBothWays() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      // Where Connection names fields, a trailer could be meant: then all of them stay behind.
      for (connection, expected) in [("TE", ["X: y", "Z: w"]), ("TE, x", [])] {
        try client.send(
          """
          POST /1 HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: \(connection)\r
          Trailer: X, Z\r\nTransfer-Encoding: chunked\r\n\r
          4\r\nbody\r\n0\r\nX: y\r\nContent-Length: 9\r\nZ: w\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n
          """)
        let (server, request) = try backend.request()
        #expect(request.trailers == expected && request.text == "body")
        #expect(request["TE"] == "trailers")
        let fields = connection == "TE" ? "Connection: close" : "Connection: close, x"
        try server.send(
          "HTTP/1.1 200 OK\r\n\(fields)\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\nZ: w\r\n\r\n"
        )
        let answer = try client.response()
        #expect(answer.trailers == expected && answer.text == "body")
      }
    }

    // MARK: Tunnels

    private let upgrade = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\n\r\n"
    private let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\n\r\n"

    /// Connects both ends of a tunnel.
    private func tunnel(_ backend: HandBackend) throws -> (client: Wire, server: Wire) {
      let client = try site.wire()
      try client.send(upgrade)
      let (server, request) = try backend.request()
      #expect(request["Upgrade"] == "foo/2" && request["Connection"] == "Upgrade")
      try server.send(switching)
      #expect(try client.response().status == 101)
      return (client, server)
    }

    @Test func whatAClosedSideOfATunnelHasSaidArrives() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let bytes = ByteStream(seed: 11)
      let (client, server) = try tunnel(backend)
      // The backend says much and goes; the client reads late, and may still speak.
      let sender = BackgroundThread {
        try? bytes.send(to: 4 << 20, on: server.socket)
        try? server.socket.finishSending()
      }
      #expect(try bytes.receive(on: client.socket) == 4 << 20)
      try sender.join()
      try client.send("the last word")
      try client.socket.finishSending()
      #expect(server.rest() == "the last word")
    }

    @Test func aTunnelThatIsSilentEnds() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(
        site.http([backend.json], pool: #""timeouts": { "tunnel": "1s", "server": "50ms", "response": "1s" }"#))
      let (client, server) = try tunnel(backend)
      try client.send("ping")
      #expect(Wire.text(try server.take(4)) == "ping")
      #expect(client.rest() == "")
      #expect(server.rest() == "")
    }

    /// A tunnel is a session: a reload leaves it, and an end waits for it.
    @Test func aTunnelIsDrainedLikeASession() throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json]))
      let (client, server) = try tunnel(backend)
      let mark = try balancer.reload(site.http([site.deadAddress().json]))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      balancer.askToEnd()
      try waitUntil("nobody listens") { (try? Socket(connectingTo: site.front)) == nil }
      try client.send("ping")
      #expect(Wire.text(try server.take(4)) == "ping")
      #expect(balancer.process.hasExited == nil)
      client.close()
      #expect(server.rest() == "")
      server.close()
      #expect(try balancer.waitForExit() == .status(0))
    }

    // MARK: Heads

    /// Heads of every size around what fits before a body, with bodies of each kind: one write or several.
    @Test func largeHeadsPassBothWays() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(
        site.http([backend.json], listener: #""http": { "maxHeader": "1MiB", "maxHeaders": 1000, "requestId": "off" }"#)
      )
      let client = try site.wire()
      var server: Wire?
      for size in [1000, 16_000, 16_300, 16_384, 17_000, 70_000, 255_000] {
        let value = String(repeating: "v", count: size)
        for chunked in [false, true] {
          let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 4"
          let body = chunked ? "4\r\nbody\r\n0\r\n\r\n" : "body"
          try client.send("POST /\(size) HTTP/1.1\r\nHost: a.example\r\nX: \(value)\r\n\(framing)\r\n\r\n\(body)")
          let wire = try server ?? backend.accept()
          server = wire
          let request = try #require(try wire.request())
          #expect(request["X"] == value && request.text == "body")
          // The head first and the body in the same write, then each by itself.
          for parts in [["\(body)"], ["", body]] {
            if parts.count == 2 {
              try client.send("GET /\(size) HTTP/1.1\r\nHost: a.example\r\n\r\n")
              #expect(try wire.request() != nil)
            }
            try wire.send("HTTP/1.1 200 OK\r\nX: \(value)\r\n\(framing)\r\n\r\n\(parts[0])")
            let head = try #require(try client.head())
            #expect(head["X"] == value)
            if parts.count == 2 { try wire.send(parts[1]) }
            #expect(try client.take(until: chunked ? "0\r\n\r\n" : "body") == body)
          }
        }
      }
    }

    @Test func aHeadOfABackendHasItsLimit() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try? server.send("HTTP/1.1 200 OK\r\nX: \(String(repeating: "v", count: 300_000))\r\n\r\n")
      #expect(try client.response().status == 502)
      #expect(server.rest() == "")
    }

    // MARK: Bodies

    @Test(arguments: [true, false])
    func sixtyFourMebibytesPassBothWays(chunked: Bool) throws {
      let size = 64 * mebibyte
      let bytes = ByteStream(seed: 7)
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json]))
      let client = try Wire(connectingTo: site.front, receiveBuffer: 65536)
      try client.send("GET /0 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.answer()
      #expect(try client.response().status == 200)
      let before = try balancer.figures.residentBytes
      let length = chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"
      let opening = chunked ? "\(String(size, radix: 16))\r\n" : ""
      let closing = chunked ? "\r\n0\r\n\r\n" : ""

      // Up: the backend does not read, until nothing moves any more.
      let place = Locked(0)
      let sender = BackgroundThread {
        try? client.send("POST /1 HTTP/1.1\r\nHost: a.example\r\n\(length)\r\n\r\n\(opening)")
        try? bytes.send(to: size, on: client.socket) { reached in place.withLock { $0 = reached } }
        try? client.send(closing)
      }
      let head = try #require(try server.head())
      try waitUntilStill("the client is stopped") { place.current }
      #expect(place.current < size / 2)
      var growth = try balancer.figures.residentBytes - before
      #expect(growth < 4 * mebibyte, "\(growth / 1024) KiB for a request that stands still")
      #expect(try server.receive(bytes, size, isChunked: head["Content-Length"] == nil) == size)
      try sender.join(within: .seconds(60))

      // Down: the client does not read.
      place.withLock { $0 = 0 }
      let answerer = BackgroundThread {
        try? server.send("HTTP/1.1 200 OK\r\n\(length)\r\n\r\n\(opening)")
        try? bytes.send(to: size, on: server.socket) { reached in place.withLock { $0 = reached } }
        try? server.send(closing)
      }
      let answer = try #require(try client.head())
      try waitUntilStill("the backend is stopped") { place.current }
      #expect(place.current < size / 2)
      growth = try balancer.figures.residentBytes - before
      #expect(growth < 4 * mebibyte, "\(growth / 1024) KiB for a response that stands still")
      #expect(try client.receive(bytes, size, isChunked: answer["Content-Length"] == nil) == size)
      try answerer.join(within: .seconds(60))
    }

    /// Whatever a backend says goes on at once: server-sent events, long polling.
    @Test func eventsAreNotHeldBack() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], listener: #""http": { "compression": { "minimum": 1 } }"#))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
      #expect(try client.head()?["Content-Type"] == "text/event-stream")
      for number in 1...5 {
        try server.send("9\r\ndata: \(number)\n\n\r\n")
        #expect(try client.take(until: "data: \(number)\n\n") != nil)
      }
    }
  }
}

extension Wire {
  /// Reads a body that is a stream of bytes, and its end.
  fileprivate func receive(_ bytes: ByteStream, _ size: Int, isChunked: Bool) throws -> Int {
    guard isChunked else { return try bytes.receive(self, to: size) }
    var place = 0
    while let line = try take(until: "\r\n"), let length = Int(line.prefix { $0.isHexDigit }, radix: 16), length > 0 {
      place = try bytes.receive(self, from: place, to: place + length)
      _ = try take(2)
    }
    _ = try take(2)
    return place
  }
}

extension ByteStream {
  /// Receives the bytes from `start` to `end` from a connection that may have read some of them.
  fileprivate func receive(_ wire: Wire, from start: Int = 0, to end: Int) throws -> Int {
    var place = start
    while place < end {
      let part = try wire.takeSome(atMost: end - place)
      guard matches(part, at: place) else { throw Failure("a wrong byte between \(place) and \(place + part.count)") }
      place += part.count
    }
    return place
  }
}
