import Base
import COpenSSL
import Foundation
import Synchronization
import TLSFixtures
import Testing

@testable import TCPProxy
@testable import TLS

/// Much data through TLS, and sides that do not take it.
@Suite struct SecureDataTests {
  /// Bytes of which no two stretches are alike.
  private static func stretch(_ number: Int, _ count: Int = 1 << 20) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      var random = SeededGenerator(seed: UInt64(number))
      buffer.withMemoryRebound(to: UInt64.self) { words in for index in words.indices { words[index] = random.next() } }
      filled = count
    }
  }

  @Test(arguments: Sides.allCases, TLSVersion.allCases)
  func manyBytesBothWays(sides: Sides, version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    // Whether or not it is true: a kernel that refuses changes nothing.
    let setting = try SecureSetting(sides, tls, hasKernelTLS: true)
    let client = try setting.connect()
    let total = sides == .both ? 64 : 8
    let sender = Task {
      for number in 0..<total { try client.send(Self.stretch(number)) }
      try client.finish()
    }
    for number in 0..<total {
      let isSame = try client.receive(1 << 20) == Self.stretch(number)
      #expect(isSame, "stretch \(number)")
    }
    #expect(try client.end() == .finished)
    try sender.value()
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.backends[0].meters.sum(.bytesToBackends) == total << 20)
    #expect(setting.proxy.backends[0].meters.sum(.bytesToClients) == total << 20)
    #expect(setting.server.errors == [])
  }

  /// Whoever does not read stops the other side, and costs one read's worth of memory.
  @Test(arguments: Sides.allCases)
  func aSlowReaderStopsTheWriter(sides: Sides) throws {
    let total = 24
    let sent = Mutex<Int>(0)
    let setting = try SecureSetting(sides) { peer in
      for number in 0..<total {
        try peer.send(Self.stretch(number))
        sent.withLock { $0 += 1 }
      }
      try peer.finish()
    }
    let client = try setting.connect(receiveBuffer: 64 << 10)
    try waitUntil("something is held") {
      setting.proxy.admission.memoryInUse > setting.proxy.admission.memoryAtRest(sides)
    }
    var most = 0
    try waitUntilStill {
      sent.withLock { $0 }
    } meanwhile: {
      most = max(most, setting.proxy.admission.memoryInUse)
    }
    #expect(sent.withLock { $0 } < total)
    #expect(most < 384 << 10)
    for number in 0..<total {
      let isSame = try client.receive(1 << 20) == Self.stretch(number)
      #expect(isSame, "stretch \(number)")
    }
    try client.finish()
    #expect(try client.end() == .finished)
    try setting.proxy.waitUntilAtRest()
  }

  /// A client that asks for new keys without end, and never reads the answers: it is not read any more until it does.
  @Test func answersToTheClientItselfAreBounded() throws {
    let (total, updates) = (8, 40_000)
    let received = Mutex<Int>(0)
    let setting = try SecureSetting(.client) { peer in
      for number in 0..<total { try peer.send(Self.stretch(number)) }
      let count = try peer.receiveAll().bytes.count
      received.withLock { $0 = count }
      try peer.finish()
    }
    let client = try setting.connect(receiveBuffer: 64 << 10)
    try waitUntil("something is held") {
      setting.proxy.admission.memoryInUse > setting.proxy.admission.memoryAtRest(.client)
    }
    let sent = Mutex<Int>(0)
    let sender = Task {
      for _ in 0..<updates / 100 {
        try client.sendRaw((0..<100).flatMap { _ in client.encryptWithNewKeys([1]) })
        sent.withLock { $0 += 100 }
      }
      try client.finish()
    }
    var most = 0
    try waitUntilStill {
      sent.withLock { $0 }
    } meanwhile: {
      most = max(most, setting.proxy.admission.memoryInUse)
    }
    #expect(most < 512 << 10)
    // Our own engine would not take so many in a row.
    let answer = try client.drain()
    let keyUpdateSize = 27
    #expect(answer.count > total << 20 + updates * keyUpdateSize)
    try sender.value()
    #expect(received.withLock { $0 } == updates)
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.incidents.take() == [])
  }

  /// Waits until a figure does not change for a while, which is when all buffers on the way are full.
  private func waitUntilStill(_ figure: () -> Int, meanwhile: () -> Void) throws {
    var (last, still) = (figure(), 0)
    try waitUntil("nothing moves") {
      meanwhile()
      let now = figure()
      still = now == last ? still + 1 : 0
      last = now
      return still == 200
    }
  }

  /// With new keys in the middle, both ways.
  @Test func newKeysWithinASession() throws {
    let setting = try SecureSetting(.both)
    let client = try setting.connect()
    for number in 0..<200 {
      let word = Self.stretch(number, 800)
      try client.sendRaw(client.encryptWithNewKeys(word))
      #expect(try client.receive(800) == word)
    }
    try client.finish()
    #expect(try client.end() == .finished)
    try setting.proxy.waitUntilAtRest()
    #expect(setting.server.errors == [])
  }

  /// Many sessions that start and end on several workers.
  @Test func manySessions() throws {
    let tls = TestTLS()
    let setting = try SecureSetting(.both, tls, workers: 2)
    let peer = try tls.makePeer()
    let threads = (0..<4).map { thread in
      Task {
        for number in 0..<50 {
          let client = try setting.proxy.connect(peer)
          let word = Self.stretch(thread * 1000 + number, 8 * (1 + number * 97))
          try client.send(word)
          guard try client.receive(word.count) == word else { throw Failure("other bytes came back") }
          try client.finish()
          guard try client.end() == .finished else { throw Failure("another end") }
        }
      }
    }
    for thread in threads { try thread.value() }
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.handshakes == 200)
    #expect(setting.proxy.counters.handshakes.failed == 0)
    #expect(setting.server.errors == [])
  }
}

extension Admission {
  /// What a session takes when nothing is held.
  fileprivate func memoryAtRest(_ sides: Sides) -> Int {
    Self.sessionMemory + (sides == .both ? 2 : 1) * TLSSide.openSSLMemory
  }
}

extension Peer {
  /// Also asks the other side for new keys (TLS 1.3).
  func encryptWithNewKeys(_ bytes: [UInt8]) -> [UInt8] {
    _ = ask { engine in SSL_key_update(engine.ssl, SSL_KEY_UPDATE_REQUESTED) }
    return encrypt(bytes)
  }
}
