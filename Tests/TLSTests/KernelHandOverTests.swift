import Base
import COpenSSL
import Testing

@testable import TLS

/// Kernel TLS without the kernel: somebody else goes on with the keys of an engine.
@Suite struct KernelHandOverTests {
  struct Kind: CustomTestStringConvertible, Sendable {
    let version: TLSVersion
    let cipher: String
    var testDescription: String { cipher }
  }

  static let kinds = [
    Kind(version: .tls13, cipher: "TLS_AES_128_GCM_SHA256"), Kind(version: .tls13, cipher: "TLS_AES_256_GCM_SHA384"),
    Kind(version: .tls13, cipher: "TLS_CHACHA20_POLY1305_SHA256"),
    Kind(version: .tls12, cipher: "ECDHE-ECDSA-AES128-GCM-SHA256"),
    Kind(version: .tls12, cipher: "ECDHE-ECDSA-AES256-GCM-SHA384"),
    Kind(version: .tls12, cipher: "ECDHE-ECDSA-CHACHA20-POLY1305"),
  ]

  private func link(_ kind: Kind, portion: Int = .max, room: Int = 1 << 16) throws -> Link {
    var site = Site()
    site.client.versions = kind.version...kind.version
    let link = try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
    if kind.version == .tls13 {
      try #require(SSL_set_ciphersuites(link.client.ssl, kind.cipher) == 1)
    } else {
      try #require(SSL_set_cipher_list(link.client.ssl, kind.cipher) == 1)
    }
    link.portion = portion
    link.room = room
    link.server.keepSendKeys()
    link.client.keepSendKeys()
    link.handshake()
    try #require(link.isOpen)
    return link
  }

  private func handOver(_ engine: inout TLSEngine) -> KernelRecords? {
    var records: KernelRecords?
    let isDone = engine.handOverSending { info in
      records = KernelRecords(info)
      return true
    }
    return isDone ? records : nil
  }

  @Test(arguments: kinds)
  func somebodyElseGoesOnWhereTheEngineStopped(kind: Kind) throws {
    for seed in 0..<10 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let link = try link(kind, portion: 1 + random.below(5000), room: 300 + random.below(40_000))
      let (before, after) = (random.bytes(1 + random.below(200_000)), random.bytes(1 + random.below(10_000)))
      #expect(link.sendToClient(before) == .done)
      #expect(link.sendToServer(before) == .done)
      let (atServer, atClient) = (handOver(&link.server), handOver(&link.client))
      var server = try #require(atServer, "seed \(seed)")
      var client = try #require(atClient, "seed \(seed)")
      for piece in [after, Array(after.prefix(1)), after] {
        link.toClient += server.seal(piece)
        link.toServer += client.seal(piece)
      }
      let all = before + after + after.prefix(1) + after
      #expect(link.receiveAtClient() == .needsInput, "seed \(seed)")
      #expect(link.receiveAtServer() == .needsInput, "seed \(seed)")
      #expect(link.atClient == all, "seed \(seed)")
      #expect(link.atServer == all, "seed \(seed)")

      // The end goes the same way.
      let said = close(&link.server)
      let close = try #require(said)
      #expect(close == .closeNotify)
      link.toClient += server.seal([close.bytes.0, close.bytes.1], type: 21)
      #expect(link.receiveAtClient() == .ended, "seed \(seed)")
    }
  }

  private func close(_ engine: inout TLSEngine) -> TLSAlertMessage? {
    // No room is needed: nothing is written.
    var wire = TLSWire(input: .init(start: nil, count: 0), output: .init(start: nil, count: 0))
    let isDone = engine.close(&wire)
    #expect(isDone)
    return wire.alert
  }

  /// With two records of one number, whoever listens could read both: an engine that has no keys is silent.
  @Test(arguments: kinds)
  func theEngineWritesNoMore(kind: Kind) throws {
    let link = try link(kind)
    let records = handOver(&link.server)
    try #require(records != nil)
    let (isAway, before) = (link.server.isSendingElsewhere, link.toClient.count)
    #expect(isAway)
    // What breaks the rules is answered with an alert.
    #expect(link.sendToServer([1, 2, 3]) == .done)
    link.toServer[link.toServer.count - 1] ^= 1
    let (state, alert) = decrypt(&link.server, link.toServer)
    #expect(state.failure?.cause == .malformed)
    #expect(alert == TLSAlertMessage(isFatal: true, TLSAlert(rawValue: 20)))
    #expect(link.toClient.count == before)
  }

  private func decrypt(
    _ engine: inout TLSEngine, _ bytes: [UInt8]
  ) -> (TLSEngine.Decryption.State, TLSAlertMessage?) {
    var (room, plain) = ([UInt8](repeating: 0, count: 1 << 16), [UInt8](repeating: 0, count: 1 << 16))
    return bytes.withUnsafeBytes { bytes in
      room.withUnsafeMutableBytes { room in
        var wire = TLSWire(input: bytes, output: room)
        let state = plain.withUnsafeMutableBytes { engine.decrypt(&wire, into: $0).state }
        let isSilent = wire.output.isEmpty
        #expect(isSilent)
        return (state, wire.alert)
      }
    }
  }

  /// A number twice would be worse than no kernel TLS: keys that are not the last ones are not given away.
  @Test func oldKeysAreNotHandedOver() throws {
    for isOwnWish in [true, false] {
      let link = try link(Self.kinds[0])
      if isOwnWish {
        #expect(SSL_key_update(link.server.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      } else {
        #expect(SSL_key_update(link.client.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
        #expect(link.sendToServer([1]) == .done)
        #expect(link.receiveAtServer() == .needsInput)
      }
      #expect(link.sendToClient([2]) == .done)
      let records = handOver(&link.server)
      #expect(records == nil)
      // Nothing has become of it.
      #expect(link.sendToClient([3]) == .done)
      #expect(link.receiveAtClient() == .needsInput)
      #expect(link.atClient == [2, 3])
    }
  }

  @Test func aPeerThatWantsNewKeysAfterwardsIsTold() throws {
    let link = try link(Self.kinds[0])
    let records = handOver(&link.server)
    try #require(records != nil)
    #expect(SSL_key_update(link.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
    #expect(link.sendToServer([1]) == .done)
    #expect(link.receiveAtServer() == .needsInput)
    #expect(link.atServer == [1])

    #expect(SSL_key_update(link.client.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
    #expect(link.sendToServer([2]) == .done)
    let (state, alert) = decrypt(&link.server, link.toServer)
    #expect(state.failure?.words == "the client asks for new keys, which kernel TLS cannot change")
    #expect(alert == TLSAlertMessage(isFatal: true, .internalError))
  }

  @Test func aKernelThatDeclinesChangesNothing() throws {
    for kind in Self.kinds {
      let link = try link(kind)
      #expect(link.sendToClient([1]) == .done)
      var isTried = false
      let isDone = link.server.handOverSending { _ in
        isTried = true
        return false
      }
      #expect(isTried && !isDone)
      #expect(link.sendToClient([2]) == .done)
      #expect(link.receiveAtClient() == .needsInput)
      #expect(link.atClient == [1, 2])
      // Once is enough.
      let records = handOver(&link.server)
      #expect(records == nil)
    }
  }

  @Test func keysThatNobodyKeptAreNotThere() throws {
    let link = try Site().connect()
    let records = handOver(&link.server)
    #expect(records == nil)
  }

  /// AES-CCM is not among what the balancer offers, but a cipher that is not known here must do no harm.
  @Test func anotherCipherIsNotHandedOver() throws {
    var site = Site()
    site.client.versions = .tls12 ... .tls12
    let link = try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
    for ssl in [link.client.ssl, link.server.ssl] {
      try #require(SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-SHA256") == 1)
    }
    link.server.keepSendKeys()
    link.handshake()
    try #require(link.isOpen)
    #expect(link.sendToClient([1]) == .done)
    let records = handOver(&link.server)
    #expect(records == nil)
  }
}
