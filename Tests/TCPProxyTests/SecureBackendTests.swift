import Balancing
import Base
import Foundation
import Synchronization
import TLS
import Testing

@testable import TCPProxy

/// TLS to backends that do not do what they should.
@Suite struct SecureBackendTests {
  /// A pool whose first backend is what a test makes it, and whose second is sound.
  private func proxy(
    bad: TestServer, badPeer: TLSPeer?, _ tls: TestTLS = TestTLS(), connect: Duration = .seconds(20)
  ) throws -> (Proxy, TestServer) {
    let good = try TestServer(tls.makeServer())
    let proxy = try Proxy([(bad.port, badPeer), (good.port, tls.makePeer())], scheduler: .first) { _, destination in
      destination.connect = connect
      destination.watchesOutcomes = true
    }
    return (proxy, good)
  }

  private func expectEcho(_ proxy: Proxy, _ client: Peer) throws {
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    try client.finish()
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
    #expect(proxy.incidents.take() == [])
    #expect(proxy.backends[0].meters.sum(.connectFailures) == 1)
    #expect(proxy.backends[0].meters.sum(.sessions) == 0)
    #expect(proxy.backends[1].meters.sum(.connectFailures) == 0)
    #expect(proxy.backends[1].meters.sum(.sessions) == 1)
  }

  @Test func aWrongNameIsAFailedConnect() throws {
    let tls = TestTLS()
    let (proxy, _) = try proxy(bad: TestServer(tls.makeServer()), badPeer: tls.makePeer("other.example"))
    try expectEcho(proxy, proxy.connect())
  }

  @Test(arguments: TLSVersion.allCases)
  func anUnknownAuthorityIsAFailedConnect(version: TLSVersion) throws {
    let tls = TestTLS()
    var strict = tls
    strict.client.authorities = ["unknown.pem"]
    strict.client.versions = version...version
    let (proxy, _) = try proxy(bad: TestServer(tls.makeServer()), badPeer: strict.makePeer())
    try expectEcho(proxy, proxy.connect())
  }

  /// What the operator reads when no backend is left.
  @Test func theCauseIsTold() throws {
    let tls = TestTLS()
    let server = try TestServer(tls.makeServer())
    let proxy = try Proxy([(server.port, tls.makePeer("other.example"))]) { _, destination in destination.retries = 1 }
    let client = try proxy.connect()
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
    let incident = try #require(proxy.incidents(.connectsFailed).first)
    #expect(
      incident.cause.hasPrefix("2 of 2 connects failed, the last to b1: TLS: certificate is not for other.example"),
      "\(incident.cause)")
    // It was told why by an alert.
    try waitUntil("the backend has failed twice") { server.errors.count == 2 }
    #expect(server.errors.allSatisfy { $0.contains("bad_certificate") }, "\(server.errors)")
  }

  /// A backend that was never named gets nothing, rather than everything in the clear.
  @Test func aBackendThatNobodyNamedGetsNothing() throws {
    let tls = TestTLS()
    let heard = Mutex<[UInt8]>([])
    let unknown = try TestServer { peer in
      let (bytes, _) = try peer.receiveAll()
      heard.withLock { $0 += bytes }
    }
    let good = try TestServer(tls.makeServer())
    let peers = TLSPeers()
    let proxy = try Proxy([(unknown.port, nil), (good.port, nil)], scheduler: .first) { _, destination in
      destination.tls = peers
    }
    peers.set([(proxy.backends[1], try tls.makePeer())])
    try expectEcho(proxy, proxy.connect())
    #expect(heard.withLock { $0 } == [])
  }

  /// One pool, and TLS to some of its backends only.
  @Test func aBackendMayBeInTheClear() throws {
    let tls = TestTLS()
    let (plain, secure) = try (TestServer(), TestServer(tls.makeServer()))
    let proxy = try Proxy([(plain.port, nil), (secure.port, tls.makePeer())])
    for _ in 0..<4 {
      let client = try proxy.connect()
      try client.send("hello")
      #expect(try client.receiveText(5) == "hello")
      try client.finish()
      #expect(try client.end() == .finished)
    }
    try proxy.waitUntilAtRest()
    #expect(proxy.backends.map { $0.meters.sum(.sessions) } == [2, 2])
  }

  @Test(arguments: [Sides.server, .both])
  func aStalledHandshakeIsAFailedConnect(sides: Sides) throws {
    let tls = TestTLS()
    let bad = try TestServer { peer in _ = try peer.receiveAll() }
    let good = try TestServer(tls.makeServer())
    let proxy = try Proxy(
      [(bad.port, tls.makePeer()), (good.port, tls.makePeer())], tls: sides.client ? tls.makeServer() : nil,
      scheduler: .first
    ) { _, destination in destination.connect = .seconds(2) }
    try expectEcho(proxy, sides.client ? proxy.connect(tls.makePeer()) : proxy.connect())
  }

  /// A backend that says something else, at each point of a handshake: it counts as failed, and no client hears it.
  @Test(arguments: TLSVersion.allCases)
  func nothingInTheClearReachesTheClient(version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let secret = Array("HTTP/1.1 200 OK\r\n\r\nsecret".utf8)
    let record: [UInt8] = [23, 3, 3, 0, UInt8(secret.count)] + secret
    let context = try tls.makeServer()
    for words in [secret, record] {
      for step in 0..<3 {
        let bad = try TestServer { try $0.blurt(words, at: step, context.makeEngine()) }
        let (proxy, _) = try proxy(bad: bad, badPeer: tls.makePeer(), tls)
        try expectEcho(proxy, proxy.connect())
      }
    }
  }

  /// What comes right behind the handshake is not lost.
  @Test(arguments: TLSVersion.allCases)
  func aBackendMaySpeakFirst(version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    for _ in 0..<20 {
      let setting = try SecureSetting(.both, tls) { peer in
        try peer.send("220 ready")
        try TestServer.echo(peer)
      }
      let client = try setting.connect()
      #expect(try client.receiveText(9) == "220 ready")
      try client.send("quit")
      #expect(try client.receiveText(4) == "quit")
      try client.finish()
      #expect(try client.end() == .finished)
      try setting.proxy.waitUntilAtRest()
    }
  }

  @Test(arguments: TLSVersion.allCases)
  func sessionsAreResumed(version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let resumed = Mutex<[Bool]>([])
    let setting = try SecureSetting(.both, tls) { peer in
      resumed.withLock { $0.append(peer.ask { $0.isResumed }) }
      try TestServer.echo(peer)
    }
    for _ in 0..<4 {
      let client = try setting.connect()
      try client.send("hello")
      #expect(try client.receiveText(5) == "hello")
      try client.finish()
      #expect(try client.end() == .finished)
      try setting.proxy.waitUntilAtRest()
    }
    #expect(resumed.withLock { $0 } == [false, true, true, true])
    #expect(setting.proxy.counters.handshakes.resumed.load(ordering: .relaxed) == 3)
  }

  /// Our certificate is turned down when TLS 1.3 counts the handshake as done already.
  @Test func aBackendThatWantsACertificateIsNamed() throws {
    var tls = TestTLS()
    tls.authenticateClients()
    let server = try TestServer(tls.makeServer())
    let proxy = try Proxy([(server.port, TestTLS().makePeer(verify: false))])
    let client = try proxy.connect()
    #expect(try client.end() == .reset)
    try proxy.waitUntilAtRest()
    let incident = try #require(proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "pool app")
    #expect(
      incident.cause == "the backend refused: alert certificate_required: it wants a client certificate (b1)",
      "\(incident.cause)")
  }

  /// The header goes in the clear, before the handshake, and tells of the client's TLS.
  @Test func theProxyHeaderComesFirst() throws {
    var tls = TestTLS()
    tls.authenticateClients()
    tls.server.alpn = ["h2"]
    tls.client.alpn = ["h2"]
    let context = try tls.makeServer()
    let header = Mutex<[UInt8]>([])
    let server = try TestServer { peer in
      let bytes = try peer.receiveRaw()
      let length = 16 + Int(bytes[14]) << 8 + Int(bytes[15])
      header.withLock { $0 = Array(bytes[..<length]) }
      peer.start(try context.makeEngine())
      peer.take(Array(bytes[length...]))
      try peer.handshake()
      try TestServer.echo(peer)
    }
    let proxy = try Proxy([(server.port, tls.makePeer())], tls: context) { _, destination in
      destination.sendProxy = ProxyHeaderWriter(version: .v2)
    }
    let client = try proxy.connect(tls.makePeer())
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    let bytes = header.withLock { $0 }
    // Behind the addresses of IPv4.
    let tlvs = Self.tlvs(Array(bytes[28...]))
    #expect(tlvs[0x01] == Array("h2".utf8))
    #expect(tlvs[0x02] == Array("app.example".utf8))
    let ssl = try #require(tlvs[0x20])
    // TLS, a certificate on this connection and in this session; verified.
    #expect(Array(ssl[..<5]) == [7, 0, 0, 0, 0])
    let parts = Self.tlvs(Array(ssl[5...]))
    #expect(parts[0x21] == Array("TLSv1.3".utf8))
    #expect(parts[0x22] == Array("Alice".utf8))
    #expect(parts[0x23] == Array("TLS_AES_128_GCM_SHA256".utf8))
    try client.finish()
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
  }

  private static func tlvs(_ bytes: [UInt8]) -> [UInt8: [UInt8]] {
    var found: [UInt8: [UInt8]] = [:]
    var rest = bytes[...]
    while rest.count >= 3 {
      let start = rest.startIndex
      let count = Int(rest[start + 1]) << 8 + Int(rest[start + 2])
      found[rest[start]] = Array(rest[start + 3..<start + 3 + count])
      rest = rest[(start + 3 + count)...]
    }
    return found
  }
}
