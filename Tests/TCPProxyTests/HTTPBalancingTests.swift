import Balancing
import Base
import Reactor
import Synchronization
import Testing

@testable import TCPProxy

/// Which backend gets a request, and what becomes of one that gets none.
@Suite(.timeLimit(.minutes(1)))
struct HTTPBalancingTests {
  private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  private static func get(_ fields: String = "", path: String = "/") -> String {
    "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
  }

  /// Asks and answers; which backend it was.
  private func ask(_ front: Front, _ farm: Farm, _ request: String) throws -> Int? {
    let before = front.backends.map { $0.meters.sum(.sessions) }
    let client = try front.client()
    try client.send(request)
    try farm.asked().send(Self.ok)
    _ = try client.receive(until: "ok")
    try front.settle()
    return zip(before, front.backends).enumerated().first {
      $0.element.0 < $0.element.1.meters.sum(.sessions)
    }?
    .offset
  }

  @Test(arguments: [
    (SchedulerKind.HashKey.header("X-User"), "X-User: "), (.cookie("id"), "Cookie: a=b; id="),
  ])
  func aValueGoesToOneBackend(key: SchedulerKind.HashKey, field: String) throws {
    let servers = try (0..<3).map { _ in try HandServer() }
    let front = try Front(servers.map(\.address), scheduler: .hash(key, load: 2), http: HTTPService()) {
      $0.hashKey = key
    }
    let farm = Farm(servers)
    var all: Set<Int?> = []
    for value in ["ann", "bob", "cid", "dan", "eve", "fay"] {
      let seen = Set(try (0..<3).map { _ in try ask(front, farm, Self.get("\(field)\(value)\r\n")) })
      #expect(seen.count == 1)
      all.formUnion(seen)
    }
    #expect(all.count > 1)
  }

  @Test func aPathAndItsQueryGoToOneBackend() throws {
    let servers = try (0..<3).map { _ in try HandServer() }
    let front = try Front(servers.map(\.address), scheduler: .hash(.uri, load: 2), http: HTTPService()) {
      $0.hashKey = .uri
    }
    let farm = Farm(servers)
    var all: Set<Int?> = []
    for path in ["/a", "/b", "/c", "/a?x", "/d/e", "/f"] {
      // However it is written.
      let spellings = [path, path.replacing("/a", with: "/%61"), path.replacing("/", with: "/./")]
      let seen = Set(try spellings.map { try ask(front, farm, Self.get(path: $0)) })
      #expect(seen.count == 1)
      all.formUnion(seen)
    }
    #expect(all.count > 1)
  }

  /// A connection that waits for a request is no load.
  @Test func leastConnectionsCountsRequests() throws {
    let servers = try [HandServer(), HandServer()]
    let front = try Front(servers.map(\.address), scheduler: .leastConnections, http: HTTPService())
    let farm = Farm(servers)
    // Both have a connection now.
    let long = try front.client()
    try long.send(Self.get())
    let busy = try farm.asked()
    let others = try (0..<4).map { _ in try ask(front, farm, Self.get()) }
    #expect(Set(others).count == 1)
    try busy.send(Self.ok)
    _ = try long.receive(until: "ok")
    try front.settle()
    #expect(front.backends.allSatisfy { $0.sessions.load(ordering: .relaxed) == 0 })
    // With nothing under way they take turns.
    #expect(Set(try (0..<2).map { _ in try ask(front, farm, Self.get()) }).count == 2)
  }

  /// Retries are at most three at once where few requests run; who comes next waits for one of them to end.
  @Test func retriesStayWithinTheirBudget() throws {
    let servers = try [HandServer(), HandServer()]
    let front = try Front(servers.map(\.address), http: HTTPService()) { $0.retryBudget = 0 }
    front.setHealth(.down, of: 1)
    let clients = try (0..<4).map { _ in try front.client() }
    for client in clients { try client.send(Self.get()) }
    let first = try servers[0].accept(4)
    for end in first { _ = try end.receive(until: "\r\n\r\n") }
    front.setHealth(.up, of: 1)
    for end in first { end.close() }
    // Three come to the other one, and the fourth when one of them has its answer.
    var second = try servers[1].accept(3)
    for end in second { _ = try end.receive(until: "\r\n\r\n") }
    #expect(servers[1].acceptAll().isEmpty)
    try second[0].send(Self.ok)
    let freed = second.removeFirst()
    _ = try freed.receive(until: "\r\n\r\n")
    try freed.send(Self.ok)
    for end in second { try end.send(Self.ok) }
    for client in clients { #expect(try client.receive(until: "ok").hasPrefix("HTTP/1.1 200")) }
  }

  /// What a backend has under way is finished, and then its connection has no more to do.
  @Test func aBackendThatWentDownKeepsNoConnection() throws {
    let servers = try [HandServer(), HandServer()]
    let front = try Front(servers.map(\.address), http: HTTPService())
    let clients = try (0..<2).map { _ in try front.client() }
    for client in clients { try client.send(Self.get()) }
    let ends = try servers.map { try $0.accept(1)[0] }
    for end in ends { _ = try end.receive(until: "\r\n\r\n") }
    front.setHealth(.down, of: 0)
    try front.settle()
    for end in ends { try end.send(Self.ok) }
    for client in clients { #expect(try client.receive(until: "ok").hasPrefix("HTTP/1.1 200")) }
    #expect(try ends[0].receiveToEnd() == "")
    // The other's is used again.
    try clients[0].send(Self.get())
    #expect(try ends[1].receive(until: "\r\n\r\n").hasPrefix("GET / "))
  }

  @Test func noBackendAndNoAnswerAreToldApart() throws {
    let server = try HandServer()
    let dead = try HandServer().address
    func answer(_ front: Front, _ respond: () throws -> Void) throws -> String {
      let client = try front.client()
      try client.send(Self.get())
      try respond()
      return try client.receive(until: "</html>\n")
    }
    let none = try Front([server.address], http: HTTPService())
    none.setHealth(.down, of: 0)
    let unavailable = try answer(none) {}
    #expect(unavailable.hasPrefix("HTTP/1.1 503 ") && unavailable.contains("\r\nRetry-After: "))
    let refused = try answer(Front([dead], http: HTTPService())) {}
    #expect(refused.hasPrefix("HTTP/1.1 502 ") && !refused.contains("\r\nRetry-After: "))
    let silent = try Front([server.address], http: HTTPService()) { $0.http.response = .milliseconds(50) }
    #expect(try answer(silent) { _ = try server.accept() }.hasPrefix("HTTP/1.1 504 "))
  }
}
