import TLS

/// What a backend is told of the TLS that its client speaks with us (section 2.2.6).
public struct ProxyHeaderTLS: Equatable, Sendable {
  /// Such as `TLSv1.3`.
  public var version: String
  /// Such as `TLS_AES_128_GCM_SHA256`.
  public var cipher: String
  public var alpn: String?
  /// The client has shown a certificate, and it was verified: without that there is no session.
  public var isVerified: Bool
  /// An earlier session goes on, so that the certificate is from that.
  public var isResumed: Bool
  /// That of the client's certificate.
  public var commonName: String?

  public init(
    version: String, cipher: String, alpn: String? = nil, isVerified: Bool = false, isResumed: Bool = false,
    commonName: String? = nil
  ) {
    self.version = version
    self.cipher = cipher
    self.alpn = alpn
    self.isVerified = isVerified
    self.isResumed = isResumed
    self.commonName = commonName
  }

  /// PP2_CLIENT_SSL, PP2_CLIENT_CERT_CONN, PP2_CLIENT_CERT_SESS.
  var flags: UInt8 { 1 | (isVerified ? (isResumed ? 0 : 2) | 4 : 0) }
}

extension ProxyHeaderTLS {
  /// - Parameter engine: that of the client.
  init?(_ engine: borrowing TLSEngine) {
    guard let version = engine.version else { return nil }
    self.init(
      version: version == .tls13 ? "TLSv1.3" : "TLSv1.2", cipher: engine.cipher, alpn: engine.alpn,
      isVerified: engine.hasPeerCertificate, isResumed: engine.isResumed, commonName: engine.peerCommonName)
  }
}
