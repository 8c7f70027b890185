import Base
import COpenSSL
import Testing

@testable import TLS

@Suite struct DataTests {
  private func link(_ version: TLSVersion) throws -> Link {
    var site = Site()
    site.client.versions = version...version
    let link = try site.connect()
    try #require(link.isOpen)
    // The ticket.
    #expect(link.receiveAtClient() == .needsInput)
    return link
  }

  private func unconnected(_ version: TLSVersion) throws -> Link {
    var site = Site()
    site.client.versions = version...version
    return try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
  }

  // MARK: Bytes

  @Test(arguments: TLSVersion.allCases)
  func bytesBothWaysInPiecesOfAnySize(version: TLSVersion) throws {
    for seed in 0..<20 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let link = try link(version)
      link.portion = 1 + random.below(5000)
      link.room = 200 + random.below(40_000)
      var (there, back): ([UInt8], [UInt8]) = ([], [])
      for _ in 0..<20 {
        let (one, two) = (random.bytes(random.below(60_000)), random.bytes(random.below(60_000)))
        #expect(link.sendToServer(one) == .done)
        #expect(link.sendToClient(two) == .done)
        there += one
        back += two
        if random.below(2) == 0 { #expect(link.receiveAtServer(plainRoom: 1 + random.below(30_000)) == .needsInput) }
        if random.below(2) == 0 { #expect(link.receiveAtClient(plainRoom: 1 + random.below(30_000)) == .needsInput) }
      }
      link.receiveAtServer()
      link.receiveAtClient()
      #expect(link.atServer == there, "seed \(seed)")
      #expect(link.atClient == back, "seed \(seed)")
    }
  }

  /// The flow of a relay: a buffer of one size, decrypted where it came in.
  @Test(arguments: TLSVersion.allCases)
  func manyBytesBothWays(version: TLSVersion) throws {
    let link = try link(version)
    let total = 64 << 20
    let chunk = 256 << 10
    var (sent, received) = (SeededGenerator(seed: 1), SeededGenerator(seed: 1))
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: TLSEngine.inPlaceOffset + TLSEngine.outputSize(for: chunk), alignment: 16)
    let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
    defer {
      memory.deallocate()
      plain.deallocate()
    }
    let cipher = UnsafeMutableRawBufferPointer(rebasing: memory[TLSEngine.inPlaceOffset...])

    /// One chunk from one to the other, cut somewhere.
    func carry(
      _ from: inout TLSEngine, _ to: inout TLSEngine, _ random: inout SeededGenerator, _ check: inout SeededGenerator
    ) {
      plain.withMemoryRebound(to: UInt64.self) { words in for index in words.indices { words[index] = random.next() } }
      var wire = TLSWire(input: UnsafeRawBufferPointer(start: nil, count: 0), output: cipher)
      let encryption = from.encrypt(UnsafeRawBufferPointer(plain), &wire, now: .zero)
      precondition(encryption.state == .done && encryption.count == chunk)
      // The rest comes where the first part has been.
      let cut = wire.output.count / 3
      let rest = Array(wire.output[cut...])
      var got: [UInt8] = []
      for part in [UnsafeRawBufferPointer(rebasing: wire.output[..<cut]), nil] {
        if part == nil { cipher.copyBytes(from: rest) }
        var incoming = TLSWire(
          input: part ?? UnsafeRawBufferPointer(rebasing: cipher[..<rest.count]),
          output: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        let decryption = to.decrypt(&incoming, into: memory)
        precondition(decryption.state == .needsInput, "\(decryption)")
        got += memory[..<decryption.count]
      }
      var isSame = got.count == chunk
      got.withUnsafeBytes { got in
        for offset in stride(from: 0, to: got.count, by: 8) {
          isSame = isSame && got.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == check.next()
        }
      }
      #expect(isSame)
    }
    for _ in 0..<total / chunk {
      carry(&link.client, &link.server, &sent, &received)
      carry(&link.server, &link.client, &sent, &received)
    }
  }

  @Test func recordsAreSmallAtFirst() throws {
    let link = try link(.tls13)
    link.sendToServer([UInt8](repeating: 7, count: 200_000))
    var sizes: [Int] = []
    var position = 0
    while position < link.toServer.count {
      let size = Int(link.toServer[position + 3]) << 8 | Int(link.toServer[position + 4])
      sizes.append(size)
      position += 5 + size
    }
    let overhead = 17
    #expect(sizes.prefix(16).allSatisfy { $0 == 4096 + overhead })
    #expect(sizes.dropFirst(16).dropLast().allSatisfy { $0 == 16384 + overhead })
    #expect(sizes.count == 16 + 9)
    link.receiveAtServer()
    #expect(link.atServer.count == 200_000)
  }

  @Test func outputSizeIsEnoughForOneCall() throws {
    for version in TLSVersion.allCases {
      for count in [0, 1, 4096, 4097, 65_536, 100_000, 262_144] {
        let link = try link(version)
        link.room = TLSEngine.outputSize(for: count)
        let bytes = [UInt8](repeating: 1, count: count)
        var sent: [UInt8] = []
        var none: [UInt8] = []
        let encryption = Link.use(&none, &sent, .max, link.room) { wire in
          bytes.withUnsafeBytes { link.client.encrypt($0, &wire, now: .zero) }
        }
        #expect(encryption == TLSEngine.Encryption(count: count, state: .done), "\(version) \(count)")
      }
    }
  }

  // MARK: Ends

  @Test(arguments: TLSVersion.allCases)
  func oneDirectionCanBeClosedBeforeTheOther(version: TLSVersion) throws {
    let link = try link(version)
    link.sendToServer(Array("last words".utf8))
    link.closeClient()
    #expect(link.receiveAtServer() == .ended)
    #expect(link.atServer == Array("last words".utf8))
    #expect(link.server.inputEnded() == nil)
    // The server goes on, with new keys and more than one flight.
    if version == .tls13 { #expect(SSL_key_update(link.server.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1) }
    for _ in 0..<3 {
      #expect(link.sendToClient([UInt8](repeating: 5, count: 50_000)) == .done)
      #expect(link.receiveAtClient() == .needsInput)
    }
    if version == .tls13 { #expect(SSL_key_update(link.server.ssl, SSL_KEY_UPDATE_REQUESTED) == 1) }
    link.sendToClient([6])
    link.closeServer()
    #expect(link.receiveAtClient() == .ended)
    #expect(link.atClient == [UInt8](repeating: 5, count: 150_000) + [6])
    #expect(link.client.inputEnded() == nil)
    #expect(link.toServer.isEmpty)
    // Again and again it stays the end.
    #expect(link.receiveAtClient() == .ended)
    link.closeClient()
    #expect(link.toServer.isEmpty)
  }

  /// A client that has closed at once still reads the ticket that comes then.
  @Test func aTicketAfterTheClose() throws {
    let site = Site()
    let (server, peer) = try (site.makeServer(), site.makePeer())
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    link.handshake()
    link.closeClient()
    link.sendToClient(Array("answer".utf8))
    #expect(link.receiveAtClient() == .needsInput)
    #expect(link.atClient == Array("answer".utf8))
    let second = try Link(server: server.makeEngine(), client: peer.makeEngine())
    second.handshake()
    #expect(second.clientSession?.isResumed == true)
  }

  @Test(arguments: TLSVersion.allCases)
  func aCutStreamIsNoEnd(version: TLSVersion) throws {
    let link = try link(version)
    link.sendToServer(Array("half a ".utf8))
    link.sendToServer(Array("sentence".utf8))
    link.toServer.removeLast(3)
    #expect(link.receiveAtServer() == .needsInput)
    #expect(link.atServer == Array("half a ".utf8))
    let failure = link.server.inputEnded()
    #expect(
      failure
        == TLSFailure(
          party: .client, phase: .data, cause: .cut,
          words: "the client's stream was cut: it ended without close_notify"))
    #expect(link.receiveAtServer().failure == failure)
  }

  // MARK: Falls

  @Test(arguments: TLSVersion.allCases)
  func anAlteredRecordEndsEverything(version: TLSVersion) throws {
    let link = try link(version)
    link.sendToServer(Array("first".utf8))
    link.sendToServer(Array("second".utf8))
    link.sendToServer(Array("third".utf8))
    let record = link.toServer.count / 3
    link.toServer[record + record - 1] ^= 1
    let failure = link.receiveAtServer().failure
    #expect(failure?.cause == .malformed)
    #expect(failure?.phase == .data)
    #expect(failure?.words == "a record of the client was altered on its way")
    #expect(failure?.mayRetry == false)
    #expect(link.atServer == Array("first".utf8))
    // The third is as it was sent, but nobody reads on after a fatal alert.
    #expect(!link.toServer.isEmpty)
    let left = link.toServer
    #expect(link.receiveAtServer().failure == failure)
    #expect(link.toServer == left)
    #expect(link.atServer == Array("first".utf8))
    #expect(link.sendToClient([1]).failure == failure)
    #expect(link.server.inputEnded() == failure)
    // The client is told, and it is over for it too.
    let told = link.receiveAtClient().failure
    #expect(told?.cause == .refused(TLSAlert(rawValue: 20)))
    #expect(told?.words == "the backend refused: alert bad_record_mac: bytes were altered on the way")
    #expect(link.sendToServer([1]).failure == told)
  }

  /// A fatal alert of the peer, and data behind it.
  @Test(arguments: TLSVersion.allCases)
  func nothingIsReadAfterAFatalAlert(version: TLSVersion) throws {
    let link = try link(version)
    link.sendToServer([1])
    link.toServer[link.toServer.count - 1] ^= 1
    link.sendToClient([1, 2, 3])
    link.receiveAtServer()
    // The alert has gone to the client; whatever comes behind it is not read.
    link.toClient += link.toClient
    let failure = link.receiveAtClient().failure
    #expect(failure?.cause == .refused(TLSAlert(rawValue: 20)))
    #expect(link.atClient == [1, 2, 3])
    #expect(link.receiveAtClient().failure == failure)
  }

  /// Data that is not encrypted, before the handshake, at each of its steps and after it, reaches nobody.
  @Test(arguments: TLSVersion.allCases)
  func plaintextOfABackendReachesNobody(version: TLSVersion) throws {
    let secret = Array("HTTP/1.1 200 OK\r\n\r\n".utf8)
    let record: [UInt8] = [23, 3, 3, 0, UInt8(secret.count)] + secret
    var places = 0
    while true {
      var site = Site()
      site.client.versions = version...version
      let link = try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
      // Where the records that the client gets begin, the foreign one is put in before the next of them.
      var seen = 0
      var wasPut = false
      while !link.isOpen, link.clientFailure == nil {
        link.stepClient()
        link.stepServer()
        var position = 0
        while position + 5 <= link.toClient.count, !wasPut {
          if seen == places {
            link.toClient.insert(contentsOf: record, at: position)
            wasPut = true
          }
          seen += 1
          position += 5 + Int(link.toClient[position + 3]) << 8 + Int(link.toClient[position + 4])
        }
        if link.clientStep == .done, link.serverStep == .needsInput, link.toServer.isEmpty { break }
      }
      if link.clientFailure == nil {
        try #require(link.clientIsOpen)
        if !wasPut { link.toClient += record }
        #expect(link.receiveAtClient().failure != nil, "\(version) at \(places)")
      }
      #expect(link.atClient.isEmpty, "\(version) at \(places)")
      if !wasPut { break }
      places += 1
    }
    #expect(places >= 3)
  }

  @Test(arguments: TLSVersion.allCases)
  func garbageInsteadOfRecords(version: TLSVersion) throws {
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let link = try link(version)
      link.toServer = random.bytes(6 + random.below(2000))
      let state = link.receiveAtServer()
      // It may look like the beginning of a long record.
      #expect(state.failure != nil || state == .needsInput, "seed \(seed)")
      #expect(link.atServer.isEmpty, "seed \(seed)")
      #expect(link.server.inputEnded() != nil, "seed \(seed)")
    }
  }

  @Test func keysMayChange() throws {
    let link = try link(.tls13)
    for round in 0..<100 {
      #expect(
        SSL_key_update(link.client.ssl, round % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      link.sendToServer([UInt8(round)])
      #expect(link.receiveAtServer() == .needsInput)
      link.sendToClient([UInt8(round)])
      #expect(link.receiveAtClient() == .needsInput)
    }
    #expect(link.atServer == (0..<100).map { UInt8($0) })
    #expect(link.atClient == link.atServer)
  }

  /// Servers that share a line, with others at every stage of a handshake on the same thread meanwhile.
  @Test(arguments: [TLSVersion.tls12, .tls13])
  func oneLineForAll(_ version: TLSVersion) throws {
    let line = TLSLine()
    var open: [Link] = []
    var begun: [Link] = []
    for number in 0..<8 {
      let link = try unconnected(version)
      link.line = line
      link.portion = 100
      // A step of each, so that they end one after the other.
      begun.append(link)
      for other in begun {
        for _ in 0...number {
          other.stepClient()
          other.stepServer()
        }
      }
      for (index, other) in begun.enumerated().reversed() where other.isOpen {
        begun.remove(at: index)
        other.portion = .max
        open.append(other)
      }
      for (index, other) in open.enumerated() {
        if version == .tls13 { #expect(SSL_key_update(other.client.ssl, SSL_KEY_UPDATE_REQUESTED) == 1) }
        other.sendToServer([UInt8(index), UInt8(number)])
        other.sendToClient([UInt8(number), UInt8(index)])
      }
      for (index, other) in open.enumerated() {
        other.receiveAtServer()
        other.receiveAtClient()
        #expect(other.atServer.suffix(2) == [UInt8(index), UInt8(number)])
        #expect(other.atClient.suffix(2) == [UInt8(number), UInt8(index)])
      }
    }
    for link in begun { link.handshake() }
    for link in open + begun { #expect(link.isOpen) }
    // Each end takes its reference along, whichever goes first.
    open.removeFirst()
    for link in open + begun {
      link.portion = .max
      link.closeServer()
      #expect(link.receiveAtClient() == .ended)
    }
  }

  /// Each new key costs the receiver more than the sender.
  @Test func keysMayNotChangeWithoutEnd() throws {
    let link = try link(.tls13)
    var updates = 0
    var failure: TLSFailure?
    while failure == nil, updates < 1000 {
      #expect(SSL_key_update(link.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      var none: [UInt8] = []
      Link.use(&none, &link.toServer, .max, 1000) { wire in
        // Writes the message without data behind it.
        withUnsafeMutablePointer(to: &wire) { wire in
          BIO_set_data(SSL_get_wbio(link.client.ssl), wire)
          SSL_do_handshake(link.client.ssl)
          BIO_set_data(SSL_get_wbio(link.client.ssl), nil)
        }
      }
      updates += 1
      failure = link.receiveAtServer().failure
    }
    #expect(updates == 33)
    #expect(failure?.words == "the client sends handshake messages without end")
  }

  /// A client cannot make the server begin anew (which has let plaintext be put before a session, and costs a signature).
  @Test func thereIsNoRenegotiation() throws {
    let link = try link(.tls12)
    #expect(SSL_renegotiate(link.client.ssl) == 0)
    // Nor when it insists.
    SSL_clear_options(link.client.ssl, openssl_no_renegotiation)
    #expect(SSL_renegotiate(link.client.ssl) == 1)
    link.sendToServer([1])
    #expect(link.receiveAtServer() == .needsInput)
    // An alert and nothing else: it goes on as before.
    let alert: UInt8 = 21
    #expect(link.toClient.first == alert)
    #expect(link.toClient.count < 64)
    #expect(link.serverIsOpen)
    #expect(link.atServer.isEmpty)
  }
}
