import Balancing
import Base
import Glibc
import Synchronization
import TLS
import Testing

@testable import TCPProxy

/// Requests inside TLS that somebody breaks.
@Suite struct HTTPSecureTests {
  private func proxy(_ server: TestServer, _ peer: TLSPeer? = nil, tls: TLSServerContext? = nil) throws -> Proxy {
    try Proxy([(server.port, peer)], tls: tls) { service, _ in service.http = HTTPService() }
  }

  private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  /// Answers with `response` and does what is to be done then.
  private static func answer(_ response: String, _ end: @escaping @Sendable (Peer) throws -> Void)
    -> @Sendable (Peer)
    throws -> Void
  {
    { peer in
      _ = try peer.receiveSome()
      if !response.isEmpty { try peer.send(response) }
      try end(peer)
    }
  }

  /// Between requests, within a head, within a body, and while the response is awaited.
  @Test(arguments: [
    "", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nbody",
  ])
  func aClientThatBreaksTLSIsToldAndCounted(words: String) throws {
    let tls = TestTLS()
    let heard = Mutex<[UInt8]>([])
    let server = try TestServer { peer in
      while case let (bytes, end) = try peer.receiveSome(), end == nil { heard.withLock { $0 += bytes } }
    }
    let proxy = try proxy(server, tls: tls.makeServer())
    let client = try proxy.connect(tls.makePeer())
    if !words.isEmpty { try client.send(words) }
    var altered = client.encrypt(Array("altered".utf8))
    altered[altered.count - 1] ^= 1
    // What follows is whole, and is read by nobody.
    try client.sendRaw(altered + client.encrypt(Array("GET /behind HTTP/1.1\r\nHost: a\r\n\r\n".utf8)))
    guard case .failed(let failure) = try client.end() else { throw Failure("an alert was expected") }
    #expect(failure.cause == .refused(TLSAlert(rawValue: 20)))
    try proxy.waitUntilAtRest()
    #expect(heard.withLock { !String(decoding: $0, as: UTF8.self).contains("behind") })
    let incident = try #require(proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "listener web" && incident.count == 1)
    #expect(incident.cause.contains("client"), "\(incident.cause)")
  }

  /// Clients leave like that every day.
  @Test func aClientThatLeavesWithoutCloseNotifyIsNoIncident() throws {
    let tls = TestTLS()
    let server = try TestServer(nil, Self.answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nk") { _ in })
    let proxy = try proxy(server, tls: tls.makeServer())
    let client = try proxy.connect(tls.makePeer())
    try client.send(Self.request)
    var heard = ""
    while !heard.hasSuffix("\r\n\r\nk") { heard += try client.receiveText(1) }
    client.cut()
    _ = try client.receiveAll()
    try proxy.waitUntilAtRest()
    #expect(proxy.incidents.take() == [])
  }

  /// Half a body behind which the stream ends without close_notify: the end of the connection is no end of that body.
  @Test(arguments: ["", "HTTP/1.1 200 OK\r\n\r\nhalf"])
  func aCutOfTheBackendIsNamed(response: String) throws {
    let tls = TestTLS()
    let server = try TestServer(
      tls.makeServer(),
      Self.answer(response) { peer in
        peer.cut()
        _ = try peer.receiveAll()
      })
    let proxy = try proxy(server, tls.makePeer())
    let client = try proxy.connect()
    try client.send(Self.request)
    if response.isEmpty {
      #expect(try client.receiveText(12) == "HTTP/1.1 502")
    } else {
      let (bytes, end) = try client.receiveAll()
      #expect(end == .reset)
      #expect(!String(decoding: bytes, as: UTF8.self).hasSuffix("0\r\n\r\n"))
    }
    client.close()
    try proxy.waitUntilAtRest()
    let incident = try #require(proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "pool app")
    #expect(incident.cause == "the backend's stream was cut: it ended without close_notify (b1)")
  }

  /// Within a body and instead of a response: what came before is the client's, what stands behind is nobody's.
  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"])
  func aBackendThatBreaksTLSIsToldAndNotReadOn(response: String) throws {
    let tls = TestTLS()
    let end = Mutex<Peer.End?>(nil)
    let mayBreak = Atomic<Bool>(response.isEmpty)
    let server = try TestServer(
      tls.makeServer(),
      Self.answer(response) { peer in
        try waitUntil("the client has what came before") { mayBreak.load(ordering: .relaxed) }
        var altered = peer.encrypt(Array("altered".utf8))
        altered[altered.count - 1] ^= 1
        try peer.sendRaw(altered + peer.encrypt(Array("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbehind".utf8)))
        let found = try peer.end()
        end.withLock { $0 = found }
      })
    let proxy = try proxy(server, tls.makePeer())
    let client = try proxy.connect()
    try client.send(Self.request)
    if response.isEmpty {
      #expect(try client.receiveText(12) == "HTTP/1.1 502")
      client.close()
    } else {
      var text = ""
      while !text.hasSuffix("half") { text += try client.receiveText(1) }
      mayBreak.store(true, ordering: .relaxed)
      #expect(try client.end() == .reset)
    }
    try waitUntil("the backend sees the end") { end.withLock { $0 } != nil }
    guard case .failed(let failure)? = end.withLock({ $0 }) else { throw Failure("no alert came to the backend") }
    #expect(failure.cause == .refused(TLSAlert(rawValue: 20)))
    try proxy.waitUntilAtRest()
    let incident = try #require(proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "pool app" && incident.cause.contains("altered"), "\(incident.cause)")
  }

  /// A backend that says something in the clear at each point of a handshake: at once, instead of an answer, in the middle of
  /// one, and right behind it. It counts as failed, and no client hears it.
  @Test(arguments: TLSVersion.allCases)
  func nothingInTheClearReachesTheClient(version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let secret = Array("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret".utf8)
    let record: [UInt8] = [23, 3, 3, 0, UInt8(secret.count)] + secret
    let context = try tls.makeServer()
    for words in [secret, record] {
      for step in 0..<4 {
        let server = try TestServer { try $0.blurt(words, at: step, context.makeEngine()) }
        let proxy = try proxy(server, tls.makePeer())
        let client = try proxy.connect()
        try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answer = String(decoding: try client.receiveAll().bytes, as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 502 "), "step \(step): \(answer)")
        #expect(!answer.contains("secret"), "step \(step)")
        try proxy.waitUntilAtRest()
      }
    }
  }

  @Test func aConnectionThatIsClosedHereEndsWithCloseNotify() throws {
    let tls = TestTLS()
    let end = Mutex<Peer.End?>(nil)
    let server = try TestServer(
      tls.makeServer(),
      Self.answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") { peer in
        let found = try peer.end()
        end.withLock { $0 = found }
      })
    let proxy = try proxy(server, tls.makePeer())
    let client = try proxy.connect()
    try client.send(Self.request)
    try waitUntil("the backend sees the end") { end.withLock { $0 } != nil }
    #expect(end.withLock { $0 } == .finished)
    client.close()
    try proxy.waitUntilAtRest()
  }

  /// In TLS 1.3 that is said after the handshake, instead of a response.
  @Test func aBackendThatWantsACertificateIsNamed() throws {
    var tls = TestTLS()
    tls.authenticateClients()
    let server = try TestServer(tls.makeServer())
    let proxy = try proxy(server, TestTLS().makePeer(verify: false))
    let client = try proxy.connect()
    try client.send(Self.request)
    let text = String(decoding: try client.receive(12), as: UTF8.self)
    #expect(text == "HTTP/1.1 502")
    client.close()
    try proxy.waitUntilAtRest()
    let incident = try #require(proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "pool app")
    #expect(
      incident.cause == "the backend refused: alert certificate_required: it wants a client certificate (b1)",
      "\(incident.cause)")
  }

  /// The very first write on a new connection fails: whatever the request is, its backend has got nothing of it, and
  /// another one may.
  @Test(arguments: [
    "Content-Length: 1\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  ])
  func sendsElsewhereWhatANewConnectionDidNotTake(body: String) throws {
    var tls = TestTLS()
    // There the server has the last word of the handshake.
    tls.server.versions = .tls12 ... .tls12
    let path = "/tmp/balancer-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).sock"
    defer { unlink(path) }
    let servers = try [HandServer(.unix(path)), HandServer()]
    let peers = TLSPeers()
    let front = try Front(servers.map(\.address), http: HTTPService()) { $0.tls = peers }
    peers.set([(front.backends[0], try tls.makePeer()), (front.backends[1], nil)])
    let client = try front.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(body)")

    let end = try servers[0].accept()
    let first = Peer(dup(end.number))
    first.start(try tls.makeServer().makeEngine())
    var lastWords: [UInt8]?
    while lastWords == nil {
      let (step, output) = first.step()
      switch step {
      case .done:
        lastWords = output
        continue
      case .failed(let failure): throw failure
      case .needsInput, .needsOutput: try first.sendRaw(output)
      }
      if step == .needsInput { first.take(try first.receiveRaw()) }
    }
    // Nobody is told of that, and there is nothing to read: only a write fails.
    shutdown(first.descriptor, Int32(SHUT_RD))
    try first.sendRaw(try #require(lastWords))

    let second = try servers[1].accept()
    #expect(try second.receive(until: body).hasPrefix("POST / "))
    try second.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    #expect(try client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 201"))
    try front.settle()
    // It speaks against the first one, and nothing is left there.
    #expect(front.backends[0].meters.sum(.resets) == 1)
    #expect(front.backends.allSatisfy { $0.sessions.load(ordering: .relaxed) == 0 })
  }
}
