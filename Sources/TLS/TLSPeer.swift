import COpenSSL
import Synchronization

/// A backend as TLS sees it: the settings of its pool, the name it must prove, and the sessions that may be resumed with it.
///
/// A session is kept here and nowhere else. So none is ever resumed under another server name, with other authorities or
/// another client certificate; and no connection that was made for one peer may be used for another.
public final class TLSPeer: Sendable {
  public let name: TLSServerName?
  let context: TLSClientContext
  private let sessions = Mutex(ResumableSessions())

  init(_ context: TLSClientContext, name: TLSServerName?) {
    self.context = context
    self.name = name
  }

  /// An engine for a connection to this backend.
  /// - Parameter resuming: whether an earlier session may go on: its certificate was verified then, and is not shown again.
  public func makeEngine(resuming: Bool = true) throws(TLSFailure) -> TLSEngine {
    guard let ssl = SSL_new(context.handle.pointer) else { throw .outOfMemory }
    SSL_set_connect_state(ssl)
    guard setName(ssl) else {
      ERR_clear_error()
      SSL_free(ssl)
      throw .outOfMemory
    }
    openssl_set_app_data(ssl, Unmanaged.passUnretained(self).toOpaque())
    if resuming, let session = sessions.withLock({ $0.take() }) {
      SSL_set_session(ssl, session)
      SSL_SESSION_free(session)
    }
    return try TLSEngine(adopting: ssl, role: .client, owner: context, peer: self)
  }

  private func setName(_ ssl: OpaquePointer) -> Bool {
    // RFC 9525: the whole first label is a wildcard or none of it, and a common name proves nothing.
    SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
    switch name {
    case .host(let host):
      guard openssl_set_host_name(ssl, host.description) == 1 else { return false }
      return !context.verify || SSL_set1_host(ssl, host.description) == 1
    case .address(let address):
      return !context.verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.description) == 1
    case nil: return !context.verify
    }
  }

  /// When a session of TLS 1.2 goes on with another ticket, OpenSSL does not tell.
  func handshakeDone(_ ssl: OpaquePointer) {
    guard SSL_session_reused(ssl) == 1, SSL_version(ssl) < TLS1_3_VERSION, let session = SSL_get1_session(ssl) else {
      return
    }
    sessions.withLock { $0.keep(session) }
  }

  static let onNewSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { ssl, session in
    let (dropped, kept): (Int32, Int32) = (0, 1)
    guard let ssl, let session, let data = openssl_get_app_data(ssl) else { return dropped }
    let peer = Unmanaged<TLSPeer>.fromOpaque(data).takeUnretainedValue()
    peer.sessions.withLock { $0.keep(session) }
    return kept
  }
}

/// The newest sessions that a backend has given out.
struct ResumableSessions: ~Copyable, @unchecked Sendable {
  /// As many connections as may begin at about the same time, and one for each ticket.
  static let most = 8

  /// Oldest first.
  private var sessions: [OpaquePointer] = []

  deinit { sessions.forEach { SSL_SESSION_free($0) } }

  /// Takes over a reference.
  mutating func keep(_ session: OpaquePointer) {
    if sessions.contains(session) {
      SSL_SESSION_free(session)
      return
    }
    if sessions.count == Self.most { SSL_SESSION_free(sessions.removeFirst()) }
    sessions.append(session)
  }

  /// The newest that can be resumed; the reference is the caller's.
  mutating func take() -> OpaquePointer? {
    while let session = sessions.popLast() {
      if Self.isUsable(session) {
        // A ticket of TLS 1.3 is used once, or whoever watches can tell that it is the same client (RFC 8446, C.4).
        if SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION {
          SSL_SESSION_up_ref(session)
          sessions.append(session)
        }
        return session
      }
      SSL_SESSION_free(session)
    }
    return nil
  }

  /// It has not expired, and neither has the certificate that was verified when it began.
  private static func isUsable(_ session: OpaquePointer) -> Bool {
    guard SSL_SESSION_is_resumable(session) == 1,
      SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) > Int(openssl_seconds_since_epoch())
    else { return false }
    guard let certificate = SSL_SESSION_get0_peer(session), let end = X509_get0_notAfter(certificate) else {
      return true
    }
    return X509_cmp_current_time(end) > 0
  }
}
