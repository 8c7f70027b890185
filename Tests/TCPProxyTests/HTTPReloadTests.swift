import Balancing
import Base
import Reactor
import Routing
import Testing

@testable import TCPProxy

/// Clients that stay while the configuration changes.
@Suite(.timeLimit(.minutes(1)))
struct HTTPReloadTests {
  private static func answering(_ body: String) throws -> HTTPService {
    var settings = HTTPService.Settings()
    let route = Route(Route.Settings(.respond(Route.Response(status: 200, body: Array(body.utf8)))))
    settings.routes = HTTPRoutes(try RouteTable([RouteMatch()]), [HTTPRoutes.Entry(route, [])])
    return HTTPService(settings)
  }

  private func ask(_ client: End, until end: String) throws -> String {
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return try client.receive(until: end)
  }

  @Test func theNextRequestFindsTheNewRoutes() throws {
    let front = try Front([], http: Self.answering("old"))
    let client = try front.client()
    #expect(try ask(client, until: "old").hasPrefix("HTTP/1.1 200"))
    for name in ["second", "third"] {
      front.replace(http: try Self.answering(name))
      try front.settle()
      let answer = try ask(client, until: name)
      #expect(answer.hasPrefix("HTTP/1.1 200") && !answer.contains("Connection: close"))
    }
  }

  @Test func whoComesToAnAddressThatIsClosedIsToldSo() throws {
    let front = try Front([], http: Self.answering("old"))
    let client = try front.client()
    #expect(try ask(client, until: "old").hasPrefix("HTTP/1.1 200"))
    front.group.close(0)
    try front.settle()
    #expect(try ask(client, until: "old").contains("\r\nConnection: close\r\n"))
    #expect(try client.receiveToEnd() == "")
  }

  @Test func aModeThatChangesEndsRequests() throws {
    let front = try Front([], http: Self.answering("old"))
    let client = try front.client()
    #expect(try ask(client, until: "old").hasPrefix("HTTP/1.1 200"))
    front.replace(http: nil)
    try front.settle()
    #expect(try ask(client, until: "old").contains("\r\nConnection: close\r\n"))
  }

  /// `timeouts.session`: between two requests at once, within one behind the response.
  @Test func aConnectionEndsThatHasLivedLongEnough() throws {
    let server = try HandServer()
    let front = try Front([server.address], http: HTTPService(), service: { $0.session = .milliseconds(100) })
    let busy = try front.client()
    try busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    // Two lives, one after the other, are longer than one of a tenth more.
    for _ in 0..<2 {
      let idle = try front.client()
      try idle.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try idle.receiveToEnd().hasPrefix("HTTP/1.1 405 "))
    }
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    let answer = try busy.receiveToEnd()
    #expect(answer.contains("\r\nConnection: close\r\n") && answer.hasSuffix("ok"))
  }

  @Test func connectionsToARemovedPoolAreClosed() throws {
    let server = try HandServer()
    let front = try Front([server.address], http: HTTPService())
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    _ = try client.receive(until: "ok")
    front.pool.retire()
    front.group.poolChanged(front.pool)
    #expect(try backend.receiveToEnd() == "")
  }
}
