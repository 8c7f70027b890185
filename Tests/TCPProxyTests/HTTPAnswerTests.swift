import Base
import HTTPProxy
import Testing

@testable import TCPProxy

/// What is answered where no backend answers.
@Suite(.timeLimit(.minutes(1)))
struct HTTPAnswerTests {
  private static func front(_ files: [String: String]) throws -> Front {
    var settings = HTTPService.Settings()
    settings.errorPages = try ErrorPages(files: files) { path, _ in Array("page of \(path)".utf8) }
    return try Front([], http: HTTPService(settings))
  }

  @Test func answersWithTheOperatorsPage() throws {
    let front = try Self.front(["5xx": "all.html", "503": "busy.json"])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = try client.receive(until: "page of busy.json")
    #expect(response.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    #expect(response.contains("\r\nContent-Type: application/json\r\n"))
    #expect(response.contains("\r\nContent-Length: 17\r\n"))
    #expect(response.contains("\r\nRetry-After: 1\r\n"))
    #expect(response.contains("\r\nDate: "))
    #expect(!response.contains("Connection:"))
    // To HEAD the same without the body, and the connection goes on.
    try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
    let rest = try client.receive(until: "</html>\n")
    #expect(rest.contains("\r\nContent-Length: 17\r\n"))
    #expect(rest.contains("\r\n\r\nHTTP/1.1 405 Method Not Allowed\r\n"))
    #expect(rest.contains("\r\nAllow: GET"))
  }

  @Test func saysToTheOldThatItsConnectionGoesOn() throws {
    let front = try Self.front([:])
    let client = try front.client()
    try client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    #expect(try client.receive(until: "</html>\n").contains("\r\nConnection: keep-alive\r\n"))
    try client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    #expect(try client.receiveToEnd().contains("\r\nConnection: close\r\n"))
  }
}
