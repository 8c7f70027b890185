import Balancing
import Base
import Glibc
import HTTPCore
import Reactor
import Synchronization
import Testing

@testable import TCPProxy

/// Requests and responses through workers, with both ends in the hands of the test.
@Suite(.timeLimit(.minutes(1)))
struct HTTPExchangeTests {
  private func front(_ servers: [HandServer], _ configure: (inout Destination.Settings) -> Void = { _ in }) throws
    -> Front
  {
    try Front(servers.map(\.address), http: HTTPService(), configure)
  }

  @Test func relaysARequestAndItsResponse() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Own: 1\r\nConnection: x-gone\r\nX-Gone: 2\r\n\r\n")
    let backend = try server.accept()
    let request = try backend.receive(until: "\r\n\r\n")
    #expect(request.hasPrefix("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Own: 1\r\n"))
    #expect(request.contains("X-Forwarded-For: 127.0.0.1\r\n"))
    #expect(!request.contains("X-Gone"))
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    let response = try client.receive(until: "hello")
    #expect(response.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(response.contains("\r\nDate: "))
    #expect(response.hasSuffix("Content-Length: 5\r\n\r\nhello"))
  }

  @Test func usesBothConnectionsAgain() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    for number in 1...20 {
      #expect(try backend.receive(until: "\r\n\r\n").hasPrefix("GET /\(number) "))
      try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number % 10)")
      #expect(try client.receive(until: "\r\n\r\n\(number % 10)").hasPrefix("HTTP/1.1 200"))
      try client.send("GET /\(number + 1) HTTP/1.1\r\nHost: a\r\n\r\n")
    }
  }

  @Test func closesAConnectionThatHasRestedLongEnough() throws {
    let server = try HandServer()
    let front = try front([server]) { $0.http.ttl = .milliseconds(20) }
    let client = try front.client()
    for number in 1...3 {
      try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
      let backend = try server.accept()
      #expect(try backend.receive(until: "\r\n\r\n").hasPrefix("GET /\(number) "))
      try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)")
      #expect(try client.receive(until: "\r\n\r\n\(number)").hasPrefix("HTTP/1.1 200"))
      #expect(try backend.receive().isEmpty)
    }
  }

  @Test func answersRequestsInTheirOrder() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    let backend = try server.accept()
    #expect(try backend.receive(until: "\r\n\r\n").hasPrefix("GET /1 "))
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
    #expect(try backend.receive(until: "\r\n\r\nabc").hasPrefix("POST /2 "))
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2")
    #expect(try backend.receive(until: "\r\n\r\n").hasPrefix("GET /3 "))
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3")
    let all = try client.receive(until: "\r\n\r\n3")
    #expect(all.contains("\r\n\r\n1HTTP/1.1 200"))
    #expect(all.contains("\r\n\r\n2HTTP/1.1 200"))
  }

  @Test func passesChunksOn() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n")
    let backend = try server.accept()
    #expect(try backend.receive(until: "abc\r\n").hasSuffix("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"))
    try client.send("2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
    #expect(try backend.receive(until: "\r\n\r\n") == "2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
    try backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
    #expect(try client.receive(until: "0\r\n\r\n").hasSuffix("\r\n\r\n6\r\nhello!\r\n0\r\n\r\n"))
    // And the connections go on.
    try client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try backend.receive(until: "\r\n\r\n").hasPrefix("GET /2 "))
  }

  @Test func endsABodyThatTheBackendsCloseEnds() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.0 200 OK\r\n\r\nall of it")
    backend.close()
    #expect(try client.receive(until: "0\r\n\r\n").hasSuffix("9\r\nall of it\r\n0\r\n\r\n"))
    try client.send("GET /2 HTTP/1.0\r\nHost: a\r\n\r\n")
    let second = try server.accept()
    _ = try second.receive(until: "\r\n\r\n")
    try second.send("HTTP/1.0 200 OK\r\n\r\nall of it")
    second.close()
    let response = try client.receiveToEnd()
    #expect(response.contains("Connection: close\r\n"))
    #expect(response.hasSuffix("\r\n\r\nall of it"))
  }

  @Test func triesAnotherBackendWhereNothingWasAnswered() throws {
    let servers = try [HandServer(), HandServer()]
    let front = try front(servers)
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let first = try servers[0].accept()
    _ = try first.receive(until: "\r\n\r\n")
    first.close()
    let second = try servers[1].accept()
    _ = try second.receive(until: "\r\n\r\n")
    try second.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    #expect(try client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
  }

  @Test func doesNotRepeatWhatMayHaveHappened() throws {
    let servers = try [HandServer(), HandServer()]
    let front = try front(servers)
    let client = try front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    let first = try servers[0].accept()
    _ = try first.receive(until: "\r\n\r\nx")
    first.close()
    #expect(try client.receive(until: "</html>\n").hasPrefix("HTTP/1.1 502"))
  }

  /// Its very first write fails, so the backend has got nothing: what may happen only once has not happened yet.
  @Test(arguments: [
    "Content-Length: 1\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  ])
  func sendsAgainWhatWasNotSent(body: String) throws {
    let path = "/tmp/balancer-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).sock"
    defer { unlink(path) }
    let server = try HandServer(.unix(path))
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let first = try server.accept()
    _ = try first.receive(until: "\r\n\r\n")
    try first.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
    #expect(try client.receive(until: "\r\n\r\n1").hasPrefix("HTTP/1.1 200"))
    // Nobody is told of that, and there is nothing to read: only a write fails.
    shutdown(first.number, Int32(SHUT_RD))
    try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(body)")
    let second = try server.accept()
    #expect(try second.receive(until: body).hasPrefix("POST / "))
    try second.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    #expect(try client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 201"))
    try front.settle()
    #expect(front.backends[0].sessions.load(ordering: .relaxed) == 0)
  }

  @Test func keepsMoreThanTheLengthFromTheNextClient() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    #expect(try client.receive(until: "\r\n\r\nok").hasSuffix("\r\n\r\nok"))
    try client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    let second = try server.accept()
    #expect(try second.receive(until: "\r\n\r\n").hasPrefix("GET /2 "))
    try second.send("HTTP/1.1 204 No Content\r\n\r\n")
    #expect(try client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 204"))
    #expect(try backend.receiveToEnd() == "")
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("GET / HTTP/2.7\r\nHost: a\r\n\r\n", 505), ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
  ])
  func refusesWhatBreaksTheRules(request: String, status: Int) throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send(request)
    let response = try client.receiveToEnd(orUntil: status == 405 ? "</html>\n" : nil)
    #expect(response.hasPrefix("HTTP/1.1 \(status) "))
  }

  @Test func switchesProtocols() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    let backend = try server.accept()
    #expect(try backend.receive(until: "\r\n\r\n").contains("Upgrade: websocket\r\n"))
    try backend.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
    #expect(try client.receive(until: "first").hasPrefix("HTTP/1.1 101"))
    try client.send("up")
    #expect(try backend.receive(until: "up") == "up")
    try backend.send("down")
    #expect(try client.receive(until: "down") == "down")
    client.close()
    #expect(try backend.receiveToEnd() == "")
  }

  @Test func passesInterimResponses() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    let backend = try server.accept()
    #expect(try backend.receive(until: "\r\n\r\n").contains("Expect: 100-continue\r\n"))
    try backend.send("HTTP/1.1 100 Continue\r\n\r\n")
    #expect(try client.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    try client.send("abc")
    #expect(try backend.receive(until: "abc") == "abc")
    try backend.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    let response = try client.receive(until: "Content-Length: 0\r\n\r\n")
    #expect(response.hasPrefix("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK"))
  }
}

extension End {
  /// Everything up to `text`, which must be its end.
  func receive(until text: String) throws -> String {
    var all = ""
    while !all.hasSuffix(text) {
      let next = try receive()
      guard !next.isEmpty else { throw TooLate(description: "the end came behind \(all.debugDescription)") }
      all += next
    }
    return all
  }

  func receiveToEnd(orUntil text: String? = nil) throws -> String {
    var all = ""
    while true {
      let next = try receive()
      if next.isEmpty { return all }
      all += next
      if let text, all.hasSuffix(text) { return all }
    }
  }
}

extension HandServer {
  func accept() throws -> End { try accept(1)[0] }
}

/// What does not go as it should, and what must be left afterwards.
@Suite(.timeLimit(.minutes(1)))
struct HTTPTroubleTests {
  private func front(
    _ servers: [HandServer], _ settings: HTTPService.Settings = HTTPService.Settings(),
    _ configure: (inout Destination.Settings) -> Void = { _ in }
  ) throws -> Front {
    try Front(servers.map(\.address), http: HTTPService(settings), configure)
  }

  @Test func answersEarlyAndThrowsTheRestAway() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin")
    let backend = try server.accept()
    _ = try backend.receive(until: "begin")
    try backend.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    let response = try client.receive(until: "no")
    #expect(response.contains("Connection: close\r\n"))
    #expect(try client.receive() == "")
    // The rest of the body goes nowhere, and does no harm.
    _ = try? client.send(String(repeating: "x", count: 50_000))
    #expect(try backend.receiveToEnd() == "")
  }

  @Test func refusesABodyThatIsTooLarge() throws {
    let server = try HandServer()
    var settings = HTTPService.Settings()
    settings.maxBody = 10
    let front = try front([server], settings)
    let declared = try front.client()
    try declared.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
    #expect(try declared.receiveToEnd().hasPrefix("HTTP/1.1 413 "))
    let chunked = try front.client()
    try chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "12345678\r\n")
    try chunked.send("3\r\nabc\r\n")
    #expect(try chunked.receiveToEnd().hasPrefix("HTTP/1.1 413 "))
    #expect(try backend.receiveToEnd() == "")
  }

  @Test func saysThatAHeadDidNotComeInTime() throws {
    let server = try HandServer()
    var settings = HTTPService.Settings()
    settings.request = .milliseconds(50)
    let front = try front([server], settings)
    // Who has said nothing yet when the time is over is closed without an answer.
    var client: End?
    try front.holdWorker {
      client = try front.client()
      try client?.send("GET / HTTP/1.1\r\n")
    }
    #expect(try client?.receiveToEnd().hasPrefix("HTTP/1.1 408 ") == true)
  }

  @Test func saysThatNoResponseCameInTime() throws {
    let server = try HandServer()
    let front = try front([server]) { $0.http.response = .milliseconds(1000) }
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    #expect(try client.receive(until: "</html>\n").hasPrefix("HTTP/1.1 504 "))
    _ = try backend.receive(until: "\r\n\r\n")
    #expect(try backend.receiveToEnd() == "")
    // The client's connection is as good as before.
    try client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    let second = try server.accept()
    _ = try second.receive(until: "\r\n\r\n")
    try second.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    #expect(try client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "SSH-2.0-OpenSSH\r\n",
    "HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
  ])
  func doesNotPassABadResponseOn(response: String) throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send(response)
    #expect(try client.receive(until: "</html>\n").hasPrefix("HTTP/1.1 502 "))
    #expect(try backend.receiveToEnd() == "")
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
  ])
  func showsThatAResponseWasCut(response: String) throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send(response)
    backend.close()
    let all = try client.receiveToEnd()
    #expect(!all.contains("0\r\n\r\n"))
  }

  @Test func takesAClosedConnectionForNobody() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    for number in 1...5 {
      try client.send("POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
      let backend = try server.accept()
      _ = try backend.receive(until: "\r\n\r\nx")
      try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)")
      backend.close()
      #expect(try client.receive(until: "\r\n\r\n\(number)").hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func keepsConnectionsWithAnIdentityFromOthers() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
    _ = try client.receive(until: "\r\n\r\n")
    #expect(try backend.receiveToEnd() == "")
  }

  @Test func endsTheExchangeOfAClientThatLeft() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    client.reset()
    #expect(try backend.receiveToEnd() == "")
  }

  @Test func passesLargeBodiesBothWaysToThoseWhoReadSlowly() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    let part = String(repeating: "0123456789abcdef", count: 4096)
    let parts = 64
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(part.utf8.count * parts)\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try client.exchange(part, parts, with: backend)
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: \(part.utf8.count * parts)\r\n\r\n")
    _ = try client.receive(until: "\r\n\r\n")
    try backend.exchange(part, parts, with: client)
    // In order, and the connections go on.
    try client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try backend.receive(until: "\r\n\r\n").hasPrefix("GET /2 "))
  }

  @Test func leavesNothingBehind() throws {
    let server = try HandServer()
    let front = try front([server])
    var generator = SeededGenerator(seed: 20)
    for _ in 0..<200 {
      let client = try front.client()
      let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      try client.send(String(request.prefix(Int(generator.next() % UInt64(request.count)))))
      if generator.next() & 1 == 0 { client.reset() } else { client.close() }
    }
    let limit = Clock.now.later(20_000_000_000)
    while front.counters.sessions.load(ordering: .relaxed) > 0 {
      try #require(Clock.now < limit, "\(front.counters.sessions.load(ordering: .relaxed)) are left")
      _ = server.acceptAll()
      sched_yield()
    }
    #expect(front.backends[0].sessions.load(ordering: .relaxed) == 0)
  }
}

extension End {
  /// Sends `count` times `part` as fast as the other end takes it, which reads meanwhile and compares.
  func exchange(_ part: String, _ count: Int, with other: End) throws {
    let bytes = Array(part.utf8)
    let total = bytes.count * count
    var sent = 0
    var seen = 0
    var room = [UInt8](repeating: 0, count: 5000)
    let limit = Clock.now.later(30_000_000_000)
    while seen < total {
      guard Clock.now < limit else { throw TooLate(description: "\(seen) of \(total) bytes came") }
      if sent < total {
        let start = sent % bytes.count
        let delivered = bytes.withUnsafeBytes {
          SocketIO.send(number, from: $0.baseAddress! + start, count: bytes.count - start, more: false)
        }
        if case .bytes(let count) = delivered { sent += count }
      }
      if case .bytes(let count) = SocketIO.receive(other.number, into: &room, count: room.count) {
        for index in 0..<count where room[index] != bytes[(seen + index) % bytes.count] {
          throw TooLate(description: "another byte at \(seen + index)")
        }
        seen += count
      }
    }
  }
}
