import Foundation
import Testing

extension EndToEnd {
  /// Who may ask the admin server, and what it costs when somebody means it ill.
  @Suite struct AdminGuard {
    let site: Site
    let admin: AdminSite

    init() throws {
      site = try Site()
      admin = try AdminSite()
    }

    private func balancer(_ keys: String = "") throws -> BalancerProcess {
      let backend = try site.backend("a")
      return try site.balancer(site.configuration([backend.json(#""name": "a""#)], top: admin.json(keys)))
    }

    private let json = ["Content-Type: application/json"]

    /// Every code of docs/admin-api.md that a request alone brings about.
    @Test func everyErrorHasItsCode() throws {
      _ = try balancer()
      let drain = "/v1/pools/web/backends/a/drain"
      let weight = "/v1/pools/web/backends/a/weight"
      let cases: [(String, String, [String], String?, Int, String)] = [
        ("GET", "/v2/status", [], nil, 404, "not-found"),
        ("GET", "/v1/status/", [], nil, 404, "not-found"),
        ("GET", "/v1/../v1/status", [], nil, 404, "not-found"),
        ("GET", "/v1/%zz", [], nil, 400, "bad-request"),
        ("GET", "/v1/%ff", [], nil, 400, "bad-request"),
        ("GET", "/v1/status%00", [], nil, 400, "bad-request"),
        ("POST", "/v1/status", json, nil, 405, "method-not-allowed"),
        ("OPTIONS", drain, [], nil, 405, "method-not-allowed"),
        ("GET", drain, [], nil, 405, "method-not-allowed"),
        ("POST", "/v1/pools/wep/backends/a/drain", json, nil, 404, "not-found"),
        ("POST", "/v1/pools/web/backends/b/drain", json, nil, 404, "not-found"),
        ("POST", drain, [], nil, 415, "unsupported-type"),
        ("POST", drain, ["Content-Type: application/x-www-form-urlencoded"], "a=b", 415, "unsupported-type"),
        ("POST", drain, ["Content-Type: text/plain"], "{}", 415, "unsupported-type"),
        ("PUT", weight, json, "{", 400, "bad-request"),
        ("PUT", weight, json, nil, 400, "bad-request"),
        ("PUT", weight, json, "{}", 422, "invalid"),
        ("PUT", weight, json, #"{ "weight": 257 }"#, 422, "invalid"),
        ("PUT", weight, json, #"{ "weight": -1 }"#, 422, "invalid"),
        ("PUT", weight, json, #"{ "weight": "3" }"#, 422, "invalid"),
        ("PUT", weight, json, #"{ "weight": 1.5 }"#, 422, "invalid"),
        ("GET", "/v1/status", ["Fold: a", " b"], nil, 400, "bad-request"),
        ("GET", "/v1/status", ["Long: " + String(repeating: "x", count: 40_000)], nil, 431, "head-too-large"),
      ]
      for (method, path, fields, body, status, code) in cases {
        let answer = try admin.client().ask(method, path, fields, body: body)
        #expect(
          answer.status == status && answer.code == code, "\(method) \(path) \(fields.map { $0.prefix(40) }): \(answer)"
        )
        #expect(answer.fields["content-type"] == "application/json")
        #expect(answer.fields["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
        if status == 405 { #expect(answer.fields["allow"] != nil) }
      }
      // With a hint where one is near.
      #expect(
        try admin.change("POST", "/v1/pools/wbe/backends/a/drain").body.contains(#"did you mean \"web\"?"#))
      #expect(try admin.backend("a")["override"] is NSNull)
    }

    /// A page of somebody else that has its own name lead to this address.
    @Test func anotherNameIsMisdirected() throws {
      _ = try balancer()
      for host in ["attacker.example", "attacker.example:9900", "127.0.0.2", "localhost.attacker.example", "10.0.0.1"] {
        let answer = try admin.client().ask("GET", "/v1/status", host: host)
        #expect(answer.status == 421 && answer.code == "misdirected", "\(host): \(answer)")
      }
      #expect(try admin.client().ask("GET", "/", host: "attacker.example").status == 421)
      for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9900", ProcessInfo.processInfo.hostName] {
        #expect(try admin.client().ask("GET", "/v1/status", host: host).status == 200, "\(host)")
      }
      let client = try admin.client()
      try client.socket.send("GET /v1/status HTTP/1.0\r\n\r\n")
      #expect(try client.receive().status == 421)
    }

    // MARK: Tokens

    @Test func withoutTheTokenThereIsOnlyThePage() throws {
      let balancer = try balancer(#""token": "s3cret""#)
      for path in ["/", "/dashboard.css", "/dashboard.js", "/healthz", "/readyz"] {
        #expect(try admin.get(path).status == 200, "\(path)")
      }
      for fields in [
        [], ["Authorization: Bearer s3cre"], ["Authorization: Bearer s3crett"], ["Authorization: Basic s3cret"],
        ["Authorization: Bearer"], ["Authorization: s3cret"], ["Authorization: Bearer S3CRET"],
        ["Authorization: Bearer s3cret", "Authorization: Bearer s3cret"],
      ] {
        let answer = try admin.get("/v1/status", fields)
        #expect(answer.status == 401 && answer.code == "unauthorized", "\(fields)")
        #expect(answer.fields["www-authenticate"] == "Bearer")
      }
      // Nor does anybody learn what there is.
      #expect(try admin.get("/v1/nothing").status == 401)
      #expect(try admin.change("POST", "/v1/reload").status == 401)
      #expect(try admin.get("/v1/status", ["Authorization: Bearer s3cret"]).status == 200)
      #expect(try admin.get("/v1/status", ["authorization: bearer  s3cret"]).status == 200)
      #expect(!balancer.log.all.contains { $0.contains("s3cret") })
    }

    @Test func theTokenOfAFileIsReadAnewByAReload() throws {
      let token = site.folder.appendingPathComponent("token")
      try "first\n".write(to: token, atomically: true, encoding: .utf8)
      let backend = try site.backend("a")
      let configuration = site.configuration([backend.json], top: admin.json(#""tokenFile": "token""#))
      let balancer = try site.balancer(configuration)
      let client = try admin.client()
      #expect(try client.ask("GET", "/v1/status", ["Authorization: Bearer first"]).status == 200)
      let events = try admin.events("/v1/events", ["Authorization: Bearer first"])
      try "second".write(to: token, atomically: true, encoding: .utf8)
      let answer = try admin.change("POST", "/v1/reload", nil, ["Authorization: Bearer first"])
      #expect(try answer.status == 200 && answer.json["result"] as? String == "done", "\(answer)")
      #expect(try admin.get("/v1/status", ["Authorization: Bearer first"]).status == 401)
      #expect(try admin.get("/v1/status", ["Authorization: Bearer second"]).status == 200)
      // Whoever was let in by the old one is out.
      #expect(throws: (any Error).self) { while true { _ = try events.event() } }
      #expect(try client.socket.waitForEnd() == .finished)
      // Every user of the machine might read it.
      #expect(balancer.log.all.contains { $0.contains("warning: admin.tokenFile") && $0.contains("chmod 600") })
      #expect(chmod(token.path, 0o600) == 0)
      let quiet = try admin.change("POST", "/v1/check", configuration, ["Authorization: Bearer second"])
      #expect(try quiet.json["warnings"] as? [String] == [], "\(quiet)")

      try "".write(to: token, atomically: true, encoding: .utf8)
      let refused = try admin.change("POST", "/v1/reload", nil, ["Authorization: Bearer second"])
      #expect(refused.status == 422 && refused.body.contains("admin.tokenFile"))
    }

    @Test func onlyTheAllowedMayConnect() throws {
      let balancer = try balancer(#""allow": ["192.0.2.0/24"]"#)
      let client = try admin.client()
      #expect(throws: (any Error).self) { try client.ask("GET", "/healthz") }
      try balancer.log.waitForLine(containing: "127.0.0.1 is not among admin.allow")
    }

    // MARK: Addresses

    @Test func aUnixSocketIsForItsOwnerAndGoesWithTheProgram() throws {
      let path = site.folder.appendingPathComponent("admin.sock").path
      let admin = try AdminSite(.unix(path))
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json], top: admin.json()))
      #expect(try admin.get("/v1/status").status == 200)
      // Whatever name: no browser gets there.
      #expect(try admin.client().ask("GET", "/v1/status", host: "whatever").status == 200)
      var status = stat()
      #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
      _ = try admin.change("POST", "/v1/reload")
      balancer.askToEnd()
      #expect(try balancer.waitForExit() == .status(0))
      #expect(lstat(path, &status) != 0)
    }

    @Test func allAddressesNeedATokenAndKnowTheirOwn() throws {
      let port = try FreePort.take()
      let backend = try site.backend("a")
      func file(_ keys: String) -> String {
        site.configuration([backend.json], top: #""admin": { "listen": ":\#(port)"\#(keys) }"#)
      }
      let run = try ChildProcess.run(BalancerProcess.command(file(""), in: site.folder))
      #expect(run.exit == .status(78))
      #expect(run.errors.contains("balancer.json:4:") && run.errors.contains("admin.listen: :\(port) can be reached"))

      _ = try site.balancer(file(#", "token": "s3cret""#))
      let token = ["Authorization: Bearer s3cret"]
      for (address, own, other) in [
        (Address.ipv4(port), "127.0.0.1", "[::1]"), (.ipv6(port), "[::1]:\(port)", "127.0.0.1"),
      ] {
        func status(_ host: String) throws -> Int {
          try AdminClient(address).ask("GET", "/v1/status", token, host: host).status
        }
        #expect(try status(own) == 200 && status("localhost") == 200)
        #expect(try status(other) == 421 && status("[2001:db8::1]") == 421)
        #expect(try AdminClient(address).ask("GET", "/v1/status", host: own).status == 401)
      }
    }

    @Test func aReloadMovesAndRemovesTheServer() throws {
      let backend = try site.backend("a")
      let other = try AdminSite()
      let balancer = try site.balancer(site.configuration([backend.json], top: admin.json()))
      try site.configuration([backend.json], top: other.json()).write(
        to: balancer.configurationFile, atomically: true, encoding: .utf8)
      let moved = try admin.change("POST", "/v1/reload")
      #expect(moved.status == 200, "\(moved)")
      #expect(try other.get("/healthz").status == 200)
      try waitUntil("the old address is closed") { (try? admin.client()) == nil }

      try site.configuration([backend.json], top: #""admin": "off""#).write(
        to: balancer.configurationFile, atomically: true, encoding: .utf8)
      #expect(try other.change("POST", "/v1/reload").status == 200)
      try waitUntil("there is none") { (try? other.client()) == nil }
      try balancer.waitUntilReloaded(after: balancer.reload(site.configuration([backend.json], top: admin.json())))
      #expect(try admin.get("/healthz").status == 200)
    }

    @Test func anAddressThatIsTakenIsAnErrorWhereItIsWritten() throws {
      let taken = try ListeningSocket(at: admin.address)
      let backend = try site.backend("a")
      let run = try ChildProcess.run(
        BalancerProcess.command(site.configuration([backend.json], top: admin.json()), in: site.folder))
      #expect(run.exit == .status(69))
      #expect(run.errors.contains("admin: \(admin.address) is taken") && run.errors.contains("EADDRINUSE"))

      // By a reload, too: nothing changes then.
      let balancer = try site.balancer(site.configuration([backend.json]))
      let mark = try balancer.reload(site.configuration([backend.json], top: admin.json()))
      try balancer.log.waitForLine(containing: "is refused", after: mark)
      try balancer.log.waitForLine(containing: "EADDRINUSE", after: mark)
      taken.close()
    }

    /// Many of these programs may run on one machine, and none of them asked for an admin server.
    @Test func theDefaultAddressMayBeTaken() throws {
      let port = Address.ipv4(9900)
      let taken = try? ListeningSocket(at: port)
      let backend = try site.backend("a")
      // In so many words, so that nobody switches it off: "admin" is not in the file.
      let text = "// Nothing of \"admin\" here.\n" + site.configuration([backend.json])
      let balancer = try site.balancer(text)
      let line = try balancer.log.waitForLine(containing: "9900", "EADDRINUSE")
      #expect(line.contains("warning") && line.contains("\"off\"") && line.contains("\"listen\""))
      #expect(try site.visit() == "a")
      guard let taken else { return }
      // By closing alone, a program that another test starts would have it until it is executed.
      taken.interrupt()
      taken.close()
      try balancer.waitUntilReloaded(after: balancer.reload(text))
      try waitUntil("the admin server is there") { (try? AdminSite(port).get("/healthz"))?.status == 200 }
    }

    // MARK: Connections

    @Test func aConnectionServesManyRequests() throws {
      _ = try balancer()
      let client = try admin.client()
      for _ in 0..<20 { #expect(try client.ask("GET", "/healthz").fields["connection"] == nil) }
      #expect(try client.ask("GET", "/nothing").status == 404)
      #expect(try client.ask("POST", "/v1/check", json, body: "{}").status == 422)
      let head = try client.ask("HEAD", "/v1/status")
      #expect(head.status == 200 && Int(head.fields["content-length"] ?? "0") ?? 0 > 100)
      #expect(try client.ask("GET", "/healthz", ["Connection: close"]).fields["connection"] == "close")
      #expect(try client.socket.waitForEnd() == .finished)
    }

    @Test func requestsMayComeInOnePieceOrInMany() throws {
      _ = try balancer()
      let client = try admin.client()
      let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
      let check =
        "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n"
      try client.socket.send(one + one + check + one)
      #expect(try [200, 200, 422, 200] == (0..<4).map { _ in try client.receive().status })
      for byte in (check + one).utf8 { try client.socket.send([byte]) }
      #expect(try [422, 200] == (0..<2).map { _ in try client.receive().status })
      // Whoever says that it is done still gets its answer.
      try client.socket.send(one)
      try client.socket.finishSending()
      #expect(try client.receive().status == 200)
    }

    @Test func aBodyIsAMebibyteAtMost() throws {
      _ = try balancer()
      let largest = "//" + String(repeating: "x", count: (1 << 20) - 2)
      #expect(try admin.change("POST", "/v1/check", largest).status == 422)
      let client = try admin.client()
      try client.socket.send(
        "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n"
      )
      let answer = try client.receive()
      #expect(answer.status == 413 && answer.code == "too-large")
      #expect(try client.socket.waitForEnd() == .finished)

      let chunked = try admin.client()
      try chunked.socket.send(
        "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      )
      // The answer may come before all of it is sent.
      try? chunked.socket.send("200000\r\n" + String(repeating: "x", count: 0x200000) + "\r\n")
      #expect(try chunked.receive().code == "too-large")
    }

    @Test func whatIsNoRequestIsAnsweredAndClosed() throws {
      _ = try balancer()
      for text in ["\u{16}\u{3}\u{1}\u{2}", "nonsense\r\n\r\n", "GET / HTTP/1.1\nHost: localhost\n\n"] {
        let client = try admin.client()
        try client.socket.send(text)
        #expect(try client.receive().code == "bad-request")
        #expect(try client.socket.waitForEnd() == .finished)
      }
    }

    @Test func the65thConnectionWaits() throws {
      _ = try balancer()
      var idle = try (0..<64).map { _ in try admin.client() }
      // All of them are in, and not only in the backlog.
      for client in idle { #expect(try client.ask("GET", "/healthz").status == 200) }
      let late = try admin.client()
      #expect(throws: Failure.self) { try late.ask("GET", "/healthz", within: .milliseconds(300)) }
      idle.removeLast()
      #expect(try late.receive().status == 200)
    }

    /// They share what the control thread is asked for.
    @Test func manyMayWantTheStatusAtOnce() throws {
      _ = try balancer()
      let clients = try (0..<40).map { _ in try admin.client() }
      for _ in 0..<5 {
        for client in clients { try client.socket.send("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n") }
        // One of them has lost interest.
        let gone = try admin.client()
        try gone.socket.send("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        gone.socket.reset()
        for client in clients { #expect(try client.receive().json["state"] as? String == "running") }
      }
    }

    /// Neither a head nor a body that never ends keeps anybody else from being served.
    @Test func aSlowClientIsTimedOut() throws {
      _ = try balancer()
      let (head, body, silent) = (try admin.client(), try admin.client(), try admin.client())
      let events = try admin.events()
      #expect(try events.socket.receiveLine() == ": events" && events.socket.receiveLine() == "")
      try head.socket.send("GET /healthz HTTP/1.1\r\nHost: local")
      try body.socket.send(
        "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
      for _ in 0..<10 { #expect(try admin.get("/healthz").status == 200) }
      for client in [head, body] {
        let answer = try client.receive()
        #expect(answer.status == 408 && answer.code == "timeout")
        #expect(try client.socket.waitForEnd() == .finished)
      }
      #expect(try silent.socket.waitForEnd() == .finished)
      // Streams have a heartbeat instead.
      #expect(try events.socket.receiveLine() == ":")
    }

    /// One that reads events and takes none is closed, and nobody waits for it.
    @Test func aReaderThatTakesNothingIsClosed() throws {
      let balancer = try balancer()
      let slow = try Socket(connectingTo: admin.address, receiveBuffer: 4096)
      try slow.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
      let quick = try admin.events()
      let client = try admin.client()
      // A file with hundreds of mistakes makes a long event.
      let mistakes = (0..<300).map { #""\#($0)": "an unknown key, and a long one at that","# }.joined(separator: "\n")
      try "{ \(mistakes) }".write(to: balancer.configurationFile, atomically: true, encoding: .utf8)
      for _ in 0..<2000 {
        let refused = try client.ask("POST", "/v1/reload", json)
        // The answer has all of them, an event not more than a reader bears.
        #expect(try refused.status == 422 && (refused.json["errors"] as? [String])?.count ?? 0 >= 300)
        #expect(try (quick.event().data["errors"] as? [String])?.last?.hasPrefix("and ") == true)
        var entry = pollfd(fd: slow.descriptor, events: 0, revents: 0)
        // A reset: what it has not taken is thrown away.
        if poll(&entry, 1, 0) > 0, entry.revents & Int16(POLLHUP) != 0 { return }
      }
      Issue.record("it is still there after 2000 events")
    }

    @Test func nothingIsLeftOfAThousandConnections() throws {
      let balancer = try balancer()
      // Before the first: the program learns a moment later that a client has gone.
      let idle = try balancer.figures.sockets
      /// The descriptors after so many, when their sockets are closed.
      func connect(_ count: Int) throws -> Int {
        for round in 0..<count {
          let client = try admin.client()
          switch round % 5 {
          case 0: #expect(try client.ask("GET", "/healthz").status == 200)
          case 1: try client.socket.send("GET /heal")
          case 2: client.socket.reset()
          case 3: try client.socket.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
          default: break
          }
        }
        try waitUntil("all are closed") { try balancer.figures.sockets == idle }
        return try balancer.figures.descriptors
      }
      // What the program's threads open for themselves they may not have yet when it says that it is ready.
      let before = try connect(100)
      #expect(try connect(1000) == before)
      #expect(try admin.get("/healthz").status == 200)
    }

    /// What everybody has at hand.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"))) func curlWorks() throws {
      _ = try balancer(#""token": "s3cret""#)
      func curl(_ arguments: String...) throws -> String {
        let run = try ChildProcess.run(["/usr/bin/curl", "--silent", "--show-error"] + arguments)
        #expect(run.exit == .status(0), "\(run.errors)")
        return run.output
      }
      let token = "Authorization: Bearer s3cret"
      #expect(try curl("http://\(admin.address)/healthz").contains("ok"))
      #expect(try curl("-H", token, "http://\(admin.address)/v1/status").contains("\"state\":\"running\""))
      #expect(
        try curl("-H", token, "--json", "{}", "http://\(admin.address)/v1/pools/web/backends/a/drain").contains(
          "drained"))
      let body = site.folder.appendingPathComponent("body")
      try String(repeating: " ", count: 1 << 20).write(to: body, atomically: true, encoding: .utf8)
      #expect(
        try curl(
          "-H", token, "-H", "Content-Type: application/json", "-H", "Expect: 100-continue", "--data-binary",
          "@\(body.path)", "http://\(admin.address)/v1/check"
        ).contains("\"valid\":false"))
    }
  }
}
