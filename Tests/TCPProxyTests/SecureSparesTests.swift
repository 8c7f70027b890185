import Balancing
import Base
import Reactor
import Synchronization
import TLS
import Testing

@testable import TCPProxy

/// Spare connections where TLS is spoken: only the connection is there before the session.
@Suite struct SecureSparesTests {
  private func port(of server: HandServer) throws -> UInt16 {
    guard case .ip(_, let port) = server.address else { throw TooLate(description: "no port") }
    return port
  }

  @Test func bothSidesMaySpeakTLS() throws {
    let tls = TestTLS()
    let server = try TestServer(tls.makeServer())
    let proxy = try Proxy([(server.port, tls.makePeer())], tls: tls.makeServer()) { $1.prewarm = 2 }
    try waitUntil("spares are there") { server.connections.load(ordering: .relaxed) >= 2 }
    for _ in 0..<20 {
      let client = try proxy.connect(tls.makePeer())
      try client.send("hello")
      #expect(try client.receiveText(5) == "hello")
      try client.finish()
      #expect(try client.end() == .finished)
    }
    try proxy.waitUntilAtRest()
    #expect(proxy.incidents.take() == [])
    #expect(proxy.backends[0].meters.sum(.sessions) == 20)
    #expect(proxy.backends[0].meters.sum(.connectFailures) == 0)
  }

  @Test func aClientsTLSMovesOnWithItsSession() throws {
    let tls = TestTLS()
    let server = try HandServer()
    let proxy = try Proxy([(port(of: server), nil)], tls: tls.makeServer()) { $1.prewarm = 1 }
    let spare = try server.accept(1)[0]
    let client = try proxy.connect(tls.makePeer())
    // The replacement shows that the session has begun.
    var ends = try server.accept(1)
    spare.close()
    let fresh = try server.accept(1)[0]
    ends.append(fresh)
    try client.send("hello")
    #expect(try server.hear("hello", at: &ends) === fresh)
    try fresh.send("world")
    #expect(try client.receiveText(5) == "world")
    client.close()
    try proxy.waitUntilAtRest()
  }

  /// No byte of the client has moved: a spare that is closed within the handshake is no failure of its backend, but the
  /// new connection would be.
  @Test func aHandshakeIsBegunAnewOnce() throws {
    let tls = TestTLS()
    let server = try HandServer()
    let proxy = try Proxy([(port(of: server), tls.makePeer())], tls: tls.makeServer()) {
      $1.prewarm = 1
      $1.retries = 0
    }
    let spare = try server.accept(1)[0]
    // Its handshake takes the worker some turns: it has heard of the spare by then.
    let client = try proxy.connect(tls.makePeer())
    #expect(try !spare.receive().isEmpty)
    spare.close()
    var greeted: End?
    var ends: [End] = []
    try waitUntil("a handshake begins anew") {
      ends += server.acceptAll()
      greeted = ends.first { $0.wait(for: 1, milliseconds: 0) }
      return greeted != nil
    }
    #expect(proxy.backends[0].meters.sum(.connectFailures) == 0)
    greeted?.reset()
    _ = try client.end()
    try proxy.waitUntilAtRest()
    #expect(proxy.backends[0].meters.sum(.connectFailures) == 1)
    #expect(proxy.backends[0].meters.sum(.sessions) == 0)
  }

  /// The backend closes the spare instead of answering the handshake: the session goes on to a new connection, and nobody
  /// is blamed.
  @Test(arguments: [Sides.server, .both], [false, true])
  func aSpareThatClosesIsExchanged(sides: Sides, isReset: Bool) throws {
    let tls = TestTLS()
    let context = try tls.makeServer()
    let number = Atomic<Int>(0)
    let server = try TestServer { peer in
      let isSpare = number.wrappingAdd(1, ordering: .relaxed).oldValue == 0
      let hello = try peer.receiveRaw()
      if isSpare { return isReset ? peer.reset() : peer.close() }
      peer.start(try context.makeEngine())
      peer.take(hello)
      try peer.handshake()
      try TestServer.echo(peer)
    }
    let proxy = try Proxy([(server.port, tls.makePeer())], tls: sides.client ? context : nil) { _, destination in
      destination.prewarm = 1
      destination.retries = 0
    }
    try waitUntil("the spare is there") { proxy.backends[0].spares.load(ordering: .relaxed) == 1 }
    try waitUntil("it was taken") { server.connections.load(ordering: .relaxed) == 1 }
    let client = try sides.client ? proxy.connect(tls.makePeer()) : proxy.connect()
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    try client.finish()
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
    #expect(proxy.backends[0].meters.sum(.connectFailures) == 0)
    #expect(proxy.backends[0].meters.sum(.sessions) == 1)
  }
}
