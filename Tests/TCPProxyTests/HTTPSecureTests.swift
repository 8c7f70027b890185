import Balancing
import Base
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
    let server = try TestServer { peer in _ = try peer.receiveAll() }
    let proxy = try proxy(server, tls: tls.makeServer())
    let client = try proxy.connect(tls.makePeer())
    if !words.isEmpty { try client.send(words) }
    var altered = client.encrypt(Array("altered".utf8))
    altered[altered.count - 1] ^= 1
    try client.sendRaw(altered)
    guard case .failed(let failure) = try client.end() else { throw Failure("an alert was expected") }
    #expect(failure.cause == .refused(TLSAlert(rawValue: 20)))
    try proxy.waitUntilAtRest()
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
}
