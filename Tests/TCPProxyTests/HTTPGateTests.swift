import AccessLog
import Authentication
import Base
import Foundation
import Routing
import Synchronization
import Testing

@testable import TCPProxy

/// Routes that ask who comes.
@Suite(.timeLimit(.minutes(1)))
struct HTTPGateTests {
  private let verifier: PasswordVerifier
  private let front: Front

  init() throws {
    verifier = try PasswordVerifier()
    let users = try UserFile(
      parsing: Array("alice:$2y$04$g9id/Zt/TBOcY0cx5G3ige3oRB0YM69XhfyWgZlyrebN1VTr9S1vW\n".utf8))
    let gate = Gate(users, realm: "the \"web\"", verifier: verifier)
    var settings = HTTPService.Settings()
    let route = Route(Route.Settings(.respond(Route.Response(status: 200, body: Array("inside\n".utf8)))))
    settings.routes = HTTPRoutes(try RouteTable([RouteMatch()]), [HTTPRoutes.Entry(route, [], gate: gate)])
    settings.requestLimit = RateLimit(.init(Rate(4, per: .hour)), seed: 1)
    front = try Front([], http: HTTPService(settings))
  }

  private func request(_ credentials: String?) -> String {
    let field = credentials.map { "Authorization: Basic \(Data($0.utf8).base64EncodedString())\r\n" } ?? ""
    return "GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n"
  }

  @Test func letsInWhoShowsAGoodPassword() throws {
    defer { verifier.finish() }
    let client = try front.client()
    try client.send(request(nil))
    let asked = try client.receive(until: "</html>\n")
    #expect(asked.hasPrefix("HTTP/1.1 401 "))
    #expect(asked.contains("\r\nWWW-Authenticate: Basic realm=\"the \\\"web\\\"\", charset=\"UTF-8\"\r\n"))
    try client.send(request("alice:wrong"))
    #expect(try client.receive(until: "</html>\n").hasPrefix("HTTP/1.1 401 "))
    // Two at once: the second waits behind the first. Each counts once, whether it had to wait or not.
    try client.send(request("alice:secret") + request("alice:secret"))
    var both = ""
    while both.components(separatedBy: "inside\n").count < 3 { both += try client.receive(until: "inside\n") }
    #expect(both.hasPrefix("HTTP/1.1 200 "))
    #expect(verifier.verified == 2)
    try client.send(request("alice:secret"))
    #expect(try client.receiveToEnd(orUntil: "</html>\n").contains("HTTP/1.1 429 "))
  }

  @Test func forgetsWhoLeaves() throws {
    defer { verifier.finish() }
    for _ in 0..<3 {
      let client = try front.client()
      try client.send(request("alice:\(UInt64.random(in: 0...UInt64.max))"))
      client.reset()
    }
    front.stop()
    #expect(front.counters.sessions.load(ordering: .relaxed) == 0)
  }
}
