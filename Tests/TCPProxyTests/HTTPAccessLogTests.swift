import AccessLog
import Base
import Foundation
import Reactor
import Testing

@testable import TCPProxy

/// What is logged of exchanges, whatever becomes of them.
@Suite(.timeLimit(.minutes(1)))
struct HTTPAccessLogTests {
  /// A front whose exchanges are logged, until `lines` are asked for.
  private final class Logged {
    let front: Front
    private let log: AccessLogWriter
    private let path: String

    init(
      _ servers: [HandServer], share: Double = 1, http: HTTPService.Settings = HTTPService.Settings(),
      _ configure: (inout Destination.Settings) -> Void = { _ in }
    ) throws {
      path = FileManager.default.temporaryDirectory.appendingPathComponent("access-\(UUID())").path
      log = try AccessLogWriter(.init(.file(path), .json), workers: 1) { _ in }
      front = try Front(servers.map(\.address), http: HTTPService(http), configure)
      front.group.logAccess(to: log, share: share)
      try front.settle()
    }

    /// Everything that was logged; ends all.
    func lines() throws -> [[String: Any]] {
      front.stop()
      #expect(log.finish(limit: 10_000))
      defer { try? FileManager.default.removeItem(atPath: path) }
      return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }
  }

  @Test func logsAnExchange() throws {
    let server = try HandServer()
    var http = HTTPService.Settings()
    http.requestID = Array("X-Request-ID".utf8)
    let logged = try Logged([server], http: http)
    let client = try logged.front.client()
    try client.send(
      "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\nReferer: http://r/\r\nUser-Agent: test/1\r\nContent-Length: 3\r\n\r\nabc"
    )
    let backend = try server.accept()
    let request = try backend.receive(until: "abc")
    try backend.send("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello")
    _ = try client.receive(until: "hello")
    try client.send("POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")
    _ = try backend.receive(until: "0\r\n\r\n")
    try backend.send("HTTP/1.1 204 No Content\r\n\r\n")
    _ = try client.receive(until: "\r\n\r\n")
    let lines = try logged.lines()
    try #require(lines.count == 2)
    let line = lines[0]
    #expect(line["listener"] as? String == "web")
    #expect(line["client"] as? String == "127.0.0.1")
    #expect(line["method"] as? String == "POST")
    #expect(line["host"] as? String == "example.com")
    #expect(line["target"] as? String == "/a?b=c")
    #expect(line["version"] as? String == "HTTP/1.1")
    #expect(line["status"] as? Int == 201)
    #expect(line["ending"] as? String == "completed")
    #expect(line["pool"] as? String == "web")
    #expect(line["backend"] as? String == "\(server.address)")
    #expect(line["received"] as? Int == 3)
    #expect(line["sent"] as? Int == 5)
    #expect(line["referer"] as? String == "http://r/")
    #expect(line["user_agent"] as? String == "test/1")
    let id = try #require(line["id"] as? String)
    #expect(request.contains("X-Request-ID: \(id)\r\n"))
    #expect(line["queue_ms"] != nil && line["connect_ms"] != nil)
    let first = try #require(line["first_byte_ms"] as? Double)
    #expect(first <= (try #require(line["total_ms"] as? Double)))
    // The second came on a connection that was kept.
    #expect(lines[1]["connect_ms"] == nil)
    #expect(lines[1]["received"] as? Int == 4)
    #expect(lines[1]["user_agent"] == nil)
  }

  @Test func logsWhatIsAnsweredHere() throws {
    let logged = try Logged([])
    let client = try logged.front.client()
    try client.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try client.receive(until: "</html>\n")
    try client.send("TRACE /trace HTTP/1.1\r\nHost: a\r\n\r\n")
    let answer = try client.receive(until: "</html>\n")
    try client.send("no request\r\n\r\n")
    _ = try client.receiveToEnd()
    let lines = try logged.lines()
    #expect(lines.map { $0["ending"] as? String } == ["no-backend", "refused", "bad-request"])
    #expect(lines.map { $0["status"] as? Int } == [503, 405, 400])
    #expect(lines.map { $0["target"] as? String } == ["/none", "/trace", nil])
    let body = try #require(answer.range(of: "\r\n\r\n")).upperBound
    #expect(lines[1]["sent"] as? Int == answer[body...].utf8.count)
  }

  @Test func saysWhoEndedIt() throws {
    let server = try HandServer()
    let logged = try Logged([server]) { $0.retries = 0 }
    let impatient = try Logged([server]) {
      $0.http.response = .milliseconds(50); $0.retries = 0
    }
    func ask(_ target: String, at logged: Logged, _ respond: (End) throws -> Void) throws {
      let client = try logged.front.client()
      try client.send("POST /\(target) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
      let backend = try server.accept()
      _ = try backend.receive(until: "\r\n\r\n")
      try respond(backend)
      _ = try client.receiveToEnd(orUntil: "</html>\n")
    }
    try ask("backend-timeout", at: impatient) { _ in }
    try ask("backend-reset", at: logged) { $0.close() }
    try ask("backend-reset", at: logged) {
      try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
      $0.close()
    }
    try ask("bad-response", at: logged) { try $0.send("nonsense\r\n\r\n") }
    let client = try logged.front.client()
    try client.send("GET /client-closed HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    client.reset()
    #expect(try backend.receiveToEnd() == "")
    let lines = try impatient.lines() + logged.lines()
    #expect(lines.count == 5)
    for line in lines {
      let ending = try #require(line["ending"] as? String)
      #expect(line["target"] as? String == "/\(ending)")
    }
    #expect(lines.last?["status"] == nil)
  }

  @Test func logsAShare() throws {
    let logged = try Logged([], share: 0.25)
    let client = try logged.front.client()
    for _ in 0..<40 {
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      _ = try client.receive(until: "</html>\n")
    }
    #expect(try logged.lines().count == 10)
  }

  @Test func stopsAndGoesOn() throws {
    let logged = try Logged([])
    func ask() throws {
      let client = try logged.front.client()
      try client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
      _ = try client.receiveToEnd()
    }
    try ask()
    logged.front.group.logAccess(to: nil)
    try logged.front.settle()
    try ask()
    #expect(try logged.lines().count == 1)
  }
}
