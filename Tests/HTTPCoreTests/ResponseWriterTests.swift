import Testing

@testable import HTTPCore

private func lend<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
  try bytes(text).withUnsafeBytes { try body($0) }
}

private func lines(_ lines: String...) -> String { lines.map { $0 + "\r\n" }.joined() + "\r\n" }

private func answer(
  _ message: String, to method: Method = .get, room: Int = 4096, change: (inout ResponseRewrite) -> Void = { _ in }
) -> String {
  var progress = HeadProgress()
  return withTable { table in
    bytes(message).withUnsafeBytes { bytes in
      guard
        case .head(let head) = ResponseHead.parse(
          bytes, answering: method, limits: HeadLimits(), progress: &progress, into: &table)
      else { return "not a response" }
      var rewrite = ResponseRewrite()
      change(&rewrite)
      return withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer in
        switch ResponseWriter.write(head, table, of: bytes, rewrite: rewrite, into: buffer) {
        case .written(let count): text(buffer[..<count])
        case .needsRoom(let count): "needs \(count)"
        }
      }
    }
  }
}

@Suite struct ResponseWriterTests {
  @Test func aPlainResponseIsWrittenAnew() {
    #expect(
      answer("HTTP/1.0 200 Fine\r\nContent-Type:text/plain\r\nContent-Length: 05\r\nServer: x\r\n\r\n")
        == lines("HTTP/1.1 200 Fine", "Content-Type: text/plain", "Server: x", "Content-Length: 5"))
    #expect(answer("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
    #expect(answer("HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n").hasPrefix("HTTP/1.1 299 \r\n"))
  }

  @Test func whatBelongsToTheConnectionStaysBehind() {
    #expect(
      answer(
        lines(
          "HTTP/1.1 200 OK", "Connection: close, X-Own", "Keep-Alive: 1", "Proxy-Authenticate: x",
          "Proxy-Connection: close", "X-Own: 1", "Upgrade: h2c", "Content-Length: 0", "Set-Cookie: a", "Set-Cookie: b"))
        == lines("HTTP/1.1 200 OK", "Set-Cookie: a", "Set-Cookie: b", "Content-Length: 0"))
  }

  @Test func theFramingIsOneThatTheClientKnows() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
    #expect(answer(chunked) == lines("HTTP/1.1 200 OK", "Trailer: X", "Transfer-Encoding: chunked"))
    #expect(
      answer(chunked) { $0.clientVersion = .http10 } == lines("HTTP/1.1 200 OK", "Connection: close"))
    #expect(answer("HTTP/1.1 200 OK\r\n\r\n") == lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"))
    #expect(
      answer("HTTP/1.1 200 OK\r\n\r\n") { $0.clientVersion = .http10 }
        == lines("HTTP/1.1 200 OK", "Connection: close"))
    #expect(
      answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") { $0.clientVersion = .http10 }
        == lines("HTTP/1.1 200 OK", "Content-Length: 5", "Connection: keep-alive"))
    #expect(
      answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") { $0.keepsAlive = false }
        == lines("HTTP/1.1 200 OK", "Content-Length: 5", "Connection: close"))
  }

  @Test func whereThereIsNoBodyNoneIsAnnounced() {
    #expect(
      answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", to: .head)
        == lines("HTTP/1.1 200 OK", "Content-Length: 5"))
    #expect(answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", to: .head) == lines("HTTP/1.1 200 OK"))
    #expect(
      answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")
        == lines("HTTP/1.1 304 Not Modified", "Content-Length: 5"))
    #expect(
      answer("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") == lines("HTTP/1.1 204 No Content"))
    #expect(
      answer("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n") == lines("HTTP/1.1 204 No Content"))
    #expect(
      answer("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n") == lines("HTTP/1.1 103 Early Hints"))
    lend("now") { date in
      #expect(
        answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 5\r\n\r\n") {
          $0.date = date
          $0.keepsAlive = false
        } == lines("HTTP/1.1 103 Early Hints", "Link: x"))
    }
  }

  @Test func aSwitchOfProtocolsIsPassedOn() {
    #expect(
      answer(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
      )
        == lines(
          "HTTP/1.1 101 Switching Protocols", "Sec-WebSocket-Accept: x", "Upgrade: websocket", "Connection: Upgrade"))
    for length in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
      #expect(answer("HTTP/1.1 200 OK\r\n\(length)\r\n\r\n", to: .connect) == lines("HTTP/1.1 200 OK"))
    }
  }

  @Test func whatIsToBeSwitchedToIsPassedOn() {
    let message =
      "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c, foo/2\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n"
    let head = ["HTTP/1.1 426 Upgrade Required", "Content-Length: 0", "Upgrade: h2c, foo/2"]
    func lines(_ last: String) -> String { (head + [last]).map { $0 + "\r\n" }.joined() + "\r\n" }
    #expect(answer(message) == lines("Connection: Upgrade"))
    #expect(answer(message) { $0.keepsAlive = false } == lines("Connection: close, Upgrade"))
    #expect(answer(message) { $0.clientVersion = .http10 } == lines("Connection: keep-alive, Upgrade"))
  }

  @Test func serverAndDateAreAsTheyShouldBe() throws {
    let message = "HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\nContent-Length: 0\r\n\r\n"
    try lend("Sun, 06 Nov 1994 08:49:37 GMT") { date in
      #expect(
        answer(message) {
          $0.server = .remove
          $0.date = date
        } == lines("HTTP/1.1 200 OK", "Date: y", "Content-Length: 0"))
      lend("balancer") { name in
        #expect(
          answer("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n") {
            $0.server = .text(name)
            $0.date = date
            $0.via = name
          }
            == lines(
              "HTTP/1.1 200 OK", "Server: balancer", "Date: Sun, 06 Nov 1994 08:49:37 GMT", "Via: 1.1 balancer",
              "Content-Length: 0"))
      }
      let edits = try FieldEdits([.init(.set, "Server", "mine"), .init(.remove, "Date"), .init(.add, "X", "1")])
      #expect(
        answer(message) {
          $0.edits = edits
          $0.date = date
        } == lines("HTTP/1.1 200 OK", "Server: mine", "X: 1", "Content-Length: 0"))
    }
  }

  @Test func aBodyThatIsCompressedHereHasAnotherHead() {
    #expect(
      answer(
        lines(
          "HTTP/1.1 200 OK", "Content-Length: 500", "ETag: \"a\"", "Accept-Ranges: bytes", "Content-Type: text/html",
          "Vary: Origin")
      ) { $0.contentCoding = "gzip" }
        == lines(
          "HTTP/1.1 200 OK", "ETag: W/\"a\"", "Content-Type: text/html", "Vary: Origin", "Content-Encoding: gzip",
          "Vary: Accept-Encoding", "Transfer-Encoding: chunked"))
    #expect(
      answer("HTTP/1.1 200 OK\r\nContent-Length: 500\r\nETag: a\r\n\r\n") {
        $0.contentCoding = "gzip"
        $0.clientVersion = .http10
      }
        == lines("HTTP/1.1 200 OK", "Content-Encoding: gzip", "Vary: Accept-Encoding", "Connection: close"))
  }

  @Test func tooLittleRoomIsSaid() {
    let message = "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 10\r\n\r\n"
    let whole = answer(message)
    for room in 0..<whole.utf8.count { #expect(answer(message, room: room) == "needs \(whole.utf8.count)") }
    #expect(answer(message, room: whole.utf8.count) == whole)
  }

  @Test func responsesOfOurOwn() {
    func write(_ response: LocalResponse) -> String {
      withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { room in
        guard case .written(let count) = response.write(into: room) else { return "too small" }
        return text(room[..<count])
      }
    }
    lend("text/plain") { type in
      lend("Retry-After: 1\r\n") { extra in
        var response = LocalResponse(status: 503)
        response.contentType = type
        response.contentLength = 12
        response.extra = extra
        #expect(
          write(response)
            == lines(
              "HTTP/1.1 503 Service Unavailable", "Content-Type: text/plain", "Retry-After: 1", "Content-Length: 12",
              "Connection: close"))
      }
    }
    var response = LocalResponse(status: 204)
    response.keepsAlive = true
    response.clientVersion = .http10
    #expect(write(response) == lines("HTTP/1.1 204 No Content", "Connection: keep-alive"))
    #expect("\(ResponseWriter.continueResponse)" == "HTTP/1.1 100 Continue\r\n\r\n")
  }
}
