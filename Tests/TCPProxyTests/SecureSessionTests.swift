import Base
import Foundation
import TLS
import Testing

@testable import TCPProxy

/// Where TLS is spoken in a session.
enum Sides: String, CaseIterable, Sendable {
  case client, server, both

  var client: Bool { self != .server }
  var server: Bool { self != .client }
}

/// A proxy before an echo, with TLS on some sides, and clients for it.
struct SecureSetting: @unchecked Sendable {
  let proxy: Proxy
  let server: TestServer
  private let peer: TLSPeer?

  init(
    _ sides: Sides, _ tls: TestTLS = TestTLS(), workers: Int = 1, hasKernelTLS: Bool = false,
    service: @escaping @Sendable (Peer) throws -> Void = TestServer.echo,
    change: (inout Service.Settings, inout Destination.Settings) -> Void = { _, _ in }
  ) throws {
    server = try TestServer(sides.server ? tls.makeServer() : nil, service)
    proxy = try Proxy(
      [(server.port, sides.server ? tls.makePeer() : nil)], tls: sides.client ? tls.makeServer() : nil,
      workers: workers, hasKernelTLS: hasKernelTLS, change)
    peer = sides.client ? try tls.makePeer() : nil
  }

  func connect(receiveBuffer: Int32? = nil) throws -> Peer {
    if let peer { return try proxy.connect(peer, receiveBuffer: receiveBuffer) }
    return try proxy.connect(receiveBuffer: receiveBuffer)
  }
}

@Suite struct SecureSessionTests {
  @Test(arguments: Sides.allCases, TLSVersion.allCases)
  func wordsAreEchoed(sides: Sides, version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let setting = try SecureSetting(sides, tls)
    let client = try setting.connect()
    for word in ["hello", "again", String(repeating: "long ", count: 20_000)] {
      try client.send(word)
      #expect(try client.receiveText(word.utf8.count) == word)
    }
    try client.finish()
    #expect(try client.end() == .finished)
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.handshakes == (sides.client ? 1 : 0))
    #expect(setting.proxy.backends[0].meters.sum(.bytesToBackends) == 100_010)
    #expect(setting.proxy.backends[0].meters.sum(.bytesToClients) == 100_010)
    #expect(setting.server.errors == [])
    #expect(setting.proxy.incidents.take() == [])
  }

  /// There a short read says nothing of what is left.
  @Test func unixSocketsAreServed() throws {
    let path = NSTemporaryDirectory() + "balancer-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    let tls = TestTLS()
    let server = try TestServer(tls.makeServer())
    let proxy = try Proxy([(server.port, tls.makePeer())], tls: tls.makeServer(), path: path)
    defer { unlink(path) }
    let client = try Peer(connectingTo: path)
    client.start(try tls.makePeer().makeEngine())
    try client.handshake(portion: 50)
    for word in ["hello", String(repeating: "long ", count: 20_000)] {
      try client.send(word)
      #expect(try client.receiveText(word.utf8.count) == word)
    }
    try client.finish()
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
    #expect(proxy.handshakes == 1)
  }
}
