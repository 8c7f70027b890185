import Balancing
import HTTPCore
import Routing
import Testing

@testable import TCPProxy

/// Requests of which a route's rewriting makes no path.
@Suite(.timeLimit(.minutes(1)))
struct HTTPRewriteTests {
  @Test(arguments: [
    ("^/up/(.*)$", "/../$1", "/up/x", 400), ("^/up/(.*)$", "/x/$1", "/up/..", 503),
    ("^/up/(.*)$", "/%00$1", "/up/x", 400),
    ("^/(a+)+$", "/a", "/" + String(repeating: "a", count: 60) + "!", 500), ("^/(a+)+$", "/a", "/aaa", 503),
    ("^/up", "/x", "*", 503),
  ])
  func passesNoOtherPathOn(expression: String, to: String, target: String, status: Int) throws {
    var settings = HTTPService.Settings()
    let nobody = Destination(
      pool: Pool(name: "nobody", scheduler: .roundRobin, members: [], initialHealth: { _ in .up }))
    var route = Route.Settings(.pools(Split(weights: [1])))
    route.rewrite = PathRewrite(try RegularExpression(expression), target: to)
    settings.routes = HTTPRoutes(try RouteTable([RouteMatch()]), [HTTPRoutes.Entry(Route(route), [nobody])])
    let front = try Front([], http: HTTPService(settings))
    let client = try front.client()
    try client.send("\(target == "*" ? "OPTIONS" : "GET") \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
    // With a path it would have gone to a pool without backends.
    #expect(try client.receive(until: "</html>\n").hasPrefix("HTTP/1.1 \(status) "))
  }
}
