import Foundation
import Testing

extension EndToEnd {
  /// Backends that go, reloads, and the end of the program, while requests are under way.
  @Suite struct HTTPChanges {
    let site: Site

    init() throws { site = try Site() }

    // MARK: Backends that go

    /// Down, drained or gone by a reload: idle connections are closed, requests are finished.
    @Test(arguments: ["down", "drained", "removed"])
    func aBackendThatGoesFinishesItsRequests(how: String) throws {
      let leaving = try site.handBackend()
      let staying = try site.scribe()
      let check = Address.ipv4(try FreePort.take())
      let checked = try site.backend("", at: check)
      let health = #""health": { "interval": "50ms", "fall": 1 }"#
      func configuration(_ leaving: String) -> String {
        """
        {
          "workers": 1,
          "listeners": { "web": { "listen": "\(site.front)", "mode": "http", "pool": "web" } },
          "pools": { "web": { \(health), "backends": [\(leaving){ "address": "\(staying.backend.address)", "backup": true }] } }
        }
        """
      }
      let whole = #"{ "address": "\#(leaving.address)", "check": "\#(check)" }, "#
      let balancer = try site.balancer(configuration(whole))
      try balancer.log.waitForLine(containing: "web/\(leaving.address) UP")
      // Its checks talk to another server, so that only requests come here.
      let clients = try (0..<2).map { _ in try site.wire() }
      var servers: [Wire] = []
      for client in clients {
        try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        servers.append(try leaving.request().wire)
      }
      try servers[0].answer()
      #expect(try clients[0].response().status == 200)

      switch how {
      case "down": checked.close()
      case "drained":
        try balancer.reload(configuration(whole.replacingOccurrences(of: " }, ", with: #", "weight": 0 }, "#)))
      default: try balancer.reload(configuration(""))
      }
      try servers[0].expectEnd()
      // The one under way is finished, and its client served by another from then on.
      try servers[1].answer("200 OK", "the last")
      #expect(try clients[1].response().text == "the last")
      try servers[1].expectEnd()
      #expect(try clients[1].get("/2").text == "a /2")
      #expect(!leaving.hasVisitor)
    }

    @Test(arguments: ["onDown", "onRemove"])
    func aBackendThatGoesCanBeLeftAtOnce(key: String) throws {
      let check = Address.ipv4(try FreePort.take())
      let checked = try site.backend("", at: check)
      let leaving = try site.handBackend()
      let staying = try site.scribe()
      let both = [
        #"{ "address": "\#(leaving.address)", "check": "\#(check)" }"#, staying.backend.json(#""backup": true"#),
      ]
      func file(_ backends: [String]) -> String {
        site.configuration(
          backends, pool: #""health": { "interval": "50ms", "fall": 1 }, "\#(key)": "close""#,
          listener: #""mode": "http""#, top: #""workers": 1"#)
      }
      let balancer = try site.balancer(file(both))
      try balancer.log.waitForLine(containing: "web/\(leaving.address) UP")
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try leaving.request()
      if key == "onDown" { checked.close() } else { try balancer.reload(file([both[1]])) }
      // Nothing was answered, and it may be asked twice.
      #expect(try client.response().text == "a /1")
      try server.expectEnd()
    }

    // MARK: Our own end

    @Test func anEndIsToldAndFinishesWhatIsUnderWay() throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json]))
      let idle = try site.wire()
      try idle.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      try server.answer()
      #expect(try idle.response().status == 200)
      let (busy, streaming) = (try site.wire(), try site.wire())
      try busy.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try server.request() != nil)
      try streaming.send("GET /3 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (stream, _) = try backend.request()
      try stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
      #expect(try streaming.take(until: "half") != nil)

      balancer.askToEnd()
      // Whoever asks for nothing is closed; the others get what they asked for, and are told.
      try idle.expectEnd()
      try server.answer("200 OK", "the last")
      let answer = try busy.response()
      #expect(answer.text == "the last" && answer["Connection"] == "close")
      try busy.expectEnd()
      try stream.send("4\r\nhalf\r\n0\r\n\r\n")
      #expect(streaming.rest().hasSuffix("half\r\n0\r\n\r\n"))
      #expect(try balancer.waitForExit() == .status(0))
    }

    /// Backends that end connections as they like, bodies of all kinds, and the file read again all the while: each client
    /// gets its own answers and no other's.
    @Test func eachGetsItsOwnAnswersWhateverHappens() throws {
      let seed = UInt64.random(in: 0...UInt64.max)
      let backends = try (0..<3).map { number in
        try site.backend("") { connection in
          var random = SeededRandom(seed: seed &+ UInt64(number) << 32 &+ UInt64(connection.descriptor))
          let wire = Wire(connection)
          while let request = try wire.request() {
            let words = request.firstLine.split(separator: " ")
            let isSafe = words[0] == "GET"
            let size = Int(words[1].split(separator: "/")[1]) ?? 0
            let body = words[1] + "/" + String(repeating: "x", count: size) + request.text
            switch random.next() % 10 {
            case 0 where isSafe: return
            case 1 where isSafe: return connection.reset()
            case 2: return try wire.send("HTTP/1.1 200 OK\r\n\r\n\(body)")
            case 3: return try wire.answer("200 OK", body)
            case 4: return try wire.answer("200 OK", body, "Connection: close")
            case 5, 6:
              try wire.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String(body.utf8.count, radix: 16))\r\n")
              try wire.send("\(body)\r\n0\r\n\r\n")
            default: try wire.answer("200 OK", body)
            }
          }
        }
      }
      func configuration(_ queue: Int) -> String {
        site.http(
          backends.map(\.json), pool: #""retries": 10, "retryBudget": 100, "queue": \#(queue)"#, top: #""workers": 2"#)
      }
      let balancer = try site.balancer(configuration(1))
      let front = site.front
      let failures = Locked<[String]>([])
      let clients = (0..<6).map { client in
        BackgroundThread {
          var random = SeededRandom(seed: seed &+ UInt64(client))
          var wire: Wire?
          for round in 0..<100 {
            let isSafe = random.next() % 4 != 0
            let path = "/\(random.next() % 20_000)/\(client)-\(round)"
            do {
              let current = try wire ?? Wire(connectingTo: front)
              wire = current
              let request =
                isSafe
                ? "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n"
                : "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
              try current.send(request)
              let answer = try current.response()
              if answer["Connection"] == "close" { wire = nil }
              // What may not be sent twice has an end where its connection has one.
              if !isSafe, answer.status == 502 { continue }
              guard answer.status == 200, answer.text.hasPrefix(path + "/"), answer.text.hasSuffix("ok") != isSafe
              else {
                throw Failure("\(answer.head)\(answer.text.prefix(100))")
              }
            } catch {
              wire = nil
              failures.withLock { $0.append("\(path): \(error)") }
            }
          }
        }
      }
      for number in 0..<10 {
        let mark = try balancer.reload(configuration(2 + number))
        try balancer.log.waitForLine(containing: "is in force", after: mark)
      }
      for client in clients { try client.join(within: .seconds(60)) }
      #expect(failures.current.isEmpty, "seed \(seed)")
    }

    /// A reload leaves connections and requests alone.
    @Test func aReloadDisturbsNobody() throws {
      let backend = try site.handBackend()
      let balancer = try site.balancer(site.http([backend.json]))
      let client = try site.wire()
      try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      let (server, _) = try backend.request()
      let mark = try balancer.reload(site.http([backend.json], listener: #""http": { "serverHeader": "remove" }"#))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      try server.answer("200 OK", "one")
      #expect(try client.response().text == "one")
      try client.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try server.request()?.firstLine == "GET /2 HTTP/1.1")
      try server.answer("200 OK", "two")
      #expect(try client.response().text == "two")
    }
  }
}
