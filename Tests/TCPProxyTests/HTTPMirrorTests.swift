import Balancing
import Base
import HTTPCore
import Reactor
import Routing
import Synchronization
import Testing

@testable import TCPProxy

/// Copies of requests for another pool.
@Suite(.timeLimit(.minutes(1)))
struct HTTPMirrorTests {
  private struct Site {
    let front: Front
    let server: HandServer
    let shadow: HandServer
    let shadows: Pool
    let backend: Backend

    init(
      shadow address: SocketAddress? = nil, scheduler: SchedulerKind = .leastConnections,
      _ configure: (inout Destination.Settings) -> Void = { _ in }
    ) throws {
      let server = try HandServer()
      let shadow = try HandServer()
      backend = Backend(pool: "shadow", name: "s", address: address ?? shadow.address)
      shadows = Pool(
        name: "shadow", scheduler: scheduler, members: [Member(backend: backend)], initialHealth: { _ in .up })
      var settings = Destination.Settings()
      configure(&settings)
      var route = Route.Settings(.pools(Split(weights: [1])))
      route.mirrorEdits = try FieldEdits([.init(.set, "X-Mirrored", "true")])
      let main = Backend(pool: "web", name: "m", address: server.address)
      let pool = Pool(
        name: "web", scheduler: .roundRobin, members: [Member(backend: main)], initialHealth: { _ in .up })
      var http = HTTPService.Settings()
      http.routes = HTTPRoutes(
        try RouteTable([RouteMatch()]),
        [
          HTTPRoutes.Entry(
            Route(route), [Destination(pool: pool)], mirror: Destination(pool: shadows, settings: settings))
        ])
      self.server = server
      self.shadow = shadow
      front = try Front([], http: HTTPService(http))
    }

    var counts: [Int] {
      [
        front.counters.mirrored.load(ordering: .relaxed), front.counters.mirrorsDropped.load(ordering: .relaxed),
      ]
    }

    func expectCounts(_ mirrored: Int, _ dropped: Int) throws {
      try waitUntil("\(mirrored) are mirrored and \(dropped) dropped") { counts == [mirrored, dropped] }
    }
  }

  private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  @Test func sendsTheSameRequestToBothAndOneAnswer() throws {
    let site = try Site()
    let client = try site.front.client()
    try client.send("POST /a?b HTTP/1.1\r\nHost: example.com\r\nX-Own: 1\r\nContent-Length: 4\r\n\r\nbody")
    let main = try site.server.accept()
    let shadow = try site.shadow.accept()
    let request = try main.receive(until: "\r\n\r\nbody")
    let copy = try shadow.receive(until: "\r\n\r\nbody")
    #expect(request.hasPrefix("POST /a?b HTTP/1.1\r\nHost: example.com\r\nX-Own: 1\r\n"))
    #expect(!request.contains("X-Mirrored"))
    #expect(copy.replacing("X-Mirrored: true\r\n", with: "") == request)
    // Whatever it says, and however early, is nobody's.
    try shadow.send("HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nwrong")
    try site.expectCounts(1, 0)
    try main.send(Self.ok)
    #expect(try client.receive(until: "\r\n\r\nok").hasPrefix("HTTP/1.1 200 OK\r\n"))
    // Both connections are kept.
    try client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try main.receive(until: "\r\n\r\n").hasPrefix("GET /2 "))
    #expect(try shadow.receive(until: "\r\n\r\n").hasPrefix("GET /2 "))
    try shadow.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    try site.expectCounts(2, 0)
    try main.send(Self.ok)
    _ = try client.receive(until: "\r\n\r\nok")
    #expect(site.shadow.acceptAll().isEmpty)
    #expect(site.shadows.standing.eligible == 1)
  }

  @Test func copiesABodyThatStreamed() throws {
    let site = try Site()
    let client = try site.front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n")
    let main = try site.server.accept()
    for number in 0..<20 {
      let part = String(repeating: Character(UnicodeScalar(UInt8(0x41 + number))), count: 2000)
      try client.send("7d0\r\n\(part)\r\n")
      _ = try main.receive(until: part + "\r\n")
    }
    // Not before it is whole.
    try site.front.settle()
    #expect(site.shadow.acceptAll().isEmpty)
    try client.send("0\r\nX-T: 1\r\n\r\n")
    let shadow = try site.shadow.accept()
    let copy = try shadow.receive(until: String(repeating: "T", count: 2000))
    #expect(copy.contains("\r\nContent-Length: 40000\r\n"))
    #expect(!copy.contains("Transfer-Encoding") && !copy.contains("Trailer"))
    #expect(copy.utf8.count > 40000)
    try main.send(Self.ok)
    _ = try client.receive(until: "\r\n\r\nok")
    try shadow.send(Self.ok)
    try site.expectCounts(1, 0)
  }

  @Test func nobodyWaitsForIt() throws {
    let site = try Site { $0.http.response = .milliseconds(100) }
    let client = try site.front.client()
    var main: End?
    // It takes them, and says nothing.
    for number in 1...20 {
      try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
      if main == nil { main = try site.server.accept() }
      #expect(try main!.receive(until: "\r\n\r\n").hasPrefix("GET /\(number) "))
      try main!.send(Self.ok)
      _ = try client.receive(until: "\r\n\r\nok")
    }
    try site.expectCounts(0, 20)
    #expect(site.shadows.standing.eligible == 1)
  }

  @Test(arguments: [
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "nonsense\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "",
  ])
  func whatItBreaksIsItsOwn(answer: String) throws {
    let site = try Site()
    let client = try site.front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let main = try site.server.accept()
    let shadow = try site.shadow.accept()
    _ = try shadow.receive(until: "\r\n\r\n")
    if !answer.isEmpty { try shadow.send(answer) }
    shadow.close()
    try site.expectCounts(0, 1)
    _ = try main.receive(until: "\r\n\r\n")
    try main.send(Self.ok)
    #expect(try client.receive(until: "\r\n\r\nok").hasPrefix("HTTP/1.1 200 OK\r\n"))
  }

  @Test func aPoolThatCannotBeReachedHoldsNobodyUp() throws {
    let dead = try HandServer().address
    let site = try Site(shadow: dead)
    let client = try site.front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let main = try site.server.accept()
    _ = try main.receive(until: "\r\n\r\n")
    try main.send(Self.ok)
    #expect(try client.receive(until: "\r\n\r\nok").hasPrefix("HTTP/1.1 200 OK\r\n"))
    try site.expectCounts(0, 1)
    try waitUntil("it is counted") { site.backend.meters.sum(.connectFailures) == 1 }
  }

  /// Only a connect that failed is one.
  @Test(arguments: [("", Meter.resets), ("HTTP/1.1 2OO OK\r\n\r\n", .faults), ("nothing", .timeouts)])
  func tellsHowABackendHasFailed(response: String, meter: Meter) throws {
    let site = try Site { if meter == .timeouts { $0.http.response = .milliseconds(20) } }
    let client = try site.front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    try site.server.accept().send(Self.ok)
    let shadow = try site.shadow.accept()
    _ = try shadow.receive(until: "\r\n\r\n")
    if meter == .faults { try shadow.send(response) }
    if meter == .resets { shadow.close() }
    try site.expectCounts(0, 1)
    try waitUntil("it is counted") { site.backend.meters.sum(meter) == 1 }
    #expect(site.backend.meters.sum(.connectFailures) == 0)
  }

  @Test func dropsWhatIsTooLong() throws {
    let site = try Site()
    let client = try site.front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(MirrorRoom.mostBody + 1)\r\n\r\nabc")
    let main = try site.server.accept()
    _ = try main.receive(until: "\r\n\r\nabc")
    try site.expectCounts(0, 1)
    client.close()
    // One that is cut by its client is dropped as well.
    let other = try site.front.client()
    try other.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\nabc")
    _ = try site.server.accept().receive(until: "\r\n\r\nabc")
    other.reset()
    try site.expectCounts(0, 2)
    #expect(site.shadow.acceptAll().isEmpty)
  }

  @Test func isBounded() throws {
    let site = try Site { $0.http.response = .seconds(60) }
    let most = MirrorRoom.mostAtOnce
    let clients = try (0...most).map { _ in try site.front.client() }
    for client in clients { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
    let main = try site.server.accept(most + 1)
    for end in main {
      _ = try end.receive(until: "\r\n\r\n")
      try end.send(Self.ok)
    }
    for client in clients { _ = try client.receive(until: "\r\n\r\nok") }
    try site.expectCounts(0, 1)
    // Each that is answered makes room for another.
    let shadows = try site.shadow.accept(most)
    for end in shadows {
      _ = try end.receive(until: "\r\n\r\n")
      try end.send(Self.ok)
    }
    try site.expectCounts(most, 1)
  }

  @Test func aWishToSwitchProtocolsHasNoCopy() throws {
    let site = try Site()
    let client = try site.front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    let main = try site.server.accept()
    _ = try main.receive(until: "\r\n\r\n")
    try main.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")
    _ = try client.receive(until: "hello")
    try site.front.settle()
    #expect(site.shadow.acceptAll().isEmpty)
    #expect(site.counts == [0, 0])
  }
}
