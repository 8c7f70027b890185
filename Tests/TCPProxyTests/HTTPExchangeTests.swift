import Balancing
import Base
import HTTPCore
import Reactor
import Testing

@testable import TCPProxy

/// Requests and responses through workers, with both ends in the hands of the test.
@Suite(.timeLimit(.minutes(1)))
struct HTTPExchangeTests {
  private func front(_ servers: [HandServer], _ configure: (inout Destination.Settings) -> Void = { _ in }) throws -> Front {
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

  @Test func answersRequestsInTheirOrder() throws {
    let server = try HandServer()
    let front = try front([server])
    let client = try front.client()
    try client.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
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
    #expect(try backend.receive(until: "abc").hasSuffix("Transfer-Encoding: chunked\r\n\r\n3\r\nabc"))
    try client.send("2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
    #expect(try backend.receive(until: "\r\n\r\n") == "\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
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
    #expect(try client.receive(until: "Gateway\n").hasPrefix("HTTP/1.1 502"))
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
    let response = try client.receiveToEnd(orUntil: status == 405 ? "Allowed\n" : nil)
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
