import HTTPCore
import Testing

@testable import Admin

@Suite struct AdminRouteTests {
  private func route(_ method: String, _ target: String, _ fields: String...) throws -> AdminRoute {
    let text =
      "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    return try AdminRoute.find(request(text), hasDashboard: true)
  }

  @Test(
    arguments: [
      ("GET", "/", .file(.page)), ("GET", "/?theme=dark", .file(.page)), ("HEAD", "/dashboard.css", .file(.style)),
      ("GET", "/dashboard.js", .file(.script)), ("GET", "/healthz", .task(.live)), ("GET", "/readyz", .task(.ready)),
      ("GET", "/v1/status", .task(.status)), ("HEAD", "/v1/status", .task(.status)),
      ("GET", "http://localhost/v1/config", .task(.configuration)), ("GET", "http://localhost", .file(.page)),
      ("POST", "/v1/reload", .task(.reload)), ("POST", "/v1/check", .task(.check([]))),
      ("GET", "/v1/events", .events(after: nil)), ("GET", "/v1/events?after=7", .events(after: 7)),
      ("GET", "/v1/events?x=1&after=%37", .events(after: 7)),
      ("POST", "/v1/pools/web/backends/a/drain", .task(.steer(pool: "web", backend: "a", .drain))),
      ("POST", "/v1/pools/web/backends/a/disable", .task(.steer(pool: "web", backend: "a", .disable))),
      ("POST", "/v1/pools/web/backends/a/enable", .task(.steer(pool: "web", backend: "a", .enable))),
      ("PUT", "/v1/pools/web/backends/a/weight", .task(.steer(pool: "web", backend: "a", .weight([])))),
      ("DELETE", "/v1/pools/web/backends/a/weight", .task(.steer(pool: "web", backend: "a", .ownWeight))),
      (
        "POST", "/v1/pools/web/backends/web.internal:80%2F10.0.0.1/drain",
        .task(.steer(pool: "web", backend: "web.internal:80/10.0.0.1", .drain))
      ),
    ] as [(String, String, AdminRoute)])
  func whatThereIsIsFound(method: String, target: String, expected: AdminRoute) throws {
    #expect(try route(method, target) == expected)
  }

  @Test(
    arguments: [
      "//", "/v1", "/v1/", "/v1/status/", "/v1//status", "/v2/status", "/V1/status", "/v1/./status", "/v1%2Fstatus",
      "/v1/pools/web/backends/a", "/v1/pools/web/backends/a/drain/now", "/v1/pools/web/frontends/a/drain",
      "/v1/pools/web/backends/a/b/drain", "/index.html", "/favicon.ico",
    ])
  func allElseIsNot(target: String) {
    #expect(error { try route("GET", target) }?.code == .notFound)
  }

  @Test func aMethodThatIsNotThereIsToldOfThoseThatAre() {
    #expect(error { try route("POST", "/v1/status") }?.allowed == ["GET", "HEAD"])
    #expect(error { try route("GET", "/v1/reload") }?.allowed == ["POST"])
    let weight = error { try route("POST", "/v1/pools/a/backends/b/weight") }
    #expect(weight?.code == .methodNotAllowed && weight?.allowed == ["PUT", "DELETE"])
    #expect(error { try route("HEAD", "/v1/reload") }?.code == .methodNotAllowed)
    #expect(error { try route("BREW", "/") }?.code == .methodNotAllowed)
  }

  @Test(arguments: ["/%", "/%4", "/%zz", "/%00", "/%ff", "/%c0%af", "/v1/events?after=%"])
  func whatCannotBeDecodedIsABadRequest(target: String) {
    #expect(error { try route("GET", target) }?.code == .badRequest)
  }

  @Test func theFieldComesBeforeTheQuery() throws {
    #expect(try route("GET", "/v1/events?after=7", "Last-Event-ID: 9") == .events(after: 9))
    #expect(try route("GET", "/v1/events?after=", "Last-Event-ID: ") == .events(after: nil))
    #expect(error { try route("GET", "/v1/events", "Last-Event-ID: -1") }?.code == .badRequest)
    #expect(error { try route("GET", "/v1/events?after=99999999999999999999") }?.code == .badRequest)
  }

  @Test func withoutTheDashboardThereIsNoPage() throws {
    for path in ["/", "/dashboard.css", "/dashboard.js"] {
      #expect(error { try AdminRoute.find(request("GET", path), hasDashboard: false) }?.code == .notFound)
    }
    #expect(try AdminRoute.find(request("GET", "/readyz"), hasDashboard: false) == .task(.ready))
  }

  @Test func neitherTunnelsNorTheServerAsAWholeAreThere() {
    #expect(error { try request("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n") }?.code == .badRequest)
    #expect(error { try request("OPTIONS", "*") }?.code == .badRequest)
  }
}
