import COpenSSL

/// What a handshake has settled.
public struct TLSSession: Equatable, Sendable {
  public let version: TLSVersion
  /// In the words of the standard, such as `TLS_AES_128_GCM_SHA256`.
  public let cipher: String
  /// The ALPN protocol; nil where none was agreed upon.
  public let alpn: String?
  /// The name that the client asked for.
  public let serverName: HostName?
  /// No certificates were exchanged: an earlier session goes on.
  public let isResumed: Bool
  /// The other side's certificate; of a resumed session, the one that was shown when it began.
  public let certificate: CertificateFacts?
}

extension TLSEngine {
  /// nil until the handshake is done.
  public var session: TLSSession? {
    guard isOpen, let version else { return nil }
    return TLSSession(
      version: version, cipher: cipher, alpn: alpn, serverName: serverName, isResumed: isResumed,
      certificate: SSL_get0_peer_certificate(ssl).map(CertificateFacts.init))
  }

  /// nil until it is agreed upon.
  public var version: TLSVersion? { TLSVersion(number: SSL_version(ssl)) }

  /// No certificates were exchanged: an earlier session goes on.
  public var isResumed: Bool { SSL_session_reused(ssl) == 1 }

  /// Whether the other side has shown a certificate, in this session or in the one that it goes on with.
  public var hasPeerCertificate: Bool { SSL_get0_peer_certificate(ssl) != nil }

  /// The common name in the other side's certificate; nil without one.
  public var peerCommonName: String? {
    guard let certificate = SSL_get0_peer_certificate(ssl) else { return nil }
    let name = X509_get_subject_name(certificate)
    let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
    guard index >= 0, let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)) else { return nil }
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = ASN1_STRING_to_UTF8(&bytes, value)
    guard count >= 0, let bytes else { return nil }
    defer { openssl_free(bytes) }
    return String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
  }

  /// The ALPN protocol; nil where none was agreed upon.
  public var alpn: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &count)
    return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
  }

  /// In the words of the standard, such as `TLS_AES_128_GCM_SHA256`.
  public var cipher: String {
    guard let cipher = SSL_get_current_cipher(ssl), let name = SSL_CIPHER_standard_name(cipher) else { return "" }
    return String(cString: name)
  }

  /// The name that the client asked for.
  public var serverName: HostName? {
    SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).flatMap { HostName(String(cString: $0)) }
  }
}
