import Base
import Testing

@testable import HTTPCore

/// Lends the bytes of a text.
private func lend<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
  bytes(text).withUnsafeBytes { body($0) }
}

/// What a backend gets of a request. The rewrite is made by `change`.
private func forward(
  _ message: String, room: Int = 4096, change: (inout RequestRewrite) -> Void = { _ in }
) -> String {
  forward(message: bytes(message), room: room, change: change)
}

private func forward(
  message: [UInt8], room: Int = 4096, change: (inout RequestRewrite) -> Void = { _ in }
) -> String {
  var progress = HeadProgress()
  return withTable { table in
    message.withUnsafeBytes { bytes in
      guard case .head(let head) = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
      else { return "not a request" }
      var rewrite = RequestRewrite()
      change(&rewrite)
      return withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer in
        switch RequestWriter.write(head, table, of: bytes, rewrite: rewrite, into: buffer) {
        case .written(let count): text(buffer[..<count])
        case .needsRoom(let count): "needs \(count)"
        }
      }
    }
  }
}

private func lines(_ lines: String...) -> String { lines.map { $0 + "\r\n" }.joined() + "\r\n" }

@Suite struct RequestWriterTests {
  @Test func aPlainRequestIsWrittenAnew() {
    #expect(
      forward("\r\nGET /a?b HTTP/1.1\r\nHOST:a.example:80  \r\nAccept:  */* \r\nX-Y:z\r\n\r\n")
        == lines("GET /a?b HTTP/1.1", "Host: a.example:80", "Accept: */*", "X-Y: z"))
  }

  @Test func aRequestOfHTTP10BecomesOneOf11() {
    #expect(
      forward("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n")
        == lines("GET / HTTP/1.1", "Host: a"))
    #expect(forward("GET / HTTP/1.0\r\n\r\n") == lines("GET / HTTP/1.1", "Host: "))
  }

  @Test func whatBelongsToTheConnectionStaysBehind() {
    #expect(
      forward(
        lines(
          "GET / HTTP/1.1", "Host: a", "Connection: close, X-Own, X-Forwarded-For, Cookie", "Keep-Alive: 1",
          "Proxy-Connection: keep-alive", "TE: gzip", "Upgrade: h2c", "HTTP2-Settings: x", "Proxy-Authorization: y",
          "X-Own: 1", "Cookie: c", "X-Other: 2"))
        == lines("GET / HTTP/1.1", "Host: a", "Cookie: c", "X-Other: 2"))
  }

  @Test func fieldsSpelledWithUnderscoresAreDropped() {
    #expect(
      forward(
        lines(
          "GET / HTTP/1.1", "Host: a", "X_Forwarded_For: 1", "X-Forwarded_Proto: https", "Content_Length: 5",
          "X_Real_IP: 1", "X_Request_ID: 1", "AUTHORIZATION_: x", "User_Agent: y", "My_Own: z", "X_Forwarded_User: root"
        ))
        == lines("GET / HTTP/1.1", "Host: a", "AUTHORIZATION_: x", "My_Own: z"))
  }

  @Test func theFramingIsWrittenFromWhatWasDecided() {
    #expect(
      forward("POST / HTTP/1.1\r\nContent-Length: 0005\r\nHost: a\r\n\r\n")
        == lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5"))
    #expect(
      forward("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\nTrailer: X\r\n\r\n")
        == lines("POST / HTTP/1.1", "Host: a", "Trailer: X", "Transfer-Encoding: chunked"))
    #expect(
      forward("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n") {
        $0.framing = .length(7)
      }
        == lines("POST / HTTP/1.1", "Host: a", "Content-Length: 7"))
    #expect(forward("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").contains("Content-Length: 0\r\n"))
  }

  @Test func everyFormOfTargetBecomesThatOfAServer() {
    #expect(forward("GET http://a/b?c HTTP/1.1\r\nHost: A:80\r\n\r\n") == lines("GET /b?c HTTP/1.1", "Host: a"))
    #expect(forward("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n") == lines("GET / HTTP/1.1", "Host: a"))
    #expect(forward("GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n") == lines("GET /?b HTTP/1.1", "Host: a"))
    #expect(forward("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n") == lines("OPTIONS * HTTP/1.1", "Host: a"))
    #expect(forward("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == lines("OPTIONS / HTTP/1.1", "Host: a"))
    #expect(forward("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == lines("OPTIONS * HTTP/1.1", "Host: a"))
    #expect(forward("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n") == lines("CONNECT a:1 HTTP/1.1", "Host: a:1"))
  }

  @Test func pathQueryAndHostCanBeAnother() {
    lend("/new") { path in
      lend("x=y") { query in
        lend("b.example") { host in
          #expect(
            forward("GET /old?a HTTP/1.1\r\nHost: a\r\n\r\n") { $0.path = path }
              == lines("GET /new?a HTTP/1.1", "Host: a"))
          #expect(
            forward("GET /old HTTP/1.1\r\nHost: a\r\n\r\n") {
              $0.path = path
              $0.query = query
              $0.host = host
            } == lines("GET /new?x=y HTTP/1.1", "Host: b.example"))
        }
      }
      #expect(
        forward("GET /old?a HTTP/1.1\r\nHost: a\r\n\r\n") { $0.query = UnsafeRawBufferPointer(start: nil, count: 0) }
          == lines("GET /old HTTP/1.1", "Host: a"))
      #expect(forward("GET /? HTTP/1.1\r\nHost: a\r\n\r\n") == lines("GET /? HTTP/1.1", "Host: a"))
    }
  }

  @Test func connectionSaysWhatIsNeeded() {
    let webSocket = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    #expect(
      forward(webSocket + "\r\n") == lines("GET / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade"))
    #expect(forward(webSocket + "\r\n") { $0.passesUpgrade = false } == lines("GET / HTTP/1.1", "Host: a"))
    #expect(
      forward(webSocket + "TE: trailers\r\n\r\n")
        == lines("GET / HTTP/1.1", "Host: a", "TE: trailers", "Upgrade: websocket", "Connection: Upgrade, TE"))
    #expect(
      forward("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n") { $0.closes = true }
        == lines("GET / HTTP/1.1", "Host: a", "TE: trailers", "Connection: close, TE"))
    #expect(
      forward("GET / HTTP/1.1\r\nHost: a\r\n\r\n") { $0.closes = true }
        == lines("GET / HTTP/1.1", "Host: a", "Connection: close"))
  }

  @Test func expectationsArePassedOnOrNot() {
    let message = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n"
    #expect(
      forward(message) == lines("PUT / HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 5"))
    #expect(
      forward(message) { $0.passesExpect = false } == lines("PUT / HTTP/1.1", "Host: a", "Content-Length: 5"))
    // Where there is no content, or the version knows none, there is nothing to expect.
    #expect(
      forward("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
        == lines("PUT / HTTP/1.1", "Host: a", "Content-Length: 0"))
    #expect(forward(message.replacing("1.1", with: "1.0")) == lines("PUT / HTTP/1.1", "Host: a", "Content-Length: 5"))
  }

  @Test func oneForwardLessIsLeft() {
    #expect(
      forward("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n")
        == lines("TRACE / HTTP/1.1", "Host: a", "Max-Forwards: 2"))
    #expect(
      forward("GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n")
        == lines("GET / HTTP/1.1", "Host: a", "Max-Forwards: 3"))
  }

  @Test func viaIsAddedTo() {
    lend("balancer") { name in
      #expect(
        forward("GET / HTTP/1.0\r\nHost: a\r\n\r\n") { $0.via = name }
          == lines("GET / HTTP/1.1", "Host: a", "Via: 1.0 balancer"))
      #expect(
        forward("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 x\r\nVia: 2 y\r\n\r\n") { $0.via = name }
          == lines("GET / HTTP/1.1", "Host: a", "Via: 1.1 x, 2 y, 1.1 balancer"))
    }
    #expect(forward("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 x\r\n\r\n").contains("Via: 1.1 x\r\n"))
  }

  @Test func theIdentifierOfTheRequestIsGivenHere() {
    lend("X-Request-ID") { name in
      lend("abc") { value in
        #expect(
          forward("GET / HTTP/1.1\r\nHost: a\r\nx-request-id: evil\r\n\r\n") { $0.requestID = (name, value) }
            == lines("GET / HTTP/1.1", "Host: a", "X-Request-ID: abc"))
      }
    }
    lend("Trace-ID") { name in
      lend("abc") { value in
        #expect(
          forward("GET / HTTP/1.1\r\nHost: a\r\ntrace_id: evil\r\nTRACE-ID: evil\r\n\r\n") {
            $0.requestID = (name, value)
          }
            == lines("GET / HTTP/1.1", "Host: a", "Trace-ID: abc"))
      }
    }
    #expect(forward("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: t\r\n\r\n").contains("X-Request-ID: t\r\n"))
  }

  @Test func readyLinesAreWrittenAsTheyAre() {
    lend("X-Ready: 1\r\n") { extra in
      #expect(
        forward("GET / HTTP/1.1\r\nHost: a\r\n\r\n") { $0.extra = extra }
          == lines("GET / HTTP/1.1", "Host: a", "X-Ready: 1"))
    }
  }

  @Test func tooLittleRoomIsSaidAndNothingWrittenPastIt() {
    let message = "POST /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 10\r\n\r\n"
    let whole = forward(message)
    for room in 0..<whole.utf8.count {
      #expect(forward(message, room: room) == "needs \(whole.utf8.count)")
    }
    #expect(forward(message, room: whole.utf8.count) == whole)

    // The bytes behind the room stay as they are.
    var progress = HeadProgress()
    withTable { table in
      bytes(message).withUnsafeBytes { bytes in
        guard case .head(let head) = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
        else { return }
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
          for room in 0..<whole.utf8.count {
            for index in 0..<256 { buffer[index] = 0xEE }
            _ = RequestWriter.write(
              head, table, of: bytes, rewrite: RequestRewrite(),
              into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<room]))
            #expect(buffer[room...].allSatisfy { $0 == 0xEE })
          }
        }
      }
    }
  }

  /// What is written is a request that reads as what was read: nothing that was hidden in it comes to light. A request
  /// without a host gets one before it is sent on.
  @Test(arguments: CorpusEntry.requests.filter { $0.expect.contains(" 1.") && !$0.expect.contains(" - none") })
  func whatIsWrittenReadsTheSame(_ entry: CorpusEntry) {
    let written = forward(message: entry.bytes)
    let message = written.unicodeScalars.map { UInt8($0.value) }
    let again = parseRequest(message, ends: [message.count])
    #expect(!again.outcome.hasPrefix("4"), "\(written)")
    #expect(again.outcome.hasSuffix(" \(message.count)"))
    #expect(forward(message: message) == written || written.contains("Max-Forwards"), "again changes nothing")
  }
}

@Suite struct ForwardingTests {
  private let claims = [
    "X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 1",
    "X-Forwarded-User: root", "X-Real-IP: 198.51.100.1", "Forwarded: for=198.51.100.1",
  ]

  private func forward(_ claims: [String], host: String = "a.example", _ forwarding: Forwarding) -> String {
    HTTPCoreTests.forward((["GET / HTTP/1.1", "Host: \(host)"] + claims).map { $0 + "\r\n" }.joined() + "\r\n") {
      $0.forwarding = forwarding
    }
  }

  @Test func aStrangerIsNotBelieved() {
    #expect(
      forward(claims, Forwarding(client: IPAddress("192.0.2.7"), scheme: .http, port: 8080))
        == lines(
          "GET / HTTP/1.1", "Host: a.example", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http",
          "X-Forwarded-Host: a.example", "X-Forwarded-Port: 8080"))
    #expect(
      forward(claims, Forwarding(style: .forwarded, client: IPAddress("192.0.2.7"), scheme: .https))
        == lines("GET / HTTP/1.1", "Host: a.example", "Forwarded: for=192.0.2.7;host=a.example;proto=https"))
    #expect(
      forward(claims, Forwarding(style: [], client: IPAddress("192.0.2.7")))
        == lines("GET / HTTP/1.1", "Host: a.example"))
  }

  @Test func aTrustedPeerIsAddedTo() {
    #expect(
      forward(
        claims,
        Forwarding(style: [.xForwarded, .forwarded], trustsPeer: true, client: IPAddress("192.0.2.7"), port: 80))
        == lines(
          "GET / HTTP/1.1", "Host: a.example", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil",
          "X-Forwarded-Port: 1", "X-Forwarded-User: root", "X-Real-IP: 198.51.100.1",
          "X-Forwarded-For: 198.51.100.1, 192.0.2.7",
          "Forwarded: for=198.51.100.1, for=192.0.2.7;host=a.example;proto=http"))
    #expect(
      forward(
        ["X-Forwarded-For: 1", "X-Forwarded-For: ", "x-forwarded-for: 2, 3"],
        Forwarding(trustsPeer: true, client: IPAddress("192.0.2.7"))
      ).contains("X-Forwarded-For: 1, 2, 3, 192.0.2.7\r\n"))
    #expect(
      forward(claims, Forwarding(style: [], trustsPeer: true)).contains("X-Forwarded-For: 198.51.100.1\r\n"))
  }

  @Test func addressesAndHostsAreQuotedWhereTheyMustBe() {
    func field(_ host: String, _ client: String?) -> String {
      let written = forward(
        [], host: host, Forwarding(style: .forwarded, client: client.flatMap { IPAddress($0) }))
      return written.split(separator: "\r\n").last.map(String.init) ?? ""
    }
    #expect(field("a.example", "2001:db8::1") == "Forwarded: for=\"[2001:db8::1]\";host=a.example;proto=http")
    #expect(field("a.example:80", "192.0.2.1") == "Forwarded: for=192.0.2.1;host=\"a.example:80\";proto=http")
    #expect(field("[::1]", "192.0.2.1") == "Forwarded: for=192.0.2.1;host=\"[::1]\";proto=http")
    #expect(field("a.example", nil) == "Forwarded: for=unknown;host=a.example;proto=http")
    #expect(
      forward([], Forwarding(client: IPAddress("2001:db8::1"))).contains("X-Forwarded-For: 2001:db8::1\r\n"))
  }

  @Test func aRouteHasTheLastWord() throws {
    let edits = try FieldEdits([.init(.set, "X-Forwarded-Proto", "https"), .init(.remove, "x-forwarded-for")])
    let written = HTTPCoreTests.forward("GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
      $0.forwarding = Forwarding(client: IPAddress("192.0.2.7"))
      $0.edits = edits
    }
    #expect(
      written == lines("GET / HTTP/1.1", "Host: a", "X-Forwarded-Host: a", "X-Forwarded-Proto: https"))
  }
}

@Suite struct FieldEditsTests {
  @Test func fieldsAreSetAddedAndRemoved() throws {
    let edits = try FieldEdits([
      .init(.set, "X-Set", "1"), .init(.add, "X-Add", "2"), .init(.remove, "X-Remove"), .init(.remove, "Cookie"),
      .init(.set, "X-Empty", ""),
    ])
    #expect(
      forward(
        lines(
          "GET / HTTP/1.1", "Host: a", "x-set: old", "X_SET: old", "X-Add: old", "x-remove: old", "Cookie: c",
          "X-Settings: kept", "X-Re: kept")
      ) { $0.edits = edits }
        == lines(
          "GET / HTTP/1.1", "Host: a", "X-Add: old", "X-Settings: kept", "X-Re: kept", "X-Set: 1", "X-Add: 2",
          "X-Empty: "))
  }

  @Test func whatCannotBeWrittenIsRefused() {
    func problem(_ edit: FieldEdits.Edit) -> FieldEdits.Problem? {
      do {
        _ = try FieldEdits([edit])
        return nil
      } catch {
        return error
      }
    }
    for name in ["", "a b", "a:", "ä", "a\r\n"] { #expect(problem(.init(.set, name, "x")) == .badName(name)) }
    for value in ["a\r\nb", "\u{0}", " a", "a ", "\t"] {
      #expect(problem(.init(.add, "X", value)) == .badValue(name: "X"), "\(value)")
    }
    for name in ["Host", "content-length", "Transfer_Encoding", "Connection", "Upgrade", "TE", "Expect"] {
      #expect(problem(.init(.remove, name)) == .reserved(name))
    }
    #expect(problem(.init(.set, "X", "ä, \"b\"")) == nil)
  }
}
