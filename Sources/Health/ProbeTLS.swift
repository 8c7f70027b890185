import Base
import Reactor
import TLS

/// TLS between a check's conversation and its socket: what comes and goes on the socket on one side, what was said on
/// the other. It knows no socket.
struct ProbeTLS: ~Copyable {
  private var engine: TLSEngine
  /// From the socket, not decrypted yet: at most what one read brought, and a record's beginning stays with the engine.
  private var received: [UInt8] = []
  /// For the socket.
  private var outgoing: [UInt8] = []

  /// Room for what one call of the engine wants sent.
  private static let room = TLSEngine.outputSize(for: 16_384)

  /// - Returns: nil where there is no TLS.
  init?(_ peer: TLSPeer?) throws(TLSFailure) {
    guard let peer else { return nil }
    engine = try peer.makeEngine(resuming: false)
  }

  var isOpen: Bool { engine.isOpen }

  mutating func receive(_ bytes: UnsafeRawBufferPointer) { received += bytes }

  /// What is to be sent now.
  mutating func takeOutgoing() -> [UInt8] {
    let taken = outgoing
    outgoing = []
    return taken
  }

  /// Goes on with the handshake as far as what has come allows.
  /// - Returns: why it failed; what is left to say to the backend is to be sent.
  mutating func handshake() -> TLSFailure? {
    while true {
      switch call({ engine, wire in engine.handshake(&wire) }) {
      case .needsInput, .done: return nil
      case .needsOutput: continue
      case .failed(let failure): return failure
      }
    }
  }

  enum Decrypted {
    case bytes([UInt8])
    case nothing
    case ended
    case failed(TLSFailure)
  }

  /// What has been said, `most` bytes at most.
  mutating func decrypt(atMost most: Int) -> Decrypted {
    while true {
      var state = TLSEngine.Decryption.State.needsInput
      let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
        let plain = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<most])
        let decryption = call { engine, wire in engine.decrypt(&wire, into: plain) }
        count = decryption.count
        state = decryption.state
      }
      if !bytes.isEmpty { return .bytes(bytes) }
      switch state {
      case .needsInput, .full: return .nothing
      case .needsOutput: continue
      case .ended: return .ended
      case .failed(let failure): return .failed(failure)
      }
    }
  }

  mutating func encrypt(_ bytes: [UInt8]) {
    var position = 0
    while position < bytes.count {
      let encryption = bytes.withUnsafeBytes { bytes in
        call { engine, wire in
          engine.encrypt(UnsafeRawBufferPointer(rebasing: bytes[position...]), &wire, now: Clock.now)
        }
      }
      position += encryption.count
      if case .failed = encryption.state { return }
    }
  }

  /// Takes leave (close_notify), so that the backend does not log a connection that was cut.
  mutating func close() { _ = call { engine, wire in engine.close(&wire) } }

  /// The backend has closed the connection within the handshake.
  static var cut: TLSFailure {
    TLSFailure(
      party: .backend, phase: .handshake, cause: .cut,
      words: "the backend closed the connection during the TLS handshake")
  }

  private mutating func call<Result>(_ body: (inout TLSEngine, inout TLSWire) -> Result) -> Result {
    withUnsafeTemporaryAllocation(byteCount: Self.room, alignment: 1) { output in
      var left = 0
      let result = received.withUnsafeBytes { bytes in
        var wire = TLSWire(input: bytes, output: output)
        let result = body(&engine, &wire)
        left = wire.input.count
        outgoing += wire.output
        return result
      }
      received.removeFirst(received.count - left)
      return result
    }
  }
}
