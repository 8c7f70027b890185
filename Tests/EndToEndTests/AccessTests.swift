import Foundation
import Testing

extension EndToEnd {
  /// Who may connect, how often, and for how long.
  @Suite struct Access {
    let site: Site

    init() throws { site = try Site() }

    /// A client with an address of its own out of 127.0.0.0/8.
    private func connect(from local: String) throws -> Socket { try Socket(connectingTo: site.front, from: local) }

    private func isServed(from local: String) throws -> Bool {
      do { return try connect(from: local).receiveLine() == "a" } catch let failure as SystemFailure
        where failure.number == ECONNRESET || failure.number == EPIPE
      { return false }
    }

    @Test func denyIsReadBeforeAllow() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json],
          listener: #""allow": ["127.0.1.0/24", "127.0.2.1"], "deny": ["127.0.1.128/25", "127.0.2.1"]"#))
      #expect(try isServed(from: "127.0.1.1"))
      #expect(try isServed(from: "127.0.1.127"))
      // First: of those that are refused within a second the log names one.
      #expect(try !isServed(from: "127.0.0.1"))
      try balancer.log.waitForLine(containing: "listener web", "allow and deny", "127.0.0.1")
      #expect(try !isServed(from: "127.0.1.128"))
      #expect(try !isServed(from: "127.0.2.1"))

      // A reload changes it for whoever comes next.
      let open = balancer.log.mark
      try balancer.reload(site.configuration([backend.json]))
      try balancer.log.waitForLine(containing: "is in force", after: open)
      #expect(try isServed(from: "127.0.2.1"))
    }

    @Test func aClientHasSoManyConnectionsAndNoMore() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], listener: #""perClient": { "connections": 3 }"#, top: #""workers": 4"#))
      var held = try (0..<3).map { _ in try connect(from: "127.0.0.5") }
      for client in held { #expect(try client.receiveLine() == "a") }
      for _ in 0..<5 { #expect(try !isServed(from: "127.0.0.5")) }
      try balancer.log.waitForLine(containing: "listener web", "perClient.connections", "127.0.0.5")
      // Others are not concerned.
      #expect(try isServed(from: "127.0.0.6"))

      for _ in 0..<10 {
        held.removeFirst().close()
        try backend.waitForConnections(2)
        var next: Socket?
        try waitUntil("the place of one that left is free") {
          let client = try connect(from: "127.0.0.5")
          guard (try? client.receiveLine()) == "a" else { return false }
          next = client
          return true
        }
        held.append(next!)
        #expect(try !isServed(from: "127.0.0.5"))
      }
    }

    @Test func aClientComesSoOftenAndNoMore() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], listener: #""perClient": { "rate": "5/h" }"#, top: #""workers": 4"#))
      let served = try (0..<20).map { _ in try isServed(from: "127.0.0.7") }
      #expect(served == Array(repeating: true, count: 5) + Array(repeating: false, count: 15))
      try balancer.log.waitForLine(containing: "listener web", "perClient.rate", "127.0.0.7")
      #expect(try isServed(from: "127.0.0.8"))
    }

    /// Who speaks HTTP can be told: 429, and when to come again, instead of a connection that breaks.
    @Test(arguments: ["", #""proxyProtocol": "v1""#])
    func aClientOfHTTPIsToldOfItsLimit(listener: String) throws {
      let scribe = try site.scribe()
      let header = listener.isEmpty ? "" : "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"
      func wire() throws -> Wire {
        let wire = try site.wire()
        try wire.send(header)
        return wire
      }
      func settings(_ perClient: String) -> String {
        site.http(
          [scribe.json], listener: #""perClient": { \#(perClient) }"# + (listener.isEmpty ? "" : ", \(listener)"))
      }
      func expectRefusal(_ seconds: ClosedRange<Int>) throws {
        let client = try wire()
        try client.send("POST /no HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\n")
        let answer = try client.response()
        #expect(answer.status == 429 && answer["Connection"] == "close")
        #expect(answer["Retry-After"].flatMap { Int($0) }.map(seconds.contains) == true, "\(answer.head)")
        try client.expectEnd()
      }

      let balancer = try site.balancer(settings(#""connections": 5"#))
      var held = try (0..<5).map { _ in try wire() }
      for client in held { #expect(try client.get("/yes").status == 200) }
      for _ in 0..<10 { try expectRefusal(1...1) }
      try balancer.log.waitForLine(containing: "listener web", "perClient.connections")
      #expect(scribe.take().map(\.firstLine) == Array(repeating: "GET /yes HTTP/1.1", count: 5))
      // The ones that it has go on, and the place of one that leaves is free.
      for client in held { #expect(try client.get("/yes").status == 200) }
      held.removeLast().close()
      try waitUntil("another one is served") { try wire().get("/yes").status == 200 }

      held = []
      try balancer.waitUntilReloaded(after: balancer.reload(settings(#""rate": "5/h""#)))
      var served = 0
      while served <= 5, try wire().get("/yes").status == 200 { served += 1 }
      #expect(served == 5)
      try expectRefusal(600...720)
      try balancer.log.waitForLine(containing: "listener web", "perClient.rate")
    }

    /// A client of HTTP stays over reloads, and what it counted by may go and come back meanwhile.
    @Test func aLimitThatGoesAndComesBackStillCounts() throws {
      let scribe = try site.scribe()
      let with = site.http([scribe.json], listener: #""perClient": { "connections": 2 }"#)
      let balancer = try site.balancer(with)
      let clients = try (0..<2).map { _ in try site.wire() }
      for file in ["", site.http([scribe.json]), with] {
        if !file.isEmpty { try balancer.waitUntilReloaded(after: balancer.reload(file)) }
        for client in clients { #expect(try client.get("/").status == 200) }
      }
      #expect(try site.wire().get("/").status == 429)
      clients[0].close()
      try waitUntil("its place is free") { try site.wire().get("/").status == 200 }
    }

    /// Who is refused keeps nobody else out: an eighth of the places is for those who are told at most.
    @Test func whoIsToldTakesFewPlaces() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(
        site.http([scribe.json], listener: #""perClient": { "connections": 1 }, "connections": 16"#))
      let first = try site.wire()
      #expect(try first.get("/").status == 200)
      var silent = try (0..<2).map { _ in try site.wire() }
      let third = try site.wire()
      try third.expectEnd()
      try silent[0].send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try silent[0].response().status == 429)
      try silent.removeFirst().expectEnd()
      try waitUntil("another one is told") { (try? site.wire().get("/").status) == 429 }
      withExtendedLifetime(silent) {}
    }

    /// A rate comes back with time.
    @Test func aRateIsRefilled() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([backend.json], listener: #""perClient": { "rate": "2/s" }"#))
      #expect(try isServed(from: "127.0.0.7"))
      #expect(try isServed(from: "127.0.0.7"))
      try waitUntil("another one is served") { try isServed(from: "127.0.0.7") }
    }

    @Test func aSessionHasALongestLife() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([backend.json], listener: #""timeouts": { "session": "1s" }"#))
      let start = ContinuousClock.now
      let (client, name) = try site.session()
      #expect(name == "a")
      // It is as busy as can be.
      var end: Error?
      while end == nil, ContinuousClock.now - start < patience {
        do {
          try client.send("x")
          if try client.receive(1).isEmpty { break }
        } catch { end = error }
      }
      let life = ContinuousClock.now - start
      #expect(life > .milliseconds(700) && life < patience, "\(life)")
      try backend.waitForConnections(0)
    }

    @Test func theBackendSeesTheSourceThatIsAskedFor() throws {
      let backend = try site.backend("", { connection in try connection.send(connection.peerName + "\n") })
      _ = try site.balancer(
        site.configuration([backend.json], pool: #""health": "off", "source": "127.0.0.2""#, top: #""workers": 2"#))
      for _ in 0..<4 { #expect(try site.visit() == "127.0.0.2") }
    }

    static let hasSocketStatistics = (try? ChildProcess.run(["ss", "-V"]).exit) == .status(0)

    /// The timers of the balancer's established sockets to or from a port, as ss(8) tells them.
    private func timers(_ balancer: BalancerProcess, _ filter: String) throws -> [String] {
      try ChildProcess.run(["ss", "-tnpoH", "state", "established", filter]).output.split(separator: "\n")
        .filter { $0.contains("pid=\(balancer.process.pid),") }.map(String.init)
    }

    /// The seconds until the kernel asks the peer of the only such socket; nil when it will not.
    private func keepAlive(_ balancer: BalancerProcess, _ filter: String) throws -> Double? {
      let lines = try timers(balancer, filter)
      guard lines.count == 1 else { throw Failure("one socket with \(filter) expected, found \(lines)") }
      guard let timer = lines[0].firstMatch(of: /timer:\(keepalive,(?:(\d+)min)?(?:([0-9.]+)(ms|sec)?)?,/) else {
        return nil
      }
      let seconds = timer.2.flatMap { Double($0) } ?? 0
      return (timer.1.flatMap { Double($0) } ?? 0) * 60 + (timer.3 == "ms" ? seconds / 1000 : seconds)
    }

    @Test(.enabled(if: hasSocketStatistics, "there is no ss (iproute2)"))
    func theKernelLooksAfterClientsAndBackends() throws {
      let (a, b) = (try site.backend("a"), try site.backend("b"))
      let other = Address.ipv4(try FreePort.take())
      func from(_ address: Address) -> String { "sport = :\(address.port ?? 0)" }
      func to(_ backend: TestBackend) -> String { "dport = :\(backend.address.port ?? 0)" }
      let balancer = try site.balancer(
        """
        {
          "listeners": {
            "off": { "listen": "\(other)", "pool": "off", "tcpKeepAlive": "off" },
            "on": { "listen": "\(site.front)", "pool": "on", "tcpKeepAlive": "40s" }
          },
          "pools": {
            "off": { "backends": [\(a.json)], "health": "off", "tcpKeepAlive": "off" },
            "on": { "backends": [\(b.json)], "health": "off", "tcpKeepAlive": "50s" }
          }
        }
        """)
      let first = try Socket(connectingTo: other)
      #expect(try first.receiveLine() == "a")
      let (second, name) = try site.session()
      #expect(name == "b")
      #expect((1...40).contains(try keepAlive(balancer, from(site.front)) ?? 0))
      // Only sessions that live for a while have it towards their backend.
      try waitUntil("the backend is looked after") { try keepAlive(balancer, to(b)) != nil }
      #expect((1...50).contains(try keepAlive(balancer, to(b)) ?? 0))
      // The other session is older.
      #expect(try keepAlive(balancer, from(other)) == nil)
      #expect(try keepAlive(balancer, to(a)) == nil)
      withExtendedLifetime((first, second)) {}
    }

    @Test func sessionsOfARemovedBackendAreClosedWhereItIsAsked() throws {
      let (a, b) = (try site.backend("a"), try site.backend("b"))
      let pool = #""health": "off", "onRemove": "close""#
      let balancer = try site.balancer(site.configuration([a.json, b.json], pool: pool))
      var sessions = try (0..<4).map { _ in try site.session() }
      #expect(sessions.count { $0.backend == "a" } == 2)
      try balancer.reload(site.configuration([b.json], pool: pool))
      for session in sessions where session.backend == "a" { _ = try session.socket.waitForEnd() }
      try a.waitForConnections(0)
      sessions.removeAll { $0.backend == "a" }
      for session in sessions {
        try session.socket.send("still here\n")
        #expect(try session.socket.receiveLine() == "still here")
      }
    }

    /// What the machine lacks is said at the start, and connections go on without it.
    @Test func whatTheKernelLacksIsWarnedOf() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], listener: #""fastOpen": true, "mptcp": true"#))
      let flags = try String(contentsOfFile: "/proc/sys/net/ipv4/tcp_fastopen", encoding: .utf8)
      let offersFastOpen = (Int(flags.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) & 2 != 0
      let multipath = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 262)
      defer { if multipath >= 0 { close(multipath) } }
      #expect(balancer.log.all.contains { $0.contains("listeners.web.fastOpen") } == !offersFastOpen)
      #expect(balancer.log.all.contains { $0.contains("listeners.web.mptcp") } == (multipath < 0))
      #expect(try site.visit() == "a")
    }

    @Test func aRangeOfPortsIsServed() throws {
      let backend = try site.backend("a")
      var first = UInt16(0)
      // Three in a row that are free.
      while true {
        let port = try FreePort.take()
        if try FreePort.take() == port + 1, try FreePort.take() == port + 2 {
          first = port
          break
        }
      }
      let balancer = try site.balancer(
        """
        { "listeners": { "web": { "listen": "127.0.0.1:\(first)-\(first + 2)", "pool": "web", "mptcp": true } },
          "pools": { "web": { "backends": [\(backend.json)], "health": "off", "mptcp": true, "fastOpen": true } } }
        """)
      for port in first...first + 2 {
        #expect(try Socket(connectingTo: .ipv4(port)).receiveLine() == "a")
      }
      #expect(balancer.log.all.count { $0.contains("listener web on 127.0.0.1:") } == 3)
    }
  }
}

extension Socket {
  /// Connects from a local address.
  convenience init(connectingTo address: Address, from local: String, within limit: Duration = patience) throws {
    let descriptor = try address.makeSocket()
    self.init(descriptor)
    guard Address.host(local, 0).withSockaddr({ bind(descriptor, $0, $1) }) == 0 else {
      throw SystemFailure("bind to \(local)")
    }
    try connect(to: address, within: limit)
  }

  /// The other end's address.
  var peerName: String {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        getpeername(descriptor, pointer, &length) == 0
          && getnameinfo(pointer, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
      }
    }
    return isKnown ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "nobody"
  }
}

extension Address {
  /// Nil for a unix socket.
  var port: UInt16? {
    switch self {
    case .ipv4(let port), .ipv6(let port), .host(_, let port): port
    case .unix: nil
    }
  }
}
