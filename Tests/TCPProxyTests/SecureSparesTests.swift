import Base
import Foundation
import Synchronization
import TLS
import Testing

@testable import TCPProxy

/// Spare connections where TLS is spoken.
@Suite struct SecureSparesTests {
  /// The handshake begins with the session, on a connection that was there before it.
  @Test(arguments: Sides.allCases)
  func sessionsBeginOnSpares(sides: Sides) throws {
    let setting = try SecureSetting(sides, change: { _, destination in destination.prewarm = 2 })
    let backend = setting.proxy.backends[0]
    for _ in 0..<10 {
      try waitUntil("the spares are there") { backend.spares.load(ordering: .relaxed) == 2 }
      let client = try setting.connect()
      try client.send("hello")
      #expect(try client.receiveText(5) == "hello")
      try client.finish()
      #expect(try client.end() == .finished)
    }
    try setting.proxy.waitUntilAtRest()
    #expect(backend.connectFailures.load(ordering: .relaxed) == 0)
    #expect(backend.sessionsTotal.load(ordering: .relaxed) == 10)
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
    #expect(proxy.backends[0].connectFailures.load(ordering: .relaxed) == 0)
    #expect(proxy.backends[0].sessionsTotal.load(ordering: .relaxed) == 1)
  }

  /// The same before a client with TLS has said anything behind its handshake.
  @Test func aSpareInTheClearIsExchanged() throws {
    let tls = TestTLS()
    let number = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)
    let server = try TestServer { peer in
      if number.wrappingAdd(1, ordering: .relaxed).oldValue == 0 {
        try waitUntil("the session has begun") { isOver.load(ordering: .acquiring) }
        return
      }
      try TestServer.echo(peer)
    }
    let proxy = try Proxy([(server.port, nil)], tls: tls.makeServer()) { _, destination in
      destination.prewarm = 1
      destination.retries = 0
    }
    try waitUntil("the spare was taken") { server.connections.load(ordering: .relaxed) == 1 }
    try waitUntil("the spare is there") { proxy.backends[0].spares.load(ordering: .relaxed) == 1 }
    let client = try proxy.connect(tls.makePeer())
    try waitUntil("the session has begun") { proxy.backends[0].sessionsTotal.load(ordering: .relaxed) == 1 }
    isOver.store(true, ordering: .releasing)
    // The spare, the one that took its place, and the session's own.
    try waitUntil("the session has a new connection") { server.connections.load(ordering: .relaxed) == 3 }
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    try client.finish()
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
    #expect(proxy.backends[0].sessionsTotal.load(ordering: .relaxed) == 1)
  }
}
