import Foundation
import Testing

extension EndToEnd {
  /// Every limit has its status, and what one side sends costs no more than it should.
  @Suite struct HTTPLimits {
    let site: Site

    init() throws { site = try Site() }

    private let mebibyte = 1 << 20

    // MARK: Statuses

    private static let long = String(repeating: "x", count: 3000)

    @Test(arguments: [
      (400, "GET / HTTP/1.1\r\n\r\n"), (400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
      (408, "GET / HTTP/1.1\r\nHost: a\r\n"),
      (408, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc"),
      (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n"),
      (
        413,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" + String(repeating: "x", count: 1025)
      ),
      (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n"),
      (414, "GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n"), (414, "GET /\(long)"),
      (417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n"),
      (431, "GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n"), (431, "GET / HTTP/1.1\r\nHost: a\r\nX: \(long)"),
      (431, "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 10))\r\n"),
      (
        431,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(String(repeating: "X: y\r\n", count: 11))"
      ),
      (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
      (505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
    ])
    func everyLimitHasItsStatus(status: Int, request: String) throws {
      let backend = try site.backend("") { connection in _ = try connection.receiveAll() }
      try "page of \(status)\n".write(
        toFile: "\(site.folder.path)/page.html", atomically: true, encoding: .utf8)
      let patience = status == 408 ? "1s" : "20s"
      for page in ["", #", "errorPages": { "\#(status)": "page.html" }"#] {
        let balancer = try site.balancer(
          site.http(
            [backend.json],
            listener: """
              "http": { "maxHeader": "2KiB", "maxHeaders": 10, "maxBody": "1KiB"\(page) },
              "timeouts": { "request": "\(patience)", "body": "\(patience)" }
              """))
        let client = try site.wire()
        try client.send(request)
        let answer = try client.response()
        #expect(answer.status == status)
        #expect(answer["Connection"] == "close" || status == 400 && request.contains("%00"))
        // Nothing that tells an attacker what is behind it or who said it.
        #expect(answer["Server"] == nil && !answer.description.lowercased().contains("balancer"))
        #expect(!answer.text.contains("127.0.0.1"))
        #expect((answer.text == "page of \(status)\n") == !page.isEmpty)
        if !request.contains("%00") { try client.expectEnd() }
        balancer.askToEnd(SIGKILL)
        _ = try balancer.waitForExit()
      }
    }

    // MARK: Costs

    /// What hostile clients send in ten kilobytes, and stay.
    private static let requests: [(name: String, bytes: String)] = {
      let head = "GET / HTTP/1.1\r\nHost: a\r\n"
      let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      func fill(_ start: String, _ part: String) -> String {
        start + String(repeating: part, count: (10_240 - start.utf8.count) / part.utf8.count)
      }
      return [
        ("half a head", fill(head + "X: ", "x")),
        ("many fields", head + String(repeating: "X: y\r\n", count: 98)),
        ("tiny chunks", fill(chunked, "1\r\nx\r\n")), ("a chunk size of zeros", fill(chunked, "1\r\nx\r\n") + "000000"),
        ("extensions", chunked + fill("1;", "x")),
        ("trailers", String(fill(chunked + "0\r\n", "Xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: y\r\n").prefix(3000))),
        ("pipelined requests", fill("", head + "\r\n")),
        ("half a pipelined request", head + "\r\n" + fill(head + "X: ", "x")),
        ("an upgrade", fill(head + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "x")),
        ("a body", fill("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "x")),
        (
          "options of Connection",
          head + "Connection: " + Array(repeating: "x", count: 32).joined(separator: ",") + "\r\n\r\n"
        ),
        ("percent", fill("GET /", "%41") + " HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("slashes", fill("GET /", "a/../") + " HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("garbage", fill("", "\u{1}")),
      ]
    }()

    /// What hostile backends send in ten kilobytes, and stay.
    private static let responses: [(name: String, bytes: String)] = {
      let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      func fill(_ start: String, _ part: String) -> String {
        start + String(repeating: part, count: (10_240 - start.utf8.count) / part.utf8.count)
      }
      return [
        ("half a head", fill("HTTP/1.1 200 OK\r\nX: ", "x")),
        ("fields", String(fill("HTTP/1.1 200 OK\r\n", "X: y\r\n").prefix(5000))),
        ("interim responses", fill("", "HTTP/1.1 103 Early Hints\r\n\r\n")),
        ("tiny chunks", fill(chunked, "1\r\nx\r\n")),
        ("extensions", chunked + fill("1;", "x")),
        ("trailers", String(fill(chunked + "0\r\n", "X: y\r\n").prefix(5000))),
        ("a body without end", fill("HTTP/1.1 200 OK\r\n\r\n", "x")), ("responses", fill("", "HTTP/1.1 204 x\r\n\r\n")),
        (
          "compressible",
          fill("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")
        ),
        ("garbage", fill("", "\u{1}")),
      ]
    }()

    private let settings =
      #""http": { "compression": { "minimum": 1 } }, "timeouts": { "request": "1h", "body": "1h" }"#

    /// Memory and turns that `count` connections cost that do as `open` says and then rest.
    private func expectModest(
      _ name: String, _ balancer: BalancerProcess, count: Int = 32, _ open: () throws -> [AnyObject]
    ) throws {
      let before = try balancer.figures.residentBytes
      var held: [[AnyObject]] = []
      for _ in 0..<count { held.append(try open()) }
      // What one of them costs in memory; and that nothing turns while nobody says anything.
      try waitUntilQuiet(balancer, name)
      let growth = try balancer.figures.residentBytes - before
      #expect(growth < count * mebibyte, "\(name): \(growth / count / 1024) KiB for each")
      withExtendedLifetime(held) {}
    }

    /// A busy loop never becomes quiet: the processor time of a tenth of a second is nearly a tenth of a second.
    private func waitUntilQuiet(_ balancer: BalancerProcess, _ name: String) throws {
      try waitUntil("nothing turns after \(name)") {
        let before = try balancer.figures.processorTime
        usleep(30_000)
        return try balancer.figures.processorTime - before < .milliseconds(11)
      }
    }

    @Test func tenKilobytesOfAClientCostLittle() throws {
      let backend = try site.backend("") { connection in _ = try connection.receiveAll(within: .seconds(60)) }
      let balancer = try site.balancer(site.http([backend.json], listener: settings))
      for (name, bytes) in Self.requests {
        try expectModest(name, balancer) {
          let client = try site.wire()
          try? client.send(bytes)
          return [client]
        }
      }
      // And it serves as before.
      #expect(try balancer.figures.processorTime < .seconds(20))
    }

    @Test func tenKilobytesOfABackendCostLittle() throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json], pool: #""retries": 0"#, listener: settings))
      for (name, bytes) in Self.responses {
        try expectModest(name, balancer) {
          let client = try site.wire()
          try client.send("GET / HTTP/1.1\r\nHost: a.example\r\nAccept-Encoding: br, gzip\r\n\r\n")
          let server = try backend.accept()
          _ = try server.request()
          try? server.send(bytes)
          return [client, server]
        }
      }
    }

    /// Byte by byte: each costs a wake-up, and no more than that.
    @Test func aDripCostsItsWakeUps() throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json], listener: settings))
      let client = try site.wire()
      var before = try balancer.figures.processorTime
      let head = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 10_200))\r\n\r\n"
      try client.send(Array(head.utf8), cutAt: 1..<head.utf8.count)
      let (server, request) = try backend.request()
      #expect(request["X"]?.count == 10_200)
      var spent = try balancer.figures.processorTime - before
      // A quarter of a millisecond for each byte is a hundred times too much, and less than its square would be.
      #expect(spent < .milliseconds(2500), "a head byte by byte: \(spent)")

      before = try balancer.figures.processorTime
      let response =
        "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 5000))\r\nTransfer-Encoding: chunked\r\n\r\n"
        + String(repeating: "1\r\nx\r\n", count: 800) + "0\r\n\r\n"
      try server.send(Array(response.utf8), cutAt: 1..<response.utf8.count)
      #expect(try client.response().body.count == 800)
      spent = try balancer.figures.processorTime - before
      #expect(spent < .milliseconds(2500), "a response byte by byte: \(spent)")
    }

    /// Requests that are asked without an end and without reading an answer wait in the sender's own socket.
    @Test func pipeliningWithoutReadingStops() throws {
      let scribe = try site.scribe()
      let balancer = try site.balancer(site.http([scribe.json]))
      let client = try Wire(connectingTo: site.front, receiveBuffer: 4096)
      #expect(try client.get("/0").status == 200)
      let before = try balancer.figures.residentBytes
      let sent = Locked(0)
      let sender = BackgroundThread {
        let requests = Array(String(repeating: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000).utf8)
        while (try? client.socket.send(requests, within: .seconds(600))) != nil {
          sent.withLock { $0 += requests.count }
        }
      }
      try waitUntilStill("the client is stopped") { sent.current }
      let growth = try balancer.figures.residentBytes - before
      #expect(growth < 4 * mebibyte, "\(growth / 1024) KiB for requests without an end")
      client.socket.interrupt()
      try sender.join()
    }

    /// A client that asks without an end, and reads all the answers, leaves the others of its worker their turns.
    @Test func aFloodOfRequestsLeavesOthersTheirTurns() throws {
      _ = try site.balancer(
        site.http(
          [site.deadAddress().json],
          listener: #""routes": [{ "match": {}, "respond": { "status": 200, "body": "here" } }]"#))
      let flood = try site.wire()
      let sender = BackgroundThread {
        let requests = Array(String(repeating: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000).utf8)
        while (try? flood.send(requests)) != nil {}
      }
      let reader = BackgroundThread { while (try? flood.takeSome(atMost: 65536)) != nil {} }
      let others = try (0..<3).map { _ in try site.wire() }
      for round in 0..<20 {
        for client in others { #expect(try client.get("/\(round)").text == "here") }
      }
      flood.socket.interrupt()
      try sender.join()
      try reader.join()
    }

    @Test func tooManyInterimResponsesAreRefused() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.send(String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 17))
      #expect(try client.responses().final.status == 502)
      try server.expectEnd()
    }
  }
}
