import COpenSSL

/// An SSL_CTX and what the contexts of servers and clients have in common.
struct ContextHandle: ~Copyable, @unchecked Sendable {
  let pointer: OpaquePointer

  init?(
    _ method: OpaquePointer?, versions: ClosedRange<TLSVersion>, ciphers: TLSCiphers, _ findings: inout Findings
  ) {
    guard let pointer = SSL_CTX_new_ex(nil, KeyShareProvider.preference, method) else {
      let reason = ERR_reason_error_string(ERR_peek_last_error()).map { String(cString: $0) } ?? "unknown error"
      ERR_clear_error()
      findings.fail(nil, "OpenSSL cannot do TLS the way it is configured (openssl.cnf): \(reason)")
      return nil
    }
    self.pointer = pointer
    // No buffer at rest, and nothing that was written is expected to stay where it was.
    let modes =
      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
      | SSL_MODE_NO_AUTO_CHAIN
    openssl_ctx_set_mode(pointer, Int(modes))
    // A read comes back after each message, so that the engine can count those that bring no data.
    openssl_ctx_clear_mode(pointer, Int(SSL_MODE_AUTO_RETRY))
    SSL_CTX_set_options(pointer, openssl_no_compression | openssl_no_renegotiation)
    SSL_CTX_set_verify_depth(pointer, Self.deepestChain)

    let isSet =
      openssl_ctx_set_min_version(pointer, versions.lowerBound.number) == 1
      && openssl_ctx_set_max_version(pointer, versions.upperBound.number) == 1
      && SSL_CTX_set_ciphersuites(pointer, ciphers.suites.joined(separator: ":")) == 1
      && SSL_CTX_set_cipher_list(pointer, ciphers.older.joined(separator: ":")) == 1
      && Self.groups.contains { openssl_ctx_set_groups(pointer, $0) == 1 }
    ERR_clear_error()
    if !isSet { findings.fail(nil, "OpenSSL does not take the versions, ciphers and groups") }
  }

  deinit { SSL_CTX_free(pointer) }

  private static let deepestChain: Int32 = 10

  /// Mozilla's "intermediate" profile; in front, where OpenSSL has it (3.5), the one that a quantum computer will not break.
  private static let groups = ["X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"]

  /// Puts a certificate, its chain and its key in.
  /// - Returns: why it does not go, or nil.
  func use(_ key: CertifiedKey) -> String? {
    ERR_clear_error()
    if SSL_CTX_use_cert_and_key(pointer, key.certificate, key.privateKey, key.chain, 1) == 1 { return nil }
    let error = ERR_peek_last_error()
    ERR_clear_error()
    switch ERR_GET_REASON(error) {
    case SSL_R_EE_KEY_TOO_SMALL: return "has a key that is too weak: \(key.kind)"
    case SSL_R_CA_KEY_TOO_SMALL: return "has a certificate in its chain whose key is too weak"
    case SSL_R_CA_MD_TOO_WEAK: return "is signed with a digest that is too weak"
    default:
      let reason = ERR_reason_error_string(error).map { String(cString: $0) } ?? "unknown error"
      return "is not taken by OpenSSL: \(reason)"
    }
  }

  /// - Parameter protocols: each of 1 to 255 bytes.
  /// - Returns: as the extension has them (RFC 7301, 3.1).
  static func encode(alpn protocols: [String]) -> [UInt8] {
    protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
  }

  static func check(alpn protocols: [String], _ findings: inout Findings) {
    for name in protocols where !(1...255).contains(name.utf8.count) {
      findings.fail(nil, "the ALPN protocol \"\(name)\" must have 1 to 255 bytes")
    }
    if protocols.reduce(0, { $0 + $1.utf8.count + 1 }) > 65_535 - 2 {
      findings.fail(nil, "the ALPN protocols are too many for one message")
    }
  }
}

/// Notes what is wrong with a certificate that the other side has shown; OpenSSL has judged it.
let noteVerification: @convention(c) (Int32, OpaquePointer?) -> Int32 = { isAccepted, context in
  if isAccepted == 1 { return 1 }
  let ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx())
  if let ssl, let wire = WireBIO.wire(of: OpaquePointer(ssl)) {
    wire.pointee.complaint = CertificateComplaint(
      code: X509_STORE_CTX_get_error(context), depth: Int(X509_STORE_CTX_get_error_depth(context)),
      facts: X509_STORE_CTX_get_current_cert(context).map(CertificateFacts.init))
  }
  return 0
}
