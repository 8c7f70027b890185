import Base
import COpenSSL
import TLSFixtures

@testable import TLS

extension TestCertificate {
  var facts: CertificateFacts { CertificateFacts(pointer) }
}

let now = WallTime(secondsSinceEpoch: openssl_seconds_since_epoch())

/// A site with one authority and one certificate, and whatever a test changes about it.
struct Site {
  static let authority = TestCertificate.authority("Test Root")
  static let certificate = authority.issue("app.example", "app.example", "*.apps.example")

  let files = MemoryFiles()
  var server = TLSServerSettings(name: "web")
  var client = TLSClientSettings()
  var host = TLSServerName("app.example")
  var ticketKeys: TicketKeys?
  var keyLog: TLSKeyLog?

  init() {
    files["ca.pem"] = Self.authority.pem
    server.certificates = [files.add("app", Self.certificate)]
    client.authorities = ["ca.pem"]
    ticketKeys = TicketKeys()
  }

  func makeServer() throws -> TLSServerContext {
    try TLSServerContext(server, files: files.files, ticketKeys: ticketKeys, keyLog: keyLog, now: now)
  }

  func makeClient() throws -> TLSClientContext {
    try TLSClientContext(client, files: files.files, systemTrust: SystemTrust(), now: now)
  }

  func makePeer() throws -> TLSPeer { try makeClient().peer(host: host) }

  /// A handshake of both, as far as it goes.
  func connect() throws -> Link {
    let link = try Link(server: makeServer().makeEngine(), client: makePeer().makeEngine())
    link.handshake()
    return link
  }
}

/// A client and a server, and the bytes that are on their way between them.
final class Link {
  var server: TLSEngine
  var client: TLSEngine
  var toServer: [UInt8] = []
  var toClient: [UInt8] = []
  /// What each has decrypted.
  var atServer: [UInt8] = []
  var atClient: [UInt8] = []
  var serverStep: TLSEngine.HandshakeStep?
  var clientStep: TLSEngine.HandshakeStep?
  /// Bytes that are handed over at a time.
  var portion = Int.max
  /// The room for what an engine sends in one call.
  var room = 1 << 16
  var clock = Instant.zero
  /// What the server has in common with others on its thread.
  var line: TLSLine?

  init(server: consuming TLSEngine, client: consuming TLSEngine) {
    self.server = server
    self.client = client
  }

  /// Until both are done or one has failed.
  func handshake() {
    while true {
      let before = (toServer.count, toClient.count, clientStep, serverStep)
      stepClient()
      stepServer()
      if clientStep == .done && serverStep == .done
        || before == (toServer.count, toClient.count, clientStep, serverStep)
      {
        return
      }
    }
  }

  func stepClient() {
    clientStep = Self.use(&toClient, &toServer, portion, room) { wire in client.handshake(&wire) }
  }

  func stepServer() {
    serverStep = Self.use(&toServer, &toClient, portion, room, line) { wire in server.handshake(&wire) }
  }

  var isOpen: Bool { serverStep == .done && clientStep == .done }

  var serverFailure: TLSFailure? { serverStep?.failure }
  var clientFailure: TLSFailure? { clientStep?.failure }

  var serverSession: TLSSession? { server.session }
  var clientSession: TLSSession? { client.session }

  var serverIsOpen: Bool { server.isOpen }
  var clientIsOpen: Bool { client.isOpen }

  // MARK: Data

  @discardableResult
  func sendToServer(_ bytes: [UInt8]) -> TLSEngine.Encryption.State {
    Self.encrypt(bytes, &client, &toServer, room, clock)
  }

  @discardableResult
  func sendToClient(_ bytes: [UInt8]) -> TLSEngine.Encryption.State {
    Self.encrypt(bytes, &server, &toClient, room, clock)
  }

  private static func encrypt(
    _ bytes: [UInt8], _ engine: inout TLSEngine, _ sent: inout [UInt8], _ room: Int, _ clock: Instant
  ) -> TLSEngine.Encryption.State {
    var position = 0
    while true {
      var nothing: [UInt8] = []
      let encryption = use(&nothing, &sent, .max, room) { wire in
        bytes.withUnsafeBytes { bytes in
          engine.encrypt(UnsafeRawBufferPointer(rebasing: bytes[position...]), &wire, now: clock)
        }
      }
      position += encryption.count
      if encryption.state != .needsOutput { return encryption.state }
    }
  }

  /// Decrypts all that has come for the server.
  @discardableResult
  func receiveAtServer(plainRoom: Int = 1 << 16) -> TLSEngine.Decryption.State {
    Self.decrypt(&toServer, &toClient, &server, &atServer, portion, room, plainRoom)
  }

  @discardableResult
  func receiveAtClient(plainRoom: Int = 1 << 16) -> TLSEngine.Decryption.State {
    Self.decrypt(&toClient, &toServer, &client, &atClient, portion, room, plainRoom)
  }

  private static func decrypt(
    _ received: inout [UInt8], _ sent: inout [UInt8], _ engine: inout TLSEngine, _ plain: inout [UInt8], _ portion: Int,
    _ room: Int, _ plainRoom: Int
  ) -> TLSEngine.Decryption.State {
    while true {
      var state = TLSEngine.Decryption.State.needsInput
      let more = [UInt8](unsafeUninitializedCapacity: plainRoom) { buffer, count in
        let decryption = use(&received, &sent, portion, room) { wire in
          engine.decrypt(
            &wire, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<plainRoom]))
        }
        count = decryption.count
        state = decryption.state
      }
      plain += more
      switch state {
      case .needsInput: if received.isEmpty { return state }
      case .full, .needsOutput: continue
      case .ended, .failed: return state
      }
    }
  }

  func closeClient() { _ = Self.use(&Self.none, &toServer, .max, room) { wire in client.close(&wire) } }
  func closeServer() { _ = Self.use(&Self.none, &toClient, .max, room) { wire in server.close(&wire) } }

  nonisolated(unsafe) private static var none: [UInt8] = []

  /// Makes a call with a part of what has come, and appends what it wants sent.
  static func use<Result>(
    _ received: inout [UInt8], _ sent: inout [UInt8], _ portion: Int, _ room: Int, _ line: TLSLine? = nil,
    _ body: (inout TLSWire) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { output in
      let count = min(portion, received.count)
      var left = 0
      let result = received.withUnsafeBytes { bytes in
        var wire = TLSWire(input: UnsafeRawBufferPointer(rebasing: bytes[..<count]), output: output, line: line)
        let result = body(&wire)
        left = wire.input.count
        sent += wire.output
        return result
      }
      received.removeFirst(count - left)
      return result
    }
  }
}

extension TLSEngine.HandshakeStep {
  var failure: TLSFailure? {
    if case .failed(let failure) = self { failure } else { nil }
  }
}

extension TLSEngine.Decryption.State {
  var failure: TLSFailure? {
    if case .failed(let failure) = self { failure } else { nil }
  }
}

extension SeededGenerator {
  mutating func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      for index in 0..<count { buffer[index] = UInt8(truncatingIfNeeded: next()) }
      filled = count
    }
  }
}

extension TLSEngine.Encryption.State {
  var failure: TLSFailure? {
    if case .failed(let failure) = self { failure } else { nil }
  }
}

/// What is said to be wrong.
func problems<Value>(_ body: () throws -> Value) -> [String] {
  do {
    _ = try body()
    return []
  } catch let error as TLSProblems {
    return error.problems.map(\.description)
  } catch {
    return ["\(error)"]
  }
}
