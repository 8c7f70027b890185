import Base
import Reactor
import TLS

/// Terminating TLS: the handshake with a client, before it gets a backend.
extension Worker {
  /// The client's socket has something to tell. Only then it gets an engine: those who only connect cost nothing.
  mutating func greetTLS(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ context: TLSServerContext
  ) {
    if session.pointee.clientTLS.isEmpty {
      if session.pointee.early.isDisjoint(with: .reading) { return }
      do throws(TLSFailure) {
        session.pointee.clientTLS = Box(TLSSide(try context.makeEngine(), kernel: group.hasKernelTLS))
        group.admission.hold(TLSSide.openSSLMemory)
      } catch {
        clientHandshakeFailed(handle, session, HandshakeCounters.Fault(error.cause), error.words)
        return
      }
    }
    session.pointee.toServer.notice(session.pointee.early)
    continueHandshake(handle, session, .client)
  }

  /// The handshake is done: on to a backend.
  mutating func clientSecured(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ side: UnsafeMutablePointer<TLSSide>
  ) {
    let service = session.pointee.service
    service.counters.handshakes.done.add(1, ordering: .relaxed)
    MeterRows(listener: session.pointee.meters.listener)
      .record(.handshake, from: session.pointee.begun, to: clock())
    if side.pointee.engine.isResumed { service.counters.handshakes.resumed.add(1, ordering: .relaxed) }
    if service.http != nil || service.destination?.wantsServerName == true {
      session.pointee.greeting?.serverName = side.pointee.engine.serverName?.description
    }
    finishGreeting(handle, session, service.destination)
  }

  /// What the engine has to say of it has been sent.
  mutating func clientHandshakeFailed(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ fault: HandshakeCounters.Fault, _ words: String
  ) {
    let service = session.pointee.service
    service.counters.handshakes.count(fault)
    group.incidents.add(.handshakeFailed, service.listener, cause: "\(words), from \(session.pointee.clientName)")
    // Closing a socket that holds unread bytes would reset it, and the alert might be lost with that.
    _ = SocketIO.receive(session.pointee.client.number, into: buffer, count: Int(Flow.initialReadSize))
    end(handle, reset: false)
  }
}
