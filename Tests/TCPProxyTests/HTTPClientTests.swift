import Balancing
import Base
import HTTPProxy
import Reactor
import Routing
import Synchronization
import Testing

@testable import TCPProxy

/// Who a client is and what its requests are called, behind proxies that are trusted and others.
@Suite(.timeLimit(.minutes(1)))
struct HTTPClientTests {
  private static func front(
    _ servers: [HandServer], scheduler: SchedulerKind = .roundRobin, trusted: Bool = true,
    _ configure: (inout HTTPService.Settings) -> Void
  ) throws -> Front {
    var settings = HTTPService.Settings()
    configure(&settings)
    let loopback = PrefixSet([try CIDR(parsing: "127.0.0.0/8")])
    return try Front(
      servers.map(\.address), scheduler: scheduler, http: HTTPService(settings),
      service: { (settings: inout Service.Settings) in if trusted { settings.trustedProxies = loopback } })
  }

  private static func field(_ name: String, in head: String) -> [String] {
    head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("\(name.lowercased()): ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }

  @Test func namesRequests() throws {
    let server = try HandServer()
    let front = try Self.front([server], trusted: false) { $0.requestID = Array("X-Request-ID".utf8) }
    let client = try front.client()
    var names: Set<String> = []
    try client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n")
    let backend = try server.accept()
    for _ in 1...3 {
      let ids = Self.field("X-Request-ID", in: try backend.receive(until: "\r\n\r\n"))
      #expect(ids.count == 1 && ids[0].utf8.count == RequestIDs.length)
      names.formUnion(ids)
      try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      _ = try client.receive(until: "\r\n\r\n")
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    }
    #expect(names.count == 3)
  }

  @Test(arguments: [("abc-1", true), ("with space", false), ("", false), ("<script>", false)])
  func keepsTheNameOfATrustedPeer(name: String, isKept: Bool) throws {
    let server = try HandServer()
    let front = try Self.front([server]) { $0.requestID = Array("X-Trace".utf8) }
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\nx-trace: \(name)\r\nX-Trace: second\r\n\r\n")
    let ids = Self.field("X-Trace", in: try server.accept().receive(until: "\r\n\r\n"))
    #expect(ids.count == 1)
    #expect((ids[0] == name) == isKept)
  }

  @Test func namesARetryAlike() throws {
    let servers = try [HandServer(), HandServer()]
    let front = try Self.front(servers) { $0.requestID = Array("X-Request-ID".utf8) }
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let first = try servers[0].accept()
    let name = Self.field("X-Request-ID", in: try first.receive(until: "\r\n\r\n"))
    first.close()
    #expect(Self.field("X-Request-ID", in: try servers[1].accept().receive(until: "\r\n\r\n")) == name)
  }

  @Test func saysAServerOfItsOwn() throws {
    let server = try HandServer()
    let front = try Self.front([server]) { $0.server = .text(Array("ours".utf8)) }
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 200 OK\r\nServer: theirs\r\nContent-Length: 0\r\n\r\n")
    let response = try client.receive(until: "\r\n\r\n")
    #expect(Self.field("Server", in: response) == ["ours"])
    try client.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
    #expect(Self.field("Server", in: try client.receive(until: "</html>\n")) == ["ours"])
  }

  /// Where a hash of the source decides, the fields that are believed decide.
  @Test(arguments: [
    ("X-Forwarded-For", "192.0.2.%", true), ("X-Forwarded-For", "203.0.113.9, 192.0.2.%", true),
    ("X-Forwarded-For", "192.0.2.%, nonsense", false), ("Forwarded", "for=192.0.2.%;proto=https", false),
  ])
  func balancesByTheClientBehindATrustedProxy(field: String, value: String, isBelieved: Bool) throws {
    let servers = try (0..<4).map { _ in try HandServer() }
    let front = try Self.front(servers, scheduler: .sourceHash) { _ in }
    let farm = Farm(servers)
    for number in 1...16 {
      let client = try front.client()
      let text = value.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "\(number)")
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\(field): \(text)\r\n\r\n")
      let server = try farm.asked()
      try server.send("HTTP/1.1 204 No Content\r\n\r\n")
      _ = try client.receive(until: "\r\n\r\n")
      client.close()
    }
    let used = front.backends.count { $0.meters.sum(.sessions) > 0 }
    #expect(isBelieved ? used > 1 : used == 1)
  }

  @Test func limitsTheRequestsOfAClient() throws {
    let server = try HandServer()
    let front = try Self.front([server]) { $0.requestLimit = RateLimit(.init(Rate(2, per: .hour)), seed: 1) }
    let client = try front.client()
    func ask(_ address: String) throws -> String {
      try client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: \(address)\r\n\r\n")
      return try client.receive(until: "</html>\n")
    }
    func serve(_ address: String) throws {
      try client.send("HEAD / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: \(address)\r\n\r\n")
      let backend = try served ?? server.accept()
      served = backend
      _ = try backend.receive(until: "\r\n\r\n")
      try backend.send("HTTP/1.1 204 No Content\r\n\r\n")
      #expect(try client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 204"))
    }
    var served: End?
    try serve("192.0.2.1")
    try serve("192.0.2.1")
    let refusal = try ask("192.0.2.1")
    #expect(refusal.hasPrefix("HTTP/1.1 429 "))
    let seconds = Self.field("Retry-After", in: refusal).first.flatMap { Int($0) }
    #expect(seconds.map { (1...3600).contains($0) } == true)
    // Another one is not concerned, and the connection goes on.
    try serve("192.0.2.2")
    #expect(front.counters.refused.load(ordering: .relaxed) == 1)
  }
}

/// Servers of which any may be asked next.
final class Farm {
  private let servers: [HandServer]
  private var ends: [End] = []

  init(_ servers: [HandServer]) { self.servers = servers }

  /// The connection on which a request has come, without a body.
  func asked() throws -> End {
    let limit = Clock.now.later(10_000_000_000)
    while Clock.now < limit {
      for server in servers { ends += server.acceptAll() }
      for end in ends where end.wait(for: 1, milliseconds: 1) {
        if try end.receive().hasSuffix("\r\n\r\n") { return end }
      }
    }
    throw TooLate(description: "no server was asked")
  }
}
