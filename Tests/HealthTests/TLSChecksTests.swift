import Balancing
import Base
import Foundation
import Reactor
import Synchronization
import TLS
import TLSFixtures
import Testing

@testable import Health

/// A check inside of TLS against the engine itself, without a socket: bytes in portions of every size.
@Suite struct TLSChecksTests {
  private static let authority = TestCertificate.authority("Trusted")
  private let now = WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds)

  private func server(
    _ certificate: TestCertificate, _ change: (inout TLSServerSettings, MemoryFiles) -> Void = { _, _ in }
  ) throws -> TLSServerContext {
    let files = MemoryFiles()
    files["ca.pem"] = Self.authority.pem
    var settings = TLSServerSettings(name: "backend", certificates: [files.add("backend", certificate)])
    change(&settings, files)
    return try TLSServerContext(settings, files: files.files, ticketKeys: nil, now: now)
  }

  private func peer(_ change: (inout TLSClientSettings) -> Void = { _ in }) throws -> TLSPeer {
    var settings = TLSClientSettings()
    settings.authorities = ["ca.pem"]
    change(&settings)
    let files = MemoryFiles(["ca.pem": Self.authority.pem])
    let context = try TLSClientContext(settings, files: files.files, systemTrust: SystemTrust(), now: now)
    return try context.peer(host: TLSServerName("app.internal"))
  }

  /// What a check and a server have said to each other.
  private final class Talk {
    var check: ProbeTLS
    var server: TLSEngine
    var toServer: [UInt8] = []
    var toCheck: [UInt8] = []
    var failure: TLSFailure?
    let portion: Int

    init(_ peer: TLSPeer, _ server: TLSServerContext, portion: Int) throws {
      check = try ProbeTLS(peer)!
      self.server = try server.makeEngine()
      self.portion = portion
    }

    func use(_ body: (inout TLSEngine, inout TLSWire) -> Void) {
      withUnsafeTemporaryAllocation(byteCount: 1 << 17, alignment: 1) { output in
        let left = toServer.withUnsafeBytes { input in
          var wire = TLSWire(input: input, output: output)
          body(&server, &wire)
          toCheck += wire.output
          return wire.input.count
        }
        toServer.removeFirst(toServer.count - left)
      }
    }

    /// Until the check is through or has failed.
    func shakeHands() {
      for _ in 0..<100_000 where failure == nil && !check.isOpen {
        let bytes = Array(toCheck.prefix(portion))
        toCheck.removeFirst(bytes.count)
        bytes.withUnsafeBytes { check.receive($0) }
        failure = check.handshake()
        toServer += check.takeOutgoing()
        use { engine, wire in _ = engine.handshake(&wire) }
      }
      use { engine, wire in _ = engine.handshake(&wire) }
    }

    /// The server says something, and the check hears it in portions.
    func hear(_ text: String, atMost room: Int) -> [UInt8] {
      use { engine, wire in
        Array(text.utf8).withUnsafeBytes { _ = engine.encrypt($0, &wire, now: Clock.now) }
      }
      var heard: [UInt8] = []
      while !toCheck.isEmpty {
        let bytes = Array(toCheck.prefix(portion))
        toCheck.removeFirst(bytes.count)
        bytes.withUnsafeBytes { check.receive($0) }
        while case .bytes(let said) = check.decrypt(atMost: room) {
          #expect(!said.isEmpty && said.count <= room)
          heard += said
        }
      }
      return heard
    }
  }

  @Test(arguments: [1, 7, 1000, 100_000]) func aConversationInPortions(_ portion: Int) throws {
    let server = try server(Self.authority.issue("app", "app.internal"))
    let talk = try Talk(peer(), server, portion: portion)
    talk.shakeHands()
    #expect(talk.failure == nil && talk.check.isOpen)
    let text = String(repeating: "0123456789", count: 500)
    for room in [1, 100, 4096] {
      #expect(talk.hear(text, atMost: room) == Array(text.utf8))
    }
    talk.check.encrypt(Array("PING".utf8))
    talk.check.close()
    talk.toServer += talk.check.takeOutgoing()
    var said: [UInt8] = []
    var state = TLSEngine.Decryption.State.needsInput
    talk.use { engine, wire in
      said = [UInt8](unsafeUninitializedCapacity: 100) { buffer, count in
        let plain = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<100])
        let decryption = engine.decrypt(&wire, into: plain)
        count = decryption.count
        state = decryption.state
      }
    }
    #expect(said == Array("PING".utf8) && state == .ended)
  }

  /// The causes that docs/health-log.md explains, to the letter but for the days.
  @Test func theDocumentsCausesAreReal() throws {
    // Without what they are signed by.
    func failure(_ certificate: TestCertificate) throws -> String? {
      let alone = try server(certificate) { $1["backend.pem"] = certificate.pemAlone }
      let talk = try Talk(peer(), alone, portion: .max)
      talk.shakeHands()
      return talk.failure.map { ProbeCause.handshake($0).text }
    }
    let other = TestCertificate.authority("Other").issue("Internal CA", isAuthority: true)
    var plain = try ProbeTLS(peer())!
    _ = plain.handshake()
    Array("220 mail ready\r\n".utf8).withUnsafeBytes { plain.receive($0) }
    let alert: [UInt8] = [0x15, 3, 3, 0, 2, 2, 116]
    var refused = try ProbeTLS(peer())!
    _ = refused.handshake()
    alert.withUnsafeBytes { refused.receive($0) }
    let causes = [
      try failure(Self.authority.issue("app.internal", "app.internal", from: -200, to: -100)),
      try failure(Self.authority.issue("a.example", "a.example", "b.example")),
      try failure(other.issue("app.internal", "app.internal")),
      plain.handshake().map { ProbeCause.handshake($0).text },
      refused.handshake().map { ProbeCause.handshake($0).text },
      ProbeCause.handshake(ProbeTLS.cut).text,
      ProbeCause.handshake(SystemError("recv", 104)).text,
      ProbeCause.noHandshake(within: .seconds(1)).text,
    ].map { $0.map(Self.withoutDay) }
    #expect(causes == (try Self.documented()).map(Self.withoutDay))
  }

  private static func withoutDay(_ text: String) -> String {
    text.replacingOccurrences(of: "expired [0-9-]+", with: "expired DAY", options: .regularExpression)
  }

  private static func documented() throws -> [String] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let document = try String(contentsOf: root.appending(path: "docs/health-log.md"), encoding: .utf8)
    let section = document.components(separatedBy: "\n").drop { $0 != "### What TLS ends with" }.dropFirst()
      .prefix { !$0.hasPrefix("#") }
    return section.filter { $0.hasPrefix("| `") }.map { $0.components(separatedBy: "`")[1] }
  }
}
