import Base
import COpenSSL
import Foundation
import Synchronization
import TLS
import TLSFixtures
import Testing

@testable import TCPProxy

/// Handshakes over real sockets that stop at any byte, and what is left of them: no descriptor, no memory, no count.
///
/// As many as `BALANCER_CUT_HANDSHAKES` says; a few hundred without it.
@Suite struct CutHandshakeTests {
  private static let handshakes =
    ProcessInfo.processInfo.environment["BALANCER_CUT_HANDSHAKES"].flatMap { Int($0) } ?? 400
  private static let seed = ProcessInfo.processInfo.environment["BALANCER_SEED"].flatMap { UInt64($0) } ?? 1

  /// How a client leaves.
  private enum Exit: CaseIterable {
    case close, cut, reset, garbage
  }

  /// Sends what a handshake and a word take, but no more than `limit` bytes of it.
  private func visit(_ proxy: Proxy, _ peer: TLSPeer, limit: Int, portion: Int, _ exit: Exit) throws {
    let client = try proxy.connect()
    client.start(try peer.makeEngine())
    var left = limit
    /// - Returns: whether there is more to come.
    func send(_ bytes: [UInt8]) throws -> Bool {
      var rest = bytes.prefix(left)
      left -= rest.count
      while !rest.isEmpty {
        try client.sendRaw(Array(rest.prefix(portion)))
        rest = rest.dropFirst(portion)
      }
      return left > 0
    }
    handshake: while true {
      let (step, output) = client.step()
      guard try send(output) else { break }
      switch step {
      case .done:
        _ = try send(client.encrypt([1, 2, 3]) + client.closeNotify())
        break handshake
      case .needsInput: client.take(try client.receiveRaw())
      case .needsOutput, .failed: throw Failure("\(step)")
      }
    }
    switch exit {
    case .close: client.close()
    case .cut:
      client.cut()
      _ = try client.drain()
    case .reset: client.reset()
    case .garbage:
      try client.sendRaw([UInt8](repeating: 0x5A, count: 600))
      client.cut()
      _ = try client.drain()
    }
  }

  @Test func nothingIsLeftOfCutHandshakes() throws {
    var peers: [TLSPeer] = []
    var tls = TestTLS()
    for version in TLSVersion.allCases {
      tls.client.versions = version...version
      peers.append(try tls.makePeer())
    }
    let context = try tls.makeServer()
    let server = try TestServer()
    // OpenSSL's memory is counted for each thread, so one thread runs the worker of both rounds. What OpenSSL keeps for ever
    // it has after the first.
    func makeProxy() throws -> Proxy { try Proxy([(server.port, nil)], tls: context, isStarted: false) }
    let proxies = try [makeProxy(), makeProxy()]
    let groups = proxies.map(\.group)
    let worker = Task {
      try groups.map { group in
        OPENSSL_thread_stop()
        let before = OpenSSLMemory.ofThisThread
        var worker = try Worker(index: 0, group: group)
        worker.run()
        _ = consume worker
        OPENSSL_thread_stop()
        return OpenSSLMemory.ofThisThread - before
      }
    }
    var random = SeededGenerator(seed: Self.seed)
    for (proxy, count) in zip(proxies, [200, Self.handshakes]) {
      for number in 0..<count {
        // The longest flight of a client is that of TLS 1.2, some 500 bytes.
        let (limit, portion) = (random.below(700), 1 + random.below(300))
        try visit(
          proxy, peers[number % 2], limit: limit, portion: portion, Exit.allCases[random.below(Exit.allCases.count)])
      }
      try proxy.waitUntilAtRest()
      proxy.group.stop()
    }
    let left = try worker.value()
    #expect(left[1] == 0, "bytes of OpenSSL's memory, seed \(Self.seed)")
    #expect(proxies[1].counters.meters.sum(.sessions) == Self.handshakes)
  }

  /// Backends that stop at any byte of the handshake: each is a failed connect, and nothing is left.
  @Test func nothingIsLeftOfBackendsThatStop() throws {
    let tls = TestTLS()
    let context = try tls.makeServer()
    let limits = Mutex(SeededGenerator(seed: Self.seed))
    let bad = try TestServer { peer in
      let (limit, isReset) = limits.withLock { ($0.below(2000), $0.below(2) == 0) }
      peer.start(try context.makeEngine())
      peer.take(try peer.receiveRaw())
      // Less than the whole of it.
      try peer.sendRaw(Array(peer.step().1.dropLast().prefix(limit)))
      if isReset { peer.reset() }
    }
    let good = try TestServer(context)
    let proxy = try Proxy([(bad.port, tls.makePeer()), (good.port, tls.makePeer())], scheduler: .first)
    let count = max(100, Self.handshakes / 10)
    for _ in 0..<count {
      let client = try proxy.connect()
      try client.send("hello")
      #expect(try client.receiveText(5) == "hello", "seed \(Self.seed)")
      try client.finish()
      #expect(try client.end() == .finished)
    }
    try proxy.waitUntilAtRest()
    #expect(proxy.backends[0].meters.sum(.connectFailures) == count)
  }

  /// What `limits.memory` counts is what OpenSSL takes.
  @Test func whatASessionTakes() throws {
    #expect(MemoryLayout<TLSSide>.size <= 256)
    let tls = TestTLS()
    let (context, peer) = try (tls.makeServer(), tls.makePeer())
    func open() throws -> (Peer, Peer) {
      var sockets: (Int32, Int32) = (0, 0)
      withUnsafeMutableBytes(of: &sockets) { bytes in
        _ = socketpair(
          AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, bytes.baseAddress!.assumingMemoryBound(to: Int32.self))
      }
      let (client, server) = (Peer(sockets.0), Peer(sockets.1))
      client.start(try peer.makeEngine())
      server.start(try context.makeEngine())
      while true {
        let (clientStep, hello) = client.step()
        server.take(hello)
        let (serverStep, answer) = server.step()
        client.take(answer)
        if clientStep == .done, serverStep == .done { break }
      }
      // The tickets.
      try server.send([1])
      _ = try client.receive(1)
      return (client, server)
    }
    _ = try open()
    let before = OpenSSLMemory.ofThisThread
    let pairs = try (0..<20).map { _ in try open() }
    let each = (OpenSSLMemory.ofThisThread - before) / 40
    withExtendedLifetime(pairs) {}
    #expect(each < TLSSide.openSSLMemory)
    #expect(each > TLSSide.openSSLMemory / 2)
  }
}
