import Base
import COpenSSL

/// How a pool's backends are talked to.
public struct TLSClientSettings: Hashable, Sendable {
  /// Whether a backend must prove who it is, by a chain to a trusted authority and by its name.
  public var verify = true
  /// The files of the authorities that are trusted; empty: those of the system.
  public var authorities: [String] = []
  /// What every backend's certificate must be for; nil: each one's own host.
  public var serverName: TLSServerName?
  /// Shown to a backend that asks for it.
  public var certificate: CertificateSource?
  public var versions = TLSVersion.tls12...TLSVersion.tls13
  public var ciphers = TLSCiphers.intermediate
  /// Offered in this order.
  public var alpn: [String] = []

  public init() {}
}

/// Everything that TLS to a pool's backends needs, built once and never changed. Shared by all workers and the health checker.
public final class TLSClientContext: @unchecked Sendable {
  let handle: ContextHandle
  let verify: Bool
  private let serverName: TLSServerName?
  /// Kept for the handle.
  private let trust: TrustStore?
  private let keyLog: TLSKeyLog?
  /// What is shown to backends that ask.
  public let certificate: CertifiedKey?
  public let warnings: [TLSProblem]

  /// Loads all files and builds the context.
  /// - Parameters:
  ///   - systemTrust: read only if no authorities are named.
  ///   - keyLog: only where somebody has asked for it in so many words.
  /// - Throws: every problem in one go.
  public init(
    _ settings: TLSClientSettings, files: TLSFiles, systemTrust: SystemTrust, keyLog: TLSKeyLog? = nil, now: WallTime
  ) throws(TLSProblems) {
    var findings = Findings()
    let certificate = settings.certificate.flatMap {
      CertifiedKey.load($0, files, stapling: false, now: now, &findings)
    }
    let trust: TrustStore? =
      if !settings.verify {
        nil
      } else if settings.authorities.isEmpty {
        systemTrust.load(files, now: now, &findings)
      } else {
        TrustStore.load(settings.authorities, files, now: now, &findings)
      }
    ContextHandle.check(alpn: settings.alpn, &findings)
    settings.ciphers.check(&findings)
    let handle = ContextHandle(
      TLS_client_method(), versions: settings.versions, ciphers: settings.ciphers, &findings)
    guard let handle, !findings.hasErrors else { throw TLSProblems(findings.problems) }
    if let certificate, let reason = handle.use(certificate) { findings.fail(certificate.file, reason) }
    if findings.hasErrors { throw TLSProblems(findings.problems) }

    self.handle = handle
    verify = settings.verify
    serverName = settings.serverName
    self.trust = trust
    self.keyLog = keyLog
    self.certificate = certificate
    warnings = findings.warnings
    configure(settings)
  }

  private func configure(_ settings: TLSClientSettings) {
    let context = handle.pointer
    openssl_ctx_set_app_data(context, Unmanaged.passUnretained(self).toOpaque())
    SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, noteVerification)
    if let trust { openssl_ctx_set_verify_store(context, trust.store) }
    let alpn = ContextHandle.encode(alpn: settings.alpn)
    if !alpn.isEmpty { SSL_CTX_set_alpn_protos(context, alpn, UInt32(alpn.count)) }
    openssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
    SSL_CTX_sess_set_new_cb(context, TLSPeer.onNewSession)
    if keyLog != nil {
      SSL_CTX_set_keylog_callback(context) { ssl, line in
        guard let ssl, let line, let data = openssl_ctx_get_app_data(SSL_get_SSL_CTX(ssl)) else { return }
        Unmanaged<TLSClientContext>.fromOpaque(data).takeUnretainedValue().keyLog?(String(cString: line))
      }
    }
  }

  /// A backend as TLS sees it.
  /// - Parameter host: its host name or address as the configuration has it; nil for a unix socket.
  /// - Throws: when there is no name that could be verified.
  public func peer(host: TLSServerName?) throws(TLSProblems) -> TLSPeer {
    let name = serverName ?? host
    if verify, name == nil {
      throw TLSProblems([
        TLSProblem(
          .error, file: nil, "a backend without a host name can only be verified with a \"serverName\"")
      ])
    }
    return TLSPeer(self, name: name)
  }
}
