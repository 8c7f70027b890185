import Base
import COpenSSL

/// One end of a TLS connection: bytes in, bytes out. It knows no socket, and between calls it holds no bytes but those of a
/// record or message of which only a part has come.
///
/// Made by `TLSServerContext.makeEngine` or `TLSPeer.makeEngine`. First `handshake` until it is done, then `decrypt` and
/// `encrypt` in any order, `close` when no more is to be sent, `inputEnded` when the peer's stream ends. Once one of them has
/// failed the connection is over: all further calls give the same failure and touch nothing.
public struct TLSEngine: ~Copyable, @unchecked Sendable {
  public enum Role: Sendable {
    case server, client
  }

  enum State: UInt8 {
    case handshaking, open, failed
  }

  public let role: Role
  /// The SSL of OpenSSL, for the files of this target.
  let ssl: OpaquePointer
  /// What the callbacks of OpenSSL use must live as long as this.
  private let owner: AnyObject
  private let peer: TLSPeer?
  private(set) var state = State.handshaking
  private(set) var hasClosed = false
  private var peerHasClosed = false
  /// Messages since the last byte of data that brought none.
  private var emptyMessages: UInt8 = 0
  private var sizing = RecordSizing()
  private var failure: TLSFailure?
  /// The keys of our direction, while the kernel may get them and once it has them; nil while nobody asked.
  var sendKeys: UnsafeMutablePointer<SendKeys>?

  /// Takes over `ssl`, which must have its role already.
  /// - Parameter owner: kept alive as long as the engine.
  init(adopting ssl: OpaquePointer, role: Role, owner: AnyObject, peer: TLSPeer?) throws(TLSFailure) {
    guard let bio = WireBIO.make() else {
      SSL_free(ssl)
      throw .outOfMemory
    }
    // Both directions: it takes one reference for the two.
    SSL_set_bio(ssl, bio, bio)
    self.ssl = ssl
    self.role = role
    self.owner = owner
    self.peer = peer
  }

  deinit {
    // OpenSSL would forget the session of a connection that was not closed in both directions; that rule is from before
    // truncation could be told from an end, and here it is told (RFC 5246, 7.2.1). Many servers just close.
    let wasCut = failure.map { $0.phase == .data && $0.cause == .cut } ?? false
    if state == .open || wasCut { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
    SSL_free(ssl)
    sendKeys?.deinitialize(count: 1)
    sendKeys?.deallocate()
  }

  /// The handshake is done, and nothing has failed since.
  public var isOpen: Bool { state == .open }

  var otherParty: TLSFailure.Party { role == .server ? .client : .backend }

  // MARK: Handshake

  public enum HandshakeStep: Equatable, Sendable {
    /// All input is used; more must come.
    case needsInput
    /// The output is full: send it and call again.
    case needsOutput
    /// Bytes may flow. The output may still hold the last message, the input the first records.
    case done
    /// The output may hold the alert that tells the peer.
    case failed(TLSFailure)
  }

  /// Goes on with the handshake. A client's first call needs no input.
  public mutating func handshake(_ wire: inout TLSWire) -> HandshakeStep {
    if let failure { return .failed(failure) }
    if state == .open { return .done }
    let (result, error) = call(&wire) { SSL_do_handshake($0) }
    if result == 1 {
      // It has been seen to be so already. Were it not, everything behind it would be open.
      if SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0, SSL_get_verify_result(ssl) != Int(X509_V_OK) {
        return .failed(fail(otherParty, .certificate, "the certificate was not accepted"))
      }
      state = .open
      peer?.handshakeDone(ssl)
      wire.line?.adopt(ssl)
      rest()
      return .done
    }
    switch error {
    case SSL_ERROR_WANT_READ:
      rest()
      return .needsInput
    case SSL_ERROR_WANT_WRITE: return .needsOutput
    default: return .failed(fail(&wire))
    }
  }

  /// What is in the output of a handshake that is done may wait for the first data: tickets of TLS 1.3. In TLS 1.2, and from a
  /// client, it is the message that the peer waits for.
  public var hasTimeToSay: Bool { role == .server && SSL_version(ssl) == TLS1_3_VERSION }

  // MARK: Data

  public struct Decryption: Equatable, Sendable {
    public enum State: Equatable, Sendable {
      /// All input is used.
      case needsInput
      /// There was no room for more.
      case full
      /// The output is full: send it and call again.
      case needsOutput
      /// The peer has closed its direction with close_notify: no more will come.
      case ended
      /// The output may hold the alert that tells the peer.
      case failed(TLSFailure)
    }

    /// Bytes of plaintext; valid whatever the state is.
    public let count: Int
    public let state: State
  }

  /// How far before the input the plaintext may begin in the same memory, so that it never overtakes the bytes that are
  /// still to be read: a whole record may have been kept from earlier calls.
  public static let inPlaceOffset = RecordSizing.large + 1024

  /// Decrypts what has come.
  ///
  /// Plaintext is always shorter than its records, but for a record that had come in part before. So with room for the input
  /// and `inPlaceOffset` more, one call uses all of the input; and `plain` may lie in the same memory, if it begins at least
  /// `inPlaceOffset` before it.
  public mutating func decrypt(_ wire: inout TLSWire, into plain: UnsafeMutableRawBufferPointer) -> Decryption {
    var count = 0
    let state = decrypt(&wire, into: plain, &count)
    if let sendKeys, sendKeys.pointee.areOutdated, failure == nil, isSendingElsewhere {
      return Decryption(count: count, state: .failed(failNewKeys(&wire)))
    }
    return Decryption(count: count, state: state)
  }

  /// In TLS 1.3 a peer may send tickets and new keys at any time, but nobody needs this many without a byte of data.
  private static let mostEmptyMessages: UInt8 = 32

  private mutating func decrypt(
    _ wire: inout TLSWire, into plain: UnsafeMutableRawBufferPointer, _ count: inout Int
  ) -> Decryption.State {
    if let failure { return .failed(failure) }
    precondition(state == .open, "data follows the handshake")
    if peerHasClosed { return .ended }
    while let start = plain.baseAddress, count < plain.count {
      var read = 0
      let available = wire.input.count
      let (result, error) = call(&wire) { SSL_read_ex($0, start + count, plain.count - count, &read) }
      if result == 1 {
        emptyMessages = 0
        count += read
        // A short read has emptied its record.
        if wire.input.isEmpty, count < plain.count { return .needsInput }
        continue
      }
      switch error {
      case SSL_ERROR_WANT_READ:
        if rest(), wire.input.count < available {
          emptyMessages += 1
          if emptyMessages > Self.mostEmptyMessages {
            let words = "the \(otherParty.rawValue) sends handshake messages without end"
            return .failed(fail(otherParty, .malformed, words))
          }
        }
        if wire.input.isEmpty { return .needsInput }
      case SSL_ERROR_WANT_WRITE: return .needsOutput
      case SSL_ERROR_ZERO_RETURN:
        peerHasClosed = true
        return .ended
      default: return .failed(fail(&wire))
      }
    }
    return .full
  }

  public struct Encryption: Equatable, Sendable {
    public enum State: Equatable, Sendable {
      /// All of it is in the output.
      case done
      /// The output is full: send it and call again with the rest.
      case needsOutput
      case failed(TLSFailure)
    }

    /// Bytes of plaintext that are in the output.
    public let count: Int
    public let state: State
  }

  /// More than any record adds to its plaintext: header, explicit nonce, padding, authentication.
  static let recordOverhead = 128

  /// The room that the output needs so that one call can encrypt `count` bytes.
  public static func outputSize(for count: Int) -> Int {
    let records = count / RecordSizing.large + Int(RecordSizing.bulk) / RecordSizing.small + 2
    return count + records * recordOverhead
  }

  /// Encrypts bytes for the peer.
  public mutating func encrypt(
    _ plain: UnsafeRawBufferPointer, _ wire: inout TLSWire, now: Instant
  ) -> Encryption {
    if let failure { return Encryption(count: 0, state: .failed(failure)) }
    precondition(state == .open && !hasClosed, "data is between the handshake and the close")
    precondition(!isSendingElsewhere, "who has the keys encrypts")
    guard let start = plain.baseAddress else { return Encryption(count: 0, state: .done) }
    var count = 0
    sizing.begin(now: now)
    while count < plain.count {
      var size = sizing.next(plain.count - count)
      let room = wire.free - Self.recordOverhead
      if size > room {
        // A record is only cut to an output that could never hold it whole.
        if !wire.output.isEmpty || room <= 0 { return Encryption(count: count, state: .needsOutput) }
        size = room
      }
      var written = 0
      let (result, error) = call(&wire) { SSL_write_ex($0, start + count, size, &written) }
      guard result == 1 else {
        if error == SSL_ERROR_WANT_WRITE { return Encryption(count: count, state: .needsOutput) }
        return Encryption(count: count, state: .failed(fail(&wire)))
      }
      count += written
      sizing.wrote(written)
    }
    return Encryption(count: count, state: .done)
  }

  // MARK: The end

  /// Tells the peer that no more will be sent (close_notify). What it sends can still be decrypted.
  /// - Returns: false when the output is full: send it and call again.
  public mutating func close(_ wire: inout TLSWire) -> Bool {
    guard state == .open, !hasClosed else { return true }
    guard isSendingElsewhere || wire.free >= Self.recordOverhead else { return false }
    let received = SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN
    _ = call(&wire) { SSL_shutdown($0) }
    hasClosed = true
    // As long as OpenSSL knows of the close it drops what is no data: a new key among it would be missed.
    SSL_set_shutdown(ssl, received)
    return true
  }

  /// The peer's stream has ended (FIN), whatever came before it has been decrypted.
  /// - Returns: nil after a close_notify; else the stream was cut, by an accident or by somebody in between, and that
  ///   must not look like a clean end.
  public mutating func inputEnded() -> TLSFailure? {
    if let failure { return failure }
    if peerHasClosed { return nil }
    // Literals: clients cut their streams every day, and nobody asks for the words then.
    let words: String
    switch (role, state) {
    case (.server, .handshaking): words = "the client closed the connection during the handshake"
    case (.client, .handshaking): words = "the backend closed the connection during the handshake"
    case (.server, _): words = "the client's stream was cut: it ended without close_notify"
    case (.client, _): words = "the backend's stream was cut: it ended without close_notify"
    }
    return fail(otherParty, .cut, words)
  }

  // MARK: Calling OpenSSL

  /// Makes one call with the wire in place.
  /// - Returns: its result, and SSL_ERROR_… where that is not positive.
  @inline(__always)
  private func call(_ wire: inout TLSWire, _ body: (OpaquePointer) -> Int32) -> (result: Int32, error: Int32) {
    withUnsafeMutablePointer(to: &wire) { wire in
      let bio = SSL_get_rbio(ssl)
      BIO_set_data(bio, wire)
      wire.pointee.sendKeys = sendKeys
      defer { BIO_set_data(bio, nil) }
      // Whatever an earlier call of anybody on this thread has left there would be taken for an error of this one. Nearly
      // always that is nothing, and clearing it all the same would cost as much as half a small record.
      if ERR_peek_error() != 0 { ERR_clear_error() }
      let result = body(ssl)
      return (result, result > 0 ? 0 : SSL_get_error(ssl, result))
    }
  }

  /// OpenSSL lets go of its buffers after data, but not after messages.
  /// - Returns: false when it holds a part of a record.
  @discardableResult
  private func rest() -> Bool { SSL_free_buffers(ssl) == 1 }

  private mutating func fail(_ wire: inout TLSWire) -> TLSFailure {
    let reading = FailureReading(
      role: role, phase: state == .handshaking ? .handshake : .data, name: peer?.name, complaint: wire.complaint,
      refusal: wire.refusal, beginning: wire.beginning)
    return fail(reading.failure())
  }

  mutating func fail(_ party: TLSFailure.Party, _ cause: TLSFailure.Cause, _ words: String) -> TLSFailure {
    fail(TLSFailure(party: party, phase: state == .handshaking ? .handshake : .data, cause: cause, words: words))
  }

  private mutating func fail(_ failure: TLSFailure) -> TLSFailure {
    state = .failed
    self.failure = failure
    return failure
  }
}

extension TLSFailure {
  static let outOfMemory = TLSFailure(
    party: .us, phase: .handshake, cause: .internalError, words: "OpenSSL could not make a connection: out of memory")
}
