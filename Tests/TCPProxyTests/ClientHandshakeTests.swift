import Base
import Foundation
import TLS
import Testing

@testable import TCPProxy

/// Clients and their handshakes: slow ones, wrong ones, and very many.
@Suite struct ClientHandshakeTests {
  /// A client that sends its handshake in pieces.
  private func expectEcho(_ setting: SecureSetting, _ tls: TestTLS, portion: Int) throws {
    let client = try setting.proxy.connect()
    client.start(try tls.makePeer().makeEngine())
    try client.handshake(portion: portion)
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    try client.finish()
    #expect(try client.end() == .finished)
    try setting.proxy.waitUntilAtRest()
  }

  @Test(arguments: TLSVersion.allCases, [1, 7, 100])
  func aHandshakeInPieces(version: TLSVersion, portion: Int) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let setting = try SecureSetting(.client, tls)
    try expectEcho(setting, tls, portion: portion)
    #expect(setting.proxy.counters.handshakes.failed == 0)
  }

  /// Many handshakes of one byte at a time beside each other, more than a turn has steps.
  @Test func manyHandshakesInPieces() throws {
    let tls = TestTLS()
    let setting = try SecureSetting(.both, tls, workers: 2, change: { service, _ in service.handshake = .seconds(120) })
    let peer = try tls.makePeer()
    var clients: [Peer] = []
    for _ in 0..<40 {
      let client = try setting.proxy.connect()
      client.start(try peer.makeEngine())
      clients.append(client)
    }
    var hellos = clients.map { $0.step().1[...] }
    while hellos.contains(where: { !$0.isEmpty }) {
      for index in clients.indices where !hellos[index].isEmpty {
        try clients[index].sendRaw([hellos[index].removeFirst()])
      }
    }
    for client in clients {
      try client.handshake(portion: 3)
      try client.send("hello")
    }
    for client in clients {
      #expect(try client.receiveText(5) == "hello")
      try client.finish()
      #expect(try client.end() == .finished)
    }
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.handshakes == 40)
    #expect(setting.server.errors == [])
  }

  @Test func whoNeverFinishesIsClosed() throws {
    let tls = TestTLS()
    let setting = try SecureSetting(.client, tls, change: { service, _ in service.handshake = .milliseconds(100) })
    let silent = try setting.proxy.connect()
    let halting = try setting.proxy.connect()
    halting.start(try tls.makePeer().makeEngine())
    let hello = halting.step().1
    try halting.sendRaw(Array(hello.prefix(100)))
    #expect(try silent.drain() == [])
    #expect(try halting.drain() == [])
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.counters.handshakes.failed(.timeout) == 2)
    let incident = try #require(setting.proxy.incidents(.handshakeFailed).first)
    #expect(incident.count == 2)
    #expect(
      incident.cause.hasPrefix("no TLS handshake within timeouts.handshake, from 127.0.0.1:"), "\(incident.cause)")
    #expect(setting.server.connections.load(ordering: .relaxed) == 0)
  }

  @Test func whoSpeaksNoTLSIsClosed() throws {
    let setting = try SecureSetting(.client)
    let client = try setting.proxy.connect()
    try client.send("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n")
    _ = try client.drain()
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.counters.handshakes.failed(.malformed) == 1)
    let incident = try #require(setting.proxy.incidents(.handshakeFailed).first)
    #expect(incident.subject == "web")
    #expect(incident.cause.hasPrefix("the client speaks plain HTTP, not TLS, from "), "\(incident.cause)")
    #expect(setting.server.connections.load(ordering: .relaxed) == 0)
  }

  @Test func aPortScanIsNoFailure() throws {
    let setting = try SecureSetting(.client)
    for _ in 0..<10 {
      let client = try setting.proxy.connect()
      client.cut()
      #expect(try client.drain() == [])
    }
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.counters.handshakes.failed == 0)
    #expect(setting.proxy.incidents.take() == [])
  }

  /// The alerts arrive: each side is told why.
  @Test func bothSidesAreToldWhy() throws {
    var tls = TestTLS()
    tls.server.alpn = ["h2"]
    let setting = try SecureSetting(.client, tls)
    var other = tls
    other.client.alpn = ["smtp"]
    #expect {
      _ = try setting.proxy.connect(other.makePeer())
    } throws: { error in
      (error as? TLSFailure)?.cause == .refused(.noApplicationProtocol)
    }
    other = tls
    other.client.authorities = ["unknown.pem"]
    #expect {
      _ = try setting.proxy.connect(other.makePeer())
    } throws: { error in
      (error as? TLSFailure)?.cause == .certificate
    }
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.counters.handshakes.failed(.incompatible) == 1)
    #expect(setting.proxy.counters.handshakes.failed(.refused) == 1)
  }

  /// What the client sends right behind its handshake, before there is a backend, is not lost.
  @Test(arguments: TLSVersion.allCases)
  func wordsRightBehindTheHandshake(version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let setting = try SecureSetting(.both, tls)
    let peer = try tls.makePeer()
    for _ in 0..<20 {
      let client = try setting.proxy.connect()
      client.start(try peer.makeEngine())
      // The last flight, data and the end in one write.
      var last: [UInt8] = []
      while true {
        let (step, output) = client.step()
        last = output
        if step == .done { break }
        try client.sendRaw(output)
        client.take(try client.receiveRaw())
      }
      let words = [UInt8](repeating: 9, count: 50_000)
      try client.sendRaw(last + client.encrypt(words) + client.closeNotify())
      client.cut()
      let (answer, end) = try client.receiveAll()
      #expect(answer == words)
      #expect(end == .finished)
      try setting.proxy.waitUntilAtRest()
    }
  }

  @Test func theProxyHeaderComesFirst() throws {
    let tls = TestTLS()
    let setting = try SecureSetting(.client, tls, change: { service, _ in service.proxyHeader = .any })
    let client = try setting.proxy.connect()
    client.start(try tls.makePeer().makeEngine())
    try client.sendRaw(Array("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".utf8) + client.step().1)
    try client.handshake()
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    try client.finish()
    #expect(try client.end() == .finished)
    try setting.proxy.waitUntilAtRest()
  }

  /// The name goes to the scheduler.
  @Test func theServerNameChoosesTheBackend() throws {
    let tls = TestTLS()
    let servers = try (0..<4).map { index in
      try TestServer { peer in
        try peer.send("\(index)"); try peer.finish()
      }
    }
    let proxy = try Proxy(
      servers.map { ($0.port, nil) }, tls: tls.makeServer(), scheduler: .hash(.serverName, load: 1000))
    var seen: [String: Set<String>] = [:]
    for name in ["a.example", "b.example", "c.example", "d.example", "e.example", "f.example"] {
      for _ in 0..<3 {
        let client = try proxy.connect(tls.makePeer(name, verify: false))
        seen[name, default: []].insert(try client.receiveText(1))
        try client.finish()
        _ = try client.end()
        try proxy.waitUntilAtRest()
      }
    }
    #expect(seen.values.allSatisfy { $0.count == 1 })
    #expect(Set(seen.values).count > 1)
  }

  /// A flood of handshakes, each of which costs; a session that runs is served meanwhile.
  @Test func aFloodLeavesRunningSessionsResponsive() throws {
    var tls = TestTLS()
    tls.useRSA()
    // On a slow machine all of them together take longer than one may.
    let setting = try SecureSetting(.client, tls, change: { service, _ in service.handshake = .seconds(120) })
    let running = try setting.connect()
    try running.send("x")
    #expect(try running.receiveText(1) == "x")

    let peer = try tls.makePeer()
    let flood = try (0..<400).map { _ in
      let client = try setting.proxy.connect()
      client.start(try peer.makeEngine())
      return client
    }
    try waitUntil("all are accepted") { setting.proxy.sessions == 401 }
    let hellos = flood.map { $0.step().1 }
    for (client, hello) in zip(flood, hellos) { try client.sendRaw(hello) }
    // How often it gets an answer until the last of the flood has got one.
    var answers = 0
    while !flood.allSatisfy(\.isReadable) {
      try running.send("x")
      #expect(try running.receiveText(1) == "x")
      answers += 1
    }
    // One by one they would take 50 turns; all at once, the first answer would come behind all of them.
    #expect(answers >= 4)
    for client in flood { try client.handshake() }
    try waitUntil("all handshakes are done") { setting.proxy.handshakes == 401 }
    for client in flood { client.close() }
    try running.finish()
    #expect(try running.end() == .finished)
    try setting.proxy.waitUntilAtRest()
  }
}
