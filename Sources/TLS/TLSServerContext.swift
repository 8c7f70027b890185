import Base
import COpenSSL

/// Everything that a listener's TLS needs, built once and never changed: a reload builds another, and this one lives until
/// its last engine is gone. Shared by all workers.
public final class TLSServerContext: @unchecked Sendable {
  private let table: NameTable<VirtualServer>
  /// Where a client asks for no name, or for one that nobody has.
  private let fallback: CertificateSet
  private let staples: [OpaquePointer: OCSPStaple]
  private let strictSNI: Bool
  private let alpn: [UInt8]
  private let alpnBytes: UnsafeMutableBufferPointer<UInt8>
  private let clientTrust: TrustStore?
  private let ticketKeys: TicketKeys?
  /// What the sessions of clients that ask for no name are bound to.
  private let nameless: SessionBinding
  private let policy: SessionPolicy
  private let keyLog: TLSKeyLog?
  /// In the order of the settings.
  public let certificates: [CertifiedKey]
  public let warnings: [TLSProblem]

  /// Certificates of one listener.
  private static let mostCertificates = 100_000

  /// Loads all files and builds the context.
  /// - Parameters:
  ///   - ticketKeys: the program's own, which are used unless the settings name files.
  ///   - keyLog: only where somebody has asked for it in so many words.
  /// - Throws: every problem in one go.
  public init(
    _ settings: TLSServerSettings, files: TLSFiles, ticketKeys: TicketKeys?, keyLog: TLSKeyLog? = nil, now: WallTime
  ) throws(TLSProblems) {
    var findings = Findings()
    let sources = Self.sources(settings, files, &findings)
    var keys: [CertifiedKey] = []
    for source in sources {
      if let key = CertifiedKey.load(source, files, stapling: settings.stapling, now: now, &findings) {
        keys.append(key)
      }
    }
    clientTrust =
      settings.clientAuthentication == .off
      ? nil : TrustStore.load(settings.clientAuthorities, files, now: now, &findings)
    if settings.clientAuthentication != .off, settings.clientAuthorities.isEmpty {
      findings.fail(nil, "clients' certificates need a \"clientCA\" to be verified with")
    }
    self.ticketKeys =
      !settings.tickets
      ? nil
      : settings.ticketKeyFiles.isEmpty ? ticketKeys : TicketKeys.load(settings.ticketKeyFiles, files, &findings)
    ContextHandle.check(alpn: settings.alpn, &findings)

    settings.ciphers.check(&findings)
    guard !findings.hasErrors else { throw TLSProblems(findings.problems) }

    let choice = CertificateChoice(keys, now: now, &findings)
    var sets: [CertificateSet] = []
    for keys in choice.sets {
      let handle = ContextHandle(
        TLS_server_method(), versions: settings.versions, ciphers: settings.ciphers, &findings)
      guard let handle else { break }
      for key in keys {
        if let reason = handle.use(key) { findings.fail(key.file, reason) }
      }
      sets.append(CertificateSet(handle))
    }
    guard !findings.hasErrors else { throw TLSProblems(findings.problems) }
    let policy = SessionPolicy(settings, clientTrust)
    table = choice.table.map { name, index in VirtualServer(name, sets[index], policy) }
    fallback = sets[choice.fallback]
    nameless = policy.binding(of: nil)
    self.policy = policy
    staples = Dictionary(
      keys.compactMap { key in key.staple.map { (key.certificate, $0) } }, uniquingKeysWith: { first, _ in first })
    strictSNI = settings.strictSNI
    alpn = ContextHandle.encode(alpn: settings.alpn)
    alpnBytes = .allocate(capacity: max(1, alpn.count))
    _ = alpnBytes.initialize(from: alpn)
    self.keyLog = keyLog
    certificates = keys
    warnings = findings.warnings
    for set in sets { configure(set.handle.pointer, settings) }
  }

  deinit { alpnBytes.deallocate() }

  /// An engine for a client that has connected.
  public func makeEngine() throws(TLSFailure) -> TLSEngine {
    guard let ssl = SSL_new(fallback.handle.pointer) else { throw .outOfMemory }
    SSL_set_accept_state(ssl)
    return try TLSEngine(adopting: ssl, role: .server, owner: self, peer: nil)
  }

  // MARK: Building

  private static func sources(
    _ settings: TLSServerSettings, _ files: TLSFiles, _ findings: inout Findings
  ) -> [CertificateSource] {
    var sources = settings.certificates
    if let folder = settings.folder {
      do throws(TLSFiles.Unreadable) {
        let names = try files.names(folder).sorted()
        let known = Set(names)
        for name in names where name.hasSuffix(".pem") && !name.hasPrefix(".") {
          let key = name.dropLast(4) + ".key"
          sources.append(
            CertificateSource(
              certificate: "\(folder)/\(name)", key: known.contains(String(key)) ? "\(folder)/\(key)" : nil,
              passphraseFile: settings.folderPassphraseFile))
        }
        if sources.isEmpty { findings.fail(folder, "holds no certificate (NAME.pem with its key in NAME.key)") }
      } catch {
        findings.fail(folder, "cannot be read: \(error)")
      }
    } else if sources.isEmpty {
      findings.fail(nil, "TLS needs a certificate")
    }
    if sources.count > mostCertificates {
      findings.fail(settings.folder, "at most \(mostCertificates) certificates are taken")
      return []
    }
    return sources
  }

  /// A connection begins with the context of the fallback and changes over to another as soon as the name is known. What
  /// OpenSSL does later it looks up in the one or in the other, so all have everything.
  private func configure(_ context: OpaquePointer, _ settings: TLSServerSettings) {
    let this = Unmanaged.passUnretained(self).toOpaque()
    openssl_ctx_set_app_data(context, this)
    SSL_CTX_set_client_hello_cb(context, Self.onClientHello, this)
    // Without a callback OpenSSL would not tell the client that its name was understood.
    openssl_ctx_set_servername_callback(context) { _, _, _ in SSL_TLSEXT_ERR_OK }
    if !alpn.isEmpty { SSL_CTX_set_alpn_select_cb(context, Self.onALPN, this) }
    if !staples.isEmpty { openssl_ctx_set_status_callback(context, Self.onStatusRequest) }
    if keyLog != nil { SSL_CTX_set_keylog_callback(context, Self.onKey) }
    if let clientTrust {
      let must = settings.clientAuthentication == .require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | must, noteVerification)
      openssl_ctx_set_verify_store(context, clientTrust.store)
      announce(clientTrust, context)
    }
    SSL_CTX_set_options(context, openssl_server_order)
    openssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    if ticketKeys == nil {
      // In TLS 1.3 this alone would make tickets that stand for an entry in a cache.
      SSL_CTX_set_options(context, openssl_no_ticket)
      SSL_CTX_set_num_tickets(context, 0)
    } else {
      SSL_CTX_set_tlsext_ticket_key_evp_cb(context, Self.onTicketKey)
      SSL_CTX_set_session_ticket_cb(context, nil, Self.onTicket, nil)
      SSL_CTX_set_num_tickets(context, Self.ticketsPerHandshake)
      SSL_CTX_set_timeout(context, Int(TicketKeys.rotation.components.seconds))
    }
  }

  /// A client needs one for each connection that it opens later, and gets another with each; OpenSSL's own two cost a tenth
  /// of a handshake more.
  private static let ticketsPerHandshake = 1

  /// So many names of authorities are told to a client; it needs them to choose among its certificates.
  private static let mostNames = 100

  private func announce(_ trust: TrustStore, _ context: OpaquePointer) {
    guard trust.certificates.count <= Self.mostNames, let names = openssl_names_new() else { return }
    for certificate in trust.certificates {
      guard let name = X509_NAME_dup(X509_get_subject_name(certificate)) else { continue }
      if openssl_names_push(names, name) == 0 { X509_NAME_free(name) }
    }
    SSL_CTX_set_client_CA_list(context, names)
  }

  // MARK: Callbacks

  /// Of the engine in whose call a callback is; it keeps the context alive.
  private static func of(_ ssl: OpaquePointer?) -> TLSServerContext? {
    guard let ssl, let data = openssl_ctx_get_app_data(SSL_get_SSL_CTX(ssl)) else { return nil }
    return Unmanaged<TLSServerContext>.fromOpaque(data).takeUnretainedValue()
  }

  /// The first thing of all, so that what follows from the name holds for everything, resumption included.
  private static let onClientHello: SSL_client_hello_cb_fn = { ssl, alert, argument in
    guard let ssl, let argument else { return SSL_CLIENT_HELLO_ERROR }
    let context = Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
    if context.prepare(ssl) { return SSL_CLIENT_HELLO_SUCCESS }
    let wire = WireBIO.wire(of: ssl)
    alert?.pointee =
      wire?.pointee.refusal?.cause == .unknownName ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_DECODE_ERROR
    return SSL_CLIENT_HELLO_ERROR
  }

  /// Fits the connection to the name that its client asks for.
  /// - Returns: false when the client is turned down; the wire then says why.
  private func prepare(_ ssl: OpaquePointer) -> Bool {
    var data: UnsafePointer<UInt8>?
    var count = 0
    let isThere = SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &data, &count) == 1
    let asked = isThere ? ServerNameExtension(UnsafeRawBufferPointer(start: data, count: count)) : nil
    func refuse(_ cause: TLSFailure.Cause, _ words: String) -> Bool {
      WireBIO.wire(of: ssl)?.pointee.refusal = ClientHelloRefusal(cause: cause, words: words)
      return false
    }
    var found: CertificateSet?
    switch asked {
    case .host(let name):
      let server = table.value(for: name)
      if server == nil, strictSNI {
        return refuse(.unknownName, "no certificate is for \(name), which the client asked for")
      }
      found = server?.certificates
      (server?.binding ?? policy.binding(of: name)).bind(ssl)
    case .malformed: return refuse(.malformed, "the client's server name extension is malformed")
    case .other, nil:
      if strictSNI { return refuse(.unknownName, "the client asked for no server name") }
      nameless.bind(ssl)
    }
    if let found, found !== fallback { SSL_set_SSL_CTX(ssl, found.handle.pointer) }
    return true
  }

  private static let onALPN: SSL_CTX_alpn_select_cb_func = { _, out, outCount, offered, offeredCount, argument in
    guard let argument, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let own = Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue().alpnBytes
    var chosen: UnsafeMutablePointer<UInt8>?
    guard
      SSL_select_next_proto(&chosen, outCount, own.baseAddress, UInt32(own.count), offered, offeredCount)
        == OPENSSL_NPN_NEGOTIATED
    else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    out?.pointee = UnsafePointer(chosen)
    return SSL_TLSEXT_ERR_OK
  }

  private static let onStatusRequest: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, _ in
    guard let context = of(ssl), let certificate = SSL_get_certificate(ssl), let staple = context.staples[certificate],
      WallTime(secondsSinceEpoch: openssl_seconds_since_epoch()) < staple.validUntil,
      let copy = openssl_copy(staple.bytes, staple.bytes.count)
    else { return SSL_TLSEXT_ERR_NOACK }
    openssl_set_ocsp_response(ssl, copy.assumingMemoryBound(to: UInt8.self), staple.bytes.count)
    return SSL_TLSEXT_ERR_OK
  }

  private static let onKey: SSL_CTX_keylog_cb_func = { ssl, line in
    guard let line else { return }
    of(ssl)?.keyLog?(String(cString: line))
  }

  private static let onTicketKey: TicketKeyCallback = { ssl, name, nonce, cipher, mac, encrypting in
    let failed: Int32 = -1
    guard let keys = of(ssl)?.ticketKeys, let name, let nonce, let cipher, let mac else { return failed }
    if encrypting == 1 {
      let key = keys.current
      guard RAND_bytes(nonce, EVP_MAX_IV_LENGTH) == 1 else { return failed }
      UnsafeMutableRawPointer(name).copyMemory(from: key.name, byteCount: TicketKey.nameSize)
      return key.prepare(cipher: cipher, mac: mac, nonce: nonce, encrypting: true) ? 1 : failed
    }
    let (unknown, known, outdated): (Int32, Int32, Int32) = (0, 1, 2)
    guard let (key, isCurrent) = keys.find(UnsafeRawBufferPointer(start: name, count: TicketKey.nameSize)) else {
      return unknown
    }
    guard key.prepare(cipher: cipher, mac: mac, nonce: nonce, encrypting: false) else { return failed }
    // A ticket of TLS 1.3 is used once: its client needs another.
    return isCurrent && SSL_version(ssl) != TLS1_3_VERSION ? known : outdated
  }

  private typealias TicketKeyCallback =
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?, Int32
    ) -> Int32

  /// A ticket does not outlive the certificate that its client has shown.
  private static let onTicket: SSL_CTX_decrypt_session_ticket_fn = { _, session, _, _, status, _ in
    switch Int32(status) {
    case SSL_TICKET_SUCCESS, SSL_TICKET_SUCCESS_RENEW:
      if let certificate = SSL_SESSION_get0_peer(session), let end = X509_get0_notAfter(certificate),
        X509_cmp_current_time(end) < 0
      {
        return SSL_TICKET_RETURN(SSL_TICKET_RETURN_IGNORE_RENEW)
      }
      let isRenewed = Int32(status) == SSL_TICKET_SUCCESS_RENEW
      return SSL_TICKET_RETURN(isRenewed ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE)
    default: return SSL_TICKET_RETURN(SSL_TICKET_RETURN_IGNORE_RENEW)
    }
  }
}

/// What a client gets that asks for one of the names.
private struct VirtualServer {
  let certificates: CertificateSet
  /// Nil for a wildcard: each name below it has its own.
  let binding: SessionBinding?

  init(_ name: CertificateName, _ certificates: CertificateSet, _ policy: SessionPolicy) {
    self.certificates = certificates
    binding = if case .exact(let host) = name { policy.binding(of: host) } else { nil }
  }
}

/// The certificates of one name, one of each kind of key; the client's abilities choose among them.
private final class CertificateSet: Sendable {
  let handle: ContextHandle

  init(_ handle: consuming ContextHandle) { self.handle = handle }
}
