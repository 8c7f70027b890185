import Base
import Reactor
import TLS

/// TLS to the backends: the handshake is a part of the connect, with its deadline, its retries and its failures.
extension Worker {
  /// A backend has taken the connection: the handshake begins, behind the PROXY header.
  /// - Returns: false when it is spoken to in the clear, and nothing was done.
  mutating func secureBackend(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ peers: TLSPeers,
    _ readiness: Readiness
  ) -> Bool {
    guard let backend = session.pointee.backend else { return false }
    let peer: TLSPeer
    switch peers.peer(of: backend) {
    case .inTheClear: return false
    case .tls(let known): peer = known
    case .unknown:
      connectFailed(handle, session, "TLS: it is not known how to speak to this backend")
      return true
    }
    do throws(TLSFailure) {
      session.pointee.serverTLS = Box(TLSSide(try peer.makeEngine(), kernel: group.hasKernelTLS))
      group.admission.hold(TLSSide.openSSLMemory)
    } catch {
      connectFailed(handle, session, "TLS: \(error)")
      return true
    }
    if session.pointee.phase != .connecting || session.pointee.timer == .none { startConnectTimer(handle, session) }
    if session.pointee.destination?.sendProxy != nil, !sendProxyHeader(handle, session) { return true }
    session.pointee.phase = .securing
    session.pointee.toClient.notice(readiness)
    continueHandshake(handle, session, .server)
    return true
  }

  /// An event of a backend's socket within the handshake.
  mutating func securingEvent(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness
  ) {
    session.pointee.toClient.notice(readiness)
    continueHandshake(handle, session, .server)
  }

  mutating func backendSecured(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    // What came behind the handshake has no edge of its own.
    established(handle, session, .readable)
  }

  /// Forgets all that belongs to a backend which did not come to its end.
  func dropBackend(_ session: UnsafeMutablePointer<TCPSession>) {
    guard let side = session.pointee.side(.server) else { return }
    group.freeMemory(side.pointee.memory + session.pointee.toServer.spill.size)
    session.pointee.serverTLS = Box()
    session.pointee.toServer.spill = Spill()
    session.pointee.toClient.sourceFinished = false
    session.pointee.toClient.thorough = false
  }
}
