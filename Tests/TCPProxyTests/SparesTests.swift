import Balancing
import Base
import Glibc
import Reactor
import Synchronization
import Testing

@testable import TCPProxy

/// Spare connections with real sockets.
@Suite struct SparesTests {
  /// Something said by a client to the server and back.
  /// - Returns: the server's end that serves it, which `ends` has no longer.
  @discardableResult
  private func talk(_ client: End, _ server: HandServer, _ ends: inout [End], _ text: String = "hello") throws -> End {
    try client.send(text)
    let end = try server.hear(text, at: &ends)
    ends.removeAll { $0 === end }
    try end.send("answer to \(text)")
    #expect(try client.receive() == "answer to \(text)")
    return end
  }

  @Test func theConnectionIsThereBeforeTheClient() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 3 }
    var spares = try server.accept(3)
    #expect(front.backends[0].spares.load(ordering: .relaxed) == 3)
    for round in 0..<20 {
      let before = spares
      try front.settle()
      let client = try front.client()
      let end = try talk(client, server, &spares, "round \(round)")
      #expect(before.contains { $0 === end })
      // Another takes its place.
      if spares.count < 3 { spares += try server.accept(1) }
      #expect(spares.count == 3)
    }
  }

  @Test func eachBackendAndEachWorkerHasItsOwn() throws {
    let servers = [try HandServer(), try HandServer()]
    let front = try Front(servers.map(\.address), workers: 3) { $0.prewarm = 2 }
    let ends = [try servers[0].accept(6), try servers[1].accept(6)]
    #expect(ends.map(\.count) == [6, 6])
    #expect(front.backends.map { $0.spares.load(ordering: .relaxed) } == [6, 6])
  }

  @Test func aServerThatSpeaksFirstIsHeard() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 2 }
    var ends = try server.accept(2)
    for end in ends { try end.send("220 ready") }
    for _ in 0..<20 {
      try front.settle()
      let client = try front.client()
      #expect(try client.receive() == "220 ready")
      let end = try talk(client, server, &ends)
      if ends.count < 2 { ends += try server.accept(1) }
      try ends[1].send("220 ready")
      // Also if it speaks only after the session has begun.
      try end.send("more")
      #expect(try client.receive() == "more")
    }
  }

  @Test func aServerMaySpeakAfterItsSpareWasTaken() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 1 }
    let spare = try server.accept(1)[0]
    try front.settle()
    let client = try front.client()
    // The replacement shows that the session has begun.
    _ = try server.accept(1)
    try spare.send("220 late")
    #expect(try client.receive() == "220 late")
  }

  @Test func unixSocketsHaveSparesAsWell() throws {
    let path = "/tmp/balancer-spares-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    defer { unlink(path) }
    let server = try HandServer(.unix(path))
    let front = try Front([server.address]) { $0.prewarm = 2 }
    var spares = try server.accept(2)
    try talk(try front.client(), server, &spares)
    for spare in spares { spare.close() }
    spares = []
    try talk(try front.client(), server, &spares)
  }

  // MARK: Closed ones

  enum Closing: CaseIterable {
    case finish, reset, wordsAndFinish

    func close(_ end: End) throws {
      switch self {
      case .finish: end.close()
      case .reset: end.reset()
      case .wordsAndFinish:
        // In one segment, as the last words of a server are.
        try end.send("421 too slow", more: true)
        end.close()
      }
    }
  }

  /// The server closes connections at random moments until the client speaks, which is all that can be known.
  @Test func aClosedSpareIsNeverHandedOut() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 4 }
    var idle: [End] = []
    var onSpares = 0
    var closings = 0
    func closeSome(among count: Int) throws {
      for _ in 0..<min(count, Int(random.next() % 3)) {
        let closing = Closing.allCases[Int(random.next() % 3)]
        try closing.close(idle.remove(at: Int(random.next() % UInt64(count))))
        closings += 1
        return
      }
    }
    for session in 0..<1000 {
      idle += try server.accept(idle.isEmpty ? 1 : 0)
      if random.next() % 3 == 0 { try closeSome(among: idle.count) }
      let old = idle.count
      let client = try front.client()
      for _ in 0..<random.next() % 20_000 {}
      if random.next() % 3 == 0, old > 0 { try closeSome(among: old) }
      for _ in 0..<random.next() % 20_000 {}

      try client.send("\(session)")
      var served: End?
      while served == nil {
        idle += server.acceptAll()
        served = idle.first { $0.wait(for: POLLIN, milliseconds: 0) }
        if client.wait(for: POLLIN, milliseconds: 0) { break }
      }
      guard let served else {
        Issue.record("session \(session) was closed: seed \(seed)")
        return
      }
      if idle.prefix(old).contains(where: { $0 === served }) { onSpares += 1 }
      idle.removeAll { $0 === served }
      #expect(try served.receive() == "\(session)", "seed \(seed)")
      try served.send("\(session)!")
      #expect(try client.receive() == "\(session)!", "seed \(seed)")
      client.close()
      served.close()
    }
    #expect(onSpares > 100 && closings > 100, "\(onSpares) sessions on spares, \(closings) closings, seed \(seed)")
    let backend = front.backends[0]
    front.stop()
    #expect(backend.meters.sum(.sessions) == 1000)
    #expect(backend.spares.load(ordering: .relaxed) == 0)
    #expect(backend.sessions.load(ordering: .relaxed) == 0)
    idle += server.acceptAll()
    for end in idle { #expect(try end.receive().isEmpty) }
  }

  @Test(arguments: Closing.allCases)
  func aSessionMovesOnWhileNobodyHasSpoken(closing: Closing) throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 1 }
    let spare = try server.accept(1)[0]
    try front.settle()
    let client = try front.client()
    // The replacement shows that the session has begun.
    let replacement = try server.accept(1)
    try closing.close(spare)
    var ends = try server.accept(1)
    let fresh = ends[0]
    ends += replacement
    #expect(try talk(client, server, &ends) === fresh)
  }

  /// The worker hears of the client's bytes and of the end of its spare at once, of the bytes first.
  @Test(arguments: Closing.allCases)
  func bytesDoNotGoIntoAClosedSpare(closing: Closing) throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 1 }
    let spare = try server.accept(1)[0]
    try front.settle()
    let client = try front.client()
    var ends = try server.accept(1)
    try front.holdWorker {
      try client.send("hello")
      try closing.close(spare)
    }
    #expect(try server.hear("hello", at: &ends) !== spare)
    // The end of the spare was not taken for the end of what came in its place.
    #expect(front.backends[0].meters.sum(.connectFailures) == 0)
  }

  /// The worker hears of a client and of the end of all its spares at once, of the client first.
  @Test(arguments: Closing.allCases)
  func aClientThatComesWithTheEndOfTheSparesConnects(closing: Closing) throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 3 }
    var ends = try server.accept(3)
    var client: End?
    try front.holdWorker {
      client = try front.client()
      try client?.send("hello")
      for end in ends { try closing.close(end) }
    }
    ends = []
    try server.hear("hello", at: &ends).send("yes")
    #expect(try client?.receive() == "yes")
  }

  @Test func theEndOfASessionOnASpareIsPassedOn() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 1 }
    var ends = try server.accept(1)
    let client = try front.client()
    try talk(client, server, &ends).close()
    #expect(try client.receive().isEmpty)
    if ends.isEmpty { ends = try server.accept(1) }
    try front.settle()
    let silent = try front.client()
    silent.close()
    #expect(try ends[0].receive().isEmpty)
  }

  @Test func withoutSparesSessionsConnect() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 2 }
    var idle = try server.accept(2)
    // Closing at once makes the worker rest, and rest longer each time.
    for _ in 0..<5 {
      for end in idle { end.close() }
      idle = try server.accept(1)
    }
    for end in idle { end.close() }
    idle = []
    try talk(try front.client(), server, &idle)
  }

  // MARK: Who has spares

  @Test func aBackendThatIsDownHasNone() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 3 }
    var spares = try server.accept(3)
    front.setHealth(.down, of: 0)
    for spare in spares { #expect(try spare.receive().isEmpty) }
    front.setHealth(.up, of: 0)
    spares = try server.accept(3)
    try talk(try front.client(), server, &spares)
  }

  @Test func aDrainedBackendHasNone() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 2 }
    let spares = try server.accept(2)
    front.pool.apply(
      scheduler: .roundRobin, members: [Member(backend: front.backends[0], weight: 0)], initialHealth: { _ in .up })
    front.group.poolChanged(front.pool)
    for spare in spares { #expect(try spare.receive().isEmpty) }
  }

  @Test func aReloadKeepsWhatIsMadeAlike() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 2 }
    var spares = try server.accept(2)
    front.reload {
      $0.prewarm = 3
      $0.retries = 0
    }
    spares += try server.accept(1)
    #expect(!spares.contains { $0.wait(for: POLLIN, milliseconds: 0) })
    front.reload { $0.prewarm = 1 }
    // The oldest go.
    #expect(try spares[0].receive().isEmpty)
    #expect(try spares[1].receive().isEmpty)
    let last = spares[2]
    spares = [last]
    try front.settle()
    #expect(try talk(try front.client(), server, &spares) === last)
    if spares.isEmpty { spares = try server.accept(1) }
    front.reload { $0.prewarm = 0 }
    #expect(try spares[0].receive().isEmpty)
    spares = []
    try talk(try front.client(), server, &spares)
  }

  @Test func aReloadRenewsWhatIsMadeInAnotherWay() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 2 }
    let spares = try server.accept(2)
    let source = try #require(IPAddress("127.0.0.9"))
    front.reload {
      $0.prewarm = 2
      $0.options.source = .address(source)
    }
    for spare in spares { #expect(try spare.receive().isEmpty) }
    var renewed = try server.accept(2)
    #expect(renewed.allSatisfy { $0.peer == source })
    try talk(try front.client(), server, &renewed)
  }

  @Test func aDrainClosesThem() throws {
    let server = try HandServer()
    let front = try Front([server.address]) { $0.prewarm = 2 }
    let spares = try server.accept(2)
    front.group.drain()
    for spare in spares { #expect(try spare.receive().isEmpty) }
    front.stop()
    #expect(front.backends[0].spares.load(ordering: .relaxed) == 0)
  }

  @Test func aSpareIsRenewedBeforeItIsOld() throws {
    let server = try HandServer()
    let front = try Front([server.address]) {
      $0.prewarm = 1
      $0.serverIdle = .milliseconds(200)
    }
    for _ in 0..<3 {
      let spare = try server.accept(1)[0]
      #expect(try spare.receive().isEmpty)
    }
    withExtendedLifetime(front) {}
  }

  @Test func sparesLeaveRoomForSessions() throws {
    let server = try HandServer()
    let front = try Front([server.address], workers: 2, connections: 3) { $0.prewarm = 8 }
    var ends = try server.accept(3)
    let backend = front.backends[0]
    var clients: [End] = []
    for number in 0..<3 {
      let client = try front.client()
      try client.send("\(number)")
      var served: End?
      // It may be a new one, where the spares are another worker's.
      while served == nil {
        ends += server.acceptAll()
        served = ends.first { $0.wait(for: POLLIN, milliseconds: 1) && (try? $0.receive()) == "\(number)" }
      }
      try served?.send("yes")
      #expect(try client.receive() == "yes")
      clients.append(client)
    }
    let deadline = Clock.now.later(10_000_000_000)
    // The other worker has to hear of it.
    while backend.spares.load(ordering: .relaxed) > 0, Clock.now < deadline { sched_yield() }
    #expect(backend.spares.load(ordering: .relaxed) == 0)
    #expect(backend.sessions.load(ordering: .relaxed) == 3)
  }

  /// The pool learns how long connects take, also where no session waits for one.
  @Test func aRefusedSpareIsNoSession() throws {
    var server: HandServer? = try HandServer()
    let address = server!.address
    server = nil
    let front = try Front([address], scheduler: .peakEWMA) { $0.prewarm = 2 }
    let deadline = Clock.now.later(10_000_000_000)
    let backend = front.backends[0]
    while backend.meters.sum(.connectFailures) < 3, Clock.now < deadline { sched_yield() }
    #expect(backend.meters.sum(.connectFailures) >= 3)
    let again = try HandServer(address)
    var ends: [End] = []
    try talk(try front.client(), again, &ends)
  }

  @Test func noneWhereAConnectionSaysWhoseItIs() {
    let pool = Pool(name: "web", scheduler: .roundRobin, members: [], initialHealth: { _ in .up })
    var settings = Destination.Settings()
    settings.prewarm = 4
    #expect(SpareOrder(Destination(pool: pool, settings: settings), []) != nil)
    settings.sendProxy = ProxyHeaderWriter(version: .v2)
    #expect(SpareOrder(Destination(pool: pool, settings: settings), []) == nil)
    settings.sendProxy = nil
    settings.options.source = .client
    #expect(SpareOrder(Destination(pool: pool, settings: settings), []) == nil)
  }
}
