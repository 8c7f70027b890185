import COpenSSL

/// Kernel TLS: what an engine encrypts with can be given to the kernel.
extension TLSEngine {
  /// Keeps the keys of our direction from now on, so that `handOverSending` can give them away. Before the handshake.
  public mutating func keepSendKeys() {
    guard sendKeys == nil, state == .handshaking else { return }
    let keys = UnsafeMutablePointer<SendKeys>.allocate(capacity: 1)
    keys.initialize(to: SendKeys())
    sendKeys = keys
    SSL_set_options(ssl, openssl_enable_ktls)
    SSL_set_msg_callback(ssl, noteMessage)
  }

  /// Somebody else encrypts what goes to the peer: see `handOverSending`.
  public var isSendingElsewhere: Bool { sendKeys?.pointee.areGone ?? false }

  /// Lets the kernel encrypt what goes to the peer from now on; all that this engine has written must be in the socket.
  /// There is no `encrypt` after it, and what the engine itself has to say comes as `TLSWire.alert`. Decrypting goes on
  /// as before.
  ///
  /// It can be tried once: whatever comes of it, the keys are wiped.
  /// - Parameter give: gets what setsockopt(2) wants for TLS_TX; returns whether the kernel has taken it.
  /// - Returns: whether it has; if not, everything is as before.
  public mutating func handOverSending(_ give: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    guard let keys = sendKeys, !keys.pointee.areGone else { return false }
    if state == .open, !hasClosed, keys.pointee.handOver(give) { return true }
    SSL_set_msg_callback(ssl, nil)
    keys.deinitialize(count: 1)
    keys.deallocate()
    sendKeys = nil
    return false
  }

  /// The peer wants our next record to have new keys (RFC 8446, 4.6.3). The kernel has the old ones, and OpenSSL tells nobody
  /// the next: to go on with the old ones is not allowed, so the connection ends. Nobody asks within the first gigabytes.
  mutating func failNewKeys(_ wire: inout TLSWire) -> TLSFailure {
    wire.alert = TLSAlertMessage(isFatal: true, .internalError)
    return fail(.us, .internalError, "the \(otherParty.rawValue) asks for new keys, which kernel TLS cannot change")
  }
}

/// Sees the messages of both directions: alerts that somebody else must send, and new keys.
private let noteMessage:
  @convention(c) (Int32, Int32, Int32, UnsafeRawPointer?, Int, OpaquePointer?, UnsafeMutableRawPointer?) -> Void = {
    isWritten, _, kind, bytes, count, ssl, _ in
    guard kind == SSL3_RT_ALERT || kind == SSL3_RT_HANDSHAKE, let bytes, let wire = WireBIO.wire(of: ssl) else {
      return
    }
    let message = UnsafeRawBufferPointer(start: bytes, count: count)
    if kind == SSL3_RT_ALERT {
      guard isWritten == 1, count == 2 else { return }
      wire.pointee.alert = TLSAlertMessage(isFatal: message[0] == UInt8(SSL3_AL_FATAL), TLSAlert(rawValue: message[1]))
    } else if count > 4, message[0] == UInt8(SSL3_MT_KEY_UPDATE) {
      // Type, three bytes of length, and whether an answer is wanted.
      if isWritten == 1 || message[4] != 0 { wire.pointee.sendKeys?.pointee.expire() }
    }
  }
