import Balancing
import Base
import HTTPProxy
import Reactor
import Synchronization
import TLS
import Testing

@testable import TCPProxy

/// Clients that come back to their backend by a cookie.
@Suite(.timeLimit(.minutes(1)))
struct HTTPStickyTests {
  private struct Site {
    let front: Front
    let farm: Farm

    init(_ count: Int) throws {
      let servers = try (0..<count).map { _ in try HandServer() }
      farm = Farm(servers)
      let key = try #require(MessageKey.random())
      // As `Front` makes them.
      let backends = servers.map { Backend(pool: "web", name: "\($0.address)", address: $0.address) }
      let cookies = try #require(
        StickyCookies(try StickyCookie(name: "server", isSecure: false), key: key, pool: "web", backends: backends))
      front = try Front(servers.map(\.address), http: HTTPService()) { $0.cookies = cookies }
    }

    /// - Returns: the cookie that was set, and how many requests each backend has served.
    func ask(_ cookie: String?) throws -> (cookie: String?, served: [Int]) {
      let client = try front.client()
      defer { client.close() }
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\(cookie.map { "Cookie: a=b; \($0)\r\n" } ?? "")\r\n")
      let backend = try farm.asked()
      try backend.send("HTTP/1.1 200 OK\r\nSet-Cookie: theirs=1\r\nContent-Length: 2\r\n\r\nok")
      let response = try client.receive(until: "ok")
      #expect(response.contains("\r\nSet-Cookie: theirs=1\r\n"))
      // A response is out a moment before its exchange is counted.
      try front.settle()
      let set = response.split(separator: "\r\n").filter { $0.hasPrefix("Set-Cookie: server=") }
      #expect(set.count <= 1)
      for line in set { #expect(line.hasSuffix("; Path=/; HttpOnly; SameSite=Lax")) }
      return (
        set.first.map { String($0.dropFirst("Set-Cookie: ".count).prefix { $0 != ";" }) },
        front.backends.map { Int($0.meters.sum(.sessions)) }
      )
    }
  }

  @Test func bringsAClientBack() throws {
    let site = try Site(3)
    let (cookie, first) = try site.ask(nil)
    let mine = try #require(cookie)
    let backend = try #require(first.firstIndex(of: 1))
    for visit in 2...7 {
      let (again, served) = try site.ask(mine)
      #expect(again == nil)
      #expect(served[backend] == visit)
    }
    // Others are spread, and told where they are.
    #expect(try site.ask(nil).cookie != nil)
  }

  @Test(arguments: ["server=", "server=nonsense", "server=00000000000000000000000000000000ffffffff"])
  func givesACookieForOneThatIsNoneOfOurs(cookie: String) throws {
    #expect(try Site(2).ask(cookie).cookie != nil)
  }

  @Test func tellsAClientWhoseBackendIsDownWhereItIsNow() throws {
    let site = try Site(2)
    let (cookie, first) = try site.ask(nil)
    let backend = try #require(first.firstIndex(of: 1))
    site.front.setHealth(.down, of: backend)
    let (other, served) = try site.ask(cookie)
    #expect(other != nil && other != cookie)
    #expect(served[backend] == 1)
  }
}
