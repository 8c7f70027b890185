import COpenSSL

/// Everything that says whom a listener lets in and how well it encrypts: a session that was made under another policy is
/// not resumed under this one. The certificates are no part of it, so sessions outlive their renewal.
struct SessionPolicy {
  private let digest: [UInt8]

  init(_ settings: TLSServerSettings, _ trust: TrustStore?) {
    let parts: [String] = [
      "balancer", settings.name, settings.clientAuthentication.rawValue,
      trust.map { $0.digest.map { String($0) }.joined(separator: ".") } ?? "",
      settings.versions.lowerBound.rawValue, settings.versions.upperBound.rawValue,
      settings.ciphers.suites.joined(separator: ":"), settings.ciphers.older.joined(separator: ":"),
    ]
    digest = Digest.sha256(parts.joined(separator: "\0"))
  }

  /// - Parameter name: the one that the client asks for; nil where it asks for none.
  func binding(of name: HostName?) -> SessionBinding {
    SessionBinding(digest: Digest.sha256(digest + Array((name?.description ?? "").utf8)))
  }
}

/// What a client's session can be resumed with: the policy and the name that it asked for, as OpenSSL compares them
/// (SSL_set_session_id_context(3)).
struct SessionBinding {
  fileprivate let digest: [UInt8]

  func bind(_ ssl: OpaquePointer) { SSL_set_session_id_context(ssl, digest, UInt32(digest.count)) }
}
