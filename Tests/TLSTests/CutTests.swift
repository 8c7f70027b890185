import Base
import COpenSSL
import Foundation
import TLSFixtures
import Testing

@testable import TLS

/// Handshakes that stop anywhere, and what is left of them: nothing.
///
/// OpenSSL's memory is counted for each thread, so other tests may run beside these. As many as `BALANCER_CUT_HANDSHAKES` says.
@Suite struct CutTests {
  private static let handshakes =
    ProcessInfo.processInfo.environment["BALANCER_CUT_HANDSHAKES"].flatMap { Int($0) } ?? 20_000

  @Test(arguments: TLSVersion.allCases)
  func nothingIsLeftOfHandshakesThatWereCut(version: TLSVersion) throws {
    let seed: UInt64 = version == .tls12 ? 12 : 13
    var site = Site()
    site.client.versions = version...version
    site.server.clientAuthentication = .optional
    site.files["clients.pem"] = Site.authority.pem
    site.server.clientAuthorities = ["clients.pem"]
    let server = try site.makeServer()
    let client = try site.makeClient()
    let whole = try flight(server, client.peer(host: site.host))

    /// Both sides get on until so many bytes have passed; then one of them sees the end, or garbage.
    func cut(_ random: inout SeededGenerator) throws {
      let link = try Link(server: server.makeEngine(), client: client.peer(host: site.host).makeEngine())
      var left = random.below(whole)
      let isAltered = random.below(4) == 0
      link.portion = 1 + random.below(700)
      while left > 0, !link.isOpen, link.serverFailure == nil, link.clientFailure == nil {
        let before = link.toServer.count + link.toClient.count
        link.stepClient()
        link.stepServer()
        left -= max(1, abs(link.toServer.count + link.toClient.count - before))
      }
      if isAltered {
        for _ in 0..<8 {
          if !link.toServer.isEmpty { link.toServer[random.below(link.toServer.count)] ^= UInt8(1 + random.below(255)) }
          if !link.toClient.isEmpty { link.toClient[random.below(link.toClient.count)] ^= UInt8(1 + random.below(255)) }
        }
        link.portion = .max
        link.stepServer()
        link.stepClient()
      }
      _ = link.server.inputEnded()
      _ = link.client.inputEnded()
    }

    // What OpenSSL keeps for ever it has by then, what it looks up for a thread's random generator included: where that was
    // made before the first context, its place was forgotten when the provider came.
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2 {
      for _ in 0..<150 { try cut(&random) }
      // What it keeps for this thread goes with it.
      OPENSSL_thread_stop()
    }
    let before = OpenSSLMemory.ofThisThread
    for _ in 0..<Self.handshakes / 2 { try cut(&random) }
    OPENSSL_thread_stop()
    #expect(OpenSSLMemory.ofThisThread == before, "seed \(seed)")
    // And it still works.
    #expect(try site.connect().isOpen)
  }

  /// The bytes of a whole handshake, both ways together.
  private func flight(_ server: TLSServerContext, _ peer: TLSPeer) throws -> Int {
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    var total = 0
    while !link.isOpen {
      link.stepClient()
      total += link.toServer.count
      link.stepServer()
      total += link.toClient.count
    }
    return total
  }

  /// At rest, an engine holds no buffer: neither for what it sent nor for what it got.
  @Test(arguments: TLSVersion.allCases)
  func noBufferAtRest(version: TLSVersion) throws {
    var site = Site()
    site.client.versions = version...version
    let (server, client) = try (site.makeServer(), site.makeClient())
    func link() throws -> Link {
      try Link(server: server.makeEngine(), client: client.peer(host: site.host).makeEngine())
    }
    func cost(_ body: () throws -> Link) rethrows -> Int {
      let before = OpenSSLMemory.ofThisThread
      let link = try body()
      let after = OpenSSLMemory.ofThisThread
      withExtendedLifetime(link) {}
      return after - before
    }
    let buffer = 16_384
    // The first handshake of a thread, and of a process, makes OpenSSL fetch and seed what it keeps.
    let first = try link()
    first.handshake()
    first.receiveAtClient()
    first.sendToServer([1])
    first.receiveAtServer()
    // Of 16 KiB neither side has one, when both together have less than two and a little state of their own each.
    let fresh = try cost(link)
    let open = try cost {
      let link = try link()
      link.handshake()
      link.receiveAtClient()
      return link
    }
    let used = try cost {
      let link = try link()
      link.handshake()
      link.sendToServer([UInt8](repeating: 1, count: 100_000))
      link.sendToClient([UInt8](repeating: 1, count: 100_000))
      link.receiveAtServer()
      link.receiveAtClient()
      return link
    }
    #expect(fresh < 2 * buffer, "\(fresh)")
    #expect(open < fresh + buffer, "\(open)")
    #expect(abs(used - open) < 1024, "\(used), \(open)")
    // A part of a record is kept, as it must be.
    let waiting = try cost {
      let link = try link()
      link.handshake()
      link.receiveAtClient()
      link.sendToServer([UInt8](repeating: 1, count: 4000))
      link.toServer.removeLast()
      link.receiveAtServer()
      return link
    }
    #expect(waiting > open + buffer / 2)
  }
}
