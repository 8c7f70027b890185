import Foundation
import Testing

extension EndToEnd {
  /// What happens at a limit: clients wait in the kernel's backlog, nothing is lost, nothing spins, nothing grows.
  @Suite struct Limits {
    let site: Site

    init() throws { site = try Site() }

    @Test func exhaustedDescriptorsPauseAccepting() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], top: #""workers": 1, "limits": { "connections": 1000 }"#))
      // Taken away while it runs: whatever it has computed at its start, only the kernel can say no now.
      let idle = try balancer.figures.descriptors
      let limited = try ChildProcess.run(["prlimit", "--pid=\(balancer.process.pid)", "--nofile=\(idle + 40)"])
      #expect(limited.exit == .status(0), "\(limited.errors)")
      let mark = balancer.log.mark
      let clients = try (0..<100).map { _ in try site.connect() }
      try balancer.log.waitForLine(containing: "EMFILE", after: mark)

      // Two more lines take two seconds, during which nothing spins.
      let start = try balancer.figures.processorTime
      try waitUntil("it is logged for the third time") {
        balancer.log.all.dropFirst(mark).count { $0.contains("EMFILE") } >= 3
      }
      let spent = try balancer.figures.processorTime - start
      #expect(spent < .milliseconds(400))
      let lines = balancer.log.all.dropFirst(mark).filter { $0.contains("EMFILE") }
      for (earlier, later) in zip(lines, lines.dropFirst()) {
        #expect(try logTime(later) - logTime(earlier) >= 0.9, "\(earlier)\n\(later)")
      }
      #expect(backend.connections >= 10, "\(backend.connections) sessions on 40 descriptors")

      // As some leave others are served, and nobody is forgotten.
      try serveAll(clients)
      #expect(try site.visit() == "a")
    }

    @Test func aSmallDescriptorLimitIsUsedToTheFull() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(
        site.configuration([backend.json], top: #""workers": 1, "limits": { "connections": 10000 }"#),
        descriptorLimit: 64)
      let clients = try (0..<100).map { _ in try site.connect() }
      // Each session takes two.
      try waitUntil("half of the descriptors serve") { backend.connections >= 16 }
      try serveAll(clients)
    }

    /// Waits until each of some clients is served; it then leaves.
    private func serveAll(_ clients: [Socket]) throws {
      var open = clients
      while !open.isEmpty {
        var ready: Int?
        try waitUntil("one of \(open.count) is served") {
          ready = try open.firstIndex { try $0.hasBytes(within: .zero) }
          return ready != nil
        }
        let client = open.remove(at: ready!)
        #expect(try client.receiveLine() == "a")
        client.close()
      }
    }

    @Test func memoryHasALimit() throws {
      // Readers that do not read: what is sent to them fills the kernel's buffers, then ours.
      let backend = try site.backend("a", TestBackend.source(bytes: 1 << 30))
      let balancer = try site.balancer(
        site.configuration([backend.json], top: #""workers": 1, "limits": { "memory": "16MiB" }"#))
      var readers: [Socket] = []
      let mark = balancer.log.mark
      try waitUntil("nobody is let in any more") {
        readers.append(try site.connect())
        return balancer.log.all.dropFirst(mark).contains { $0.contains("limits.memory is at its limit") }
      }
      #expect(try balancer.figures.residentBytes < 64 << 20)
      for reader in readers { reader.reset() }
      try waitUntil("somebody is let in again") { try site.connect().hasBytes(within: .seconds(1)) }
    }

    /// Ways in which HTTP makes the program keep what has come.
    enum Hoard: String, CaseIterable {
      case responsesNotRead, bodiesNotTaken, headsWithoutEnd
    }

    /// A client of that kind, with something to say for as long as somebody listens.
    private func hoarder(_ hoard: Hoard) throws -> (socket: Socket, speaker: BackgroundThread) {
      let client = try Socket(connectingTo: site.front, receiveBuffer: 4096)
      let words =
        switch hoard {
        case .responsesNotRead: "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
        case .bodiesNotTaken: "PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: \(1 << 30)\r\n\r\n"
        case .headsWithoutEnd: "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 60_000))"
        }
      let speaker = BackgroundThread {
        try? client.send(words, within: .seconds(600))
        if hoard == .bodiesNotTaken { try? TestBackend.source(bytes: 1 << 30)(client) }
      }
      return (client, speaker)
    }

    @Test(arguments: Hoard.allCases)
    func memoryOfHTTPHasALimit(hoard: Hoard) throws {
      let zeros = TestBackend.source(bytes: 1 << 30)
      let backend = try site.backend(
        "",
        { socket in
          let wire = Wire(socket)
          // Of an upload it never reads more than came with its head.
          guard try wire.head()?.firstLine.hasPrefix("GET") == true else { return socket.waitForHangUp() }
          try socket.send("HTTP/1.1 200 OK\r\nContent-Length: \(1 << 30)\r\n\r\n")
          try zeros(socket)
        })
      let scrape = try Scrape(address: .ipv4(FreePort.take()))
      let balancer = try site.balancer(
        site.http(
          [backend.json], listener: #""http": { "maxHeader": "64KiB" }"#,
          top: """
            "workers": 1, "limits": { "memory": "16MiB" }, "admin": { "listen": "\(scrape.address)" }
            """))
      var clients: [(socket: Socket, speaker: BackgroundThread)] = []
      defer { for client in clients { client.socket.interrupt() } }
      let mark = balancer.log.mark
      try waitUntil("nobody is let in any more") {
        clients.append(try hoarder(hoard))
        return balancer.log.all.dropFirst(mark).contains { $0.contains("limits.memory is at its limit") }
      }
      // What waits in the backlog has none of it.
      #expect(clients.count < 1000)
      #expect(try balancer.figures.residentBytes < 64 << 20)
      for client in clients {
        client.socket.interrupt()
        try client.speaker.join()
        client.socket.reset()
      }
      try scrape.wait(for: ["balancer_session_memory_bytes": 0])
      let wire = try site.wire()
      try wire.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
      #expect(try wire.head()?.status == 200)
    }

    @Test func connectionsOfTheProcessHaveALimit() throws {
      try expectLimit(of: 5, listener: "", top: #""workers": 4, "limits": { "connections": 5 }"#)
    }

    @Test func connectionsOfAListenerHaveALimit() throws {
      try expectLimit(of: 5, listener: #""connections": 5"#, top: #""workers": 4"#)
    }

    /// Those past the limit wait and are served in the end.
    private func expectLimit(of limit: Int, listener: String, top: String) throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json], listener: listener, top: top))
      var sessions = try (0..<limit).map { _ in try site.session() }
      #expect(sessions.allSatisfy { $0.backend == "a" })
      let waiting = try (0..<20).map { _ in try site.connect() }
      for client in waiting { #expect(try !client.hasBytes(within: .milliseconds(20))) }
      #expect(backend.connections == limit)
      let before = try balancer.figures.processorTime
      usleep(500_000)
      #expect(try balancer.figures.processorTime - before < .milliseconds(100))

      // One leaves, one comes.
      sessions.removeFirst().socket.close()
      try waitUntil("one more is served") { try waiting.contains { try $0.hasBytes(within: .zero) } }
      #expect(try waiting.count { try $0.hasBytes(within: .milliseconds(20)) } == 1)

      sessions = []
      try serveAll(waiting)
    }

    @Test func nothingIsLeftOfManySessions() throws {
      let backends = try site.backends(2)
      let balancer = try site.balancer(
        site.configuration(
          backends.map(\.json) + [site.deadAddress().json], pool: #""health": "off""#, top: #""workers": 2"#))
      let idle = try balancer.figures.sockets
      func rest(_ sessions: Int) throws -> (descriptors: Int, memory: Int, threads: Int) {
        let load = Load(on: site.front, clients: 16)
        try load.waitForSessions(sessions, within: .seconds(120))
        #expect(try load.stop().lost.isEmpty)
        for backend in backends { try backend.waitForConnections(0) }
        let figures = balancer.figures
        // Sessions end a moment after their clients.
        try waitUntil("the last sessions have ended") { try figures.sockets == idle }
        return try (figures.descriptors, figures.residentBytes, figures.threads)
      }
      // What is allocated once and kept comes with the first sessions.
      let before = try rest(500)
      let after = try rest(5000)
      #expect(after.descriptors == before.descriptors)
      #expect(after.threads == before.threads)
      #expect(after.memory - before.memory < 2 << 20, "\(after.memory - before.memory) bytes more")
    }

    @Test func idleSessionsCostNoProcessorTime() throws {
      let backend = try site.backend("a", nil)
      let balancer = try site.balancer(site.configuration([backend.json]))
      let sessions = try (0..<200).map { _ in try site.session() }
      let before = try balancer.figures.processorTime
      usleep(1_000_000)
      #expect(try balancer.figures.processorTime - before < .milliseconds(100))
      withExtendedLifetime(sessions) {}
    }
  }
}

extension Socket {
  /// Waits until nothing more can be sent or received; what has come stays where it is.
  func waitForHangUp() {
    var entry = pollfd(fd: descriptor, events: 0, revents: 0)
    _ = poll(&entry, 1, -1)
  }

  /// Whether something can be received; it is not taken.
  func hasBytes(within limit: Duration) throws -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, Deadline(in: limit).milliseconds) > 0
  }
}
