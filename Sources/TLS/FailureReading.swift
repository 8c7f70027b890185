import COpenSSL

/// From what OpenSSL left behind to a failure in words.
struct FailureReading {
  let role: TLSEngine.Role
  let phase: TLSFailure.Phase
  /// Whom a client meant to talk to.
  let name: TLSServerName?
  let complaint: CertificateComplaint?
  let refusal: ClientHelloRefusal?
  /// The first bytes of the input in which it happened.
  let beginning: UnsafeRawBufferPointer

  private var other: TLSFailure.Party { role == .server ? .client : .backend }

  /// Empties OpenSSL's queue of errors for this thread.
  func failure() -> TLSFailure {
    let error = Self.takeError()
    if let refusal { return failure(other, refusal.cause, refusal.words) }
    if let complaint { return failure(other, .certificate, complaint.words(owner: other.rawValue, name: name)) }
    guard ERR_GET_LIB(error) == ERR_LIB_SSL else {
      return failure(.us, .internalError, "OpenSSL failed: \(Self.text(of: error))")
    }
    let reason = ERR_GET_REASON(error)
    if let alert = UInt8(exactly: reason - SSL_AD_REASON_OFFSET).map(TLSAlert.init(rawValue:)) {
      return failure(other, .refused(alert), "the \(other.rawValue) refused: alert \(alert)")
    }
    return failure(of: reason) ?? failure(other, .malformed, "TLS error: \(Self.text(of: error))")
  }

  private func failure(of reason: Int32) -> TLSFailure? {
    switch reason {
    case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
      return failure(other, .malformed, "the \(other.rawValue) speaks plain HTTP, not TLS")
    case SSL_R_WRONG_VERSION_NUMBER where phase == .handshake, SSL_R_PACKET_LENGTH_TOO_LONG where phase == .handshake:
      return failure(other, .malformed, "the \(other.rawValue) does not speak TLS: it sent \(sample)")
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_WRONG_SSL_VERSION, SSL_R_NO_PROTOCOLS_AVAILABLE:
      return failure(other, .incompatible, "no TLS version in common with the \(other.rawValue)")
    case SSL_R_NO_SHARED_CIPHER:
      return failure(other, .incompatible, "no cipher in common with the \(other.rawValue)")
    case SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_KEY_SHARE:
      return failure(other, .incompatible, "no group for the key exchange in common with the \(other.rawValue)")
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return failure(
        other, .incompatible, "no signature algorithm in common with the \(other.rawValue) for our certificate's key")
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return failure(other, .incompatible, "no ALPN protocol in common with the \(other.rawValue)")
    case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
      return failure(other, .incompatible, "the \(other.rawValue) lacks secure renegotiation (RFC 5746)")
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return failure(other, .certificate, "the \(other.rawValue) showed no certificate")
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return failure(other, .malformed, "a record of the \(other.rawValue) was altered on its way")
    case Int32(ERR_R_MALLOC_FAILURE): return failure(.us, .internalError, "OpenSSL ran out of memory")
    case Int32(ERR_R_INTERNAL_ERROR): return failure(.us, .internalError, "OpenSSL failed internally")
    default: return nil
    }
  }

  private func failure(_ party: TLSFailure.Party, _ cause: TLSFailure.Cause, _ words: String) -> TLSFailure {
    TLSFailure(party: party, phase: phase, cause: cause, words: words)
  }

  /// What the other side sent instead, as far as it can be printed.
  private var sample: String {
    let text = beginning.prefix { (0x20...0x7E).contains($0) }
    if text.count >= 4 { return "\"\(String(decoding: text, as: UTF8.self))\"" }
    let digits = beginning.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return digits.isEmpty ? "something else" : "bytes " + digits.joined(separator: " ")
  }

  /// The last error that speaks of TLS, or else the first: what lies below tells how, not what.
  private static func takeError() -> UInt {
    var found: UInt = 0
    while true {
      let error = ERR_get_error()
      if error == 0 { return found }
      if found == 0 || ERR_GET_LIB(error) == ERR_LIB_SSL { found = error }
    }
  }

  private static func text(of error: UInt) -> String {
    if error == 0 { return "for a reason that it does not tell" }
    return ERR_reason_error_string(error).map { String(cString: $0) } ?? "error \(String(error, radix: 16))"
  }
}
