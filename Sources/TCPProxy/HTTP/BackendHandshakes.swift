import Base
import TLS

/// TLS with the backends of exchanges, from the connect to the end of the handshake. Its steps take turns with those of all
/// other handshakes (`HandshakeTurns`), so that many new connections do not hold up the exchanges that run.
extension Worker {
  enum Securing {
    case inTheClear
    /// It goes on with what the backend says, to `secured` or to `securingFailed`.
    case begun
    case failed(String)
  }

  /// A connection stands: begins TLS where the backend is spoken to by it.
  mutating func beginSecuring(_ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>) -> Securing {
    server.pointee.isConnecting = false
    switch server.pointee.destination.tls?.peer(of: server.pointee.backend) {
    case nil, .inTheClear: return .inTheClear
    case .unknown: return .failed("TLS: it is not known how to speak to this backend")
    case .tls(let peer):
      do throws(TLSFailure) {
        server.pointee.connection.tls = Box(TLSSide(try peer.makeEngine(), kernel: false))
      } catch {
        return .failed("TLS: \(error)")
      }
      server.pointee.peer = peer
      server.pointee.isSecuring = true
      group.admission.hold(TLSSide.openSSLMemory)
      // Not at once, even where there is a turn left: whoever began this is in the middle of something.
      if let side = server.pointee.connection.tls.pointer { waitForTurn(handle, side) }
      return .begun
    }
  }

  /// Something has come within a handshake: takes it a step further, now or in its turn.
  mutating func continueSecuring(_ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>) {
    guard let side = server.pointee.connection.tls.pointer, !side.pointee.awaitsTurn else { return }
    if turns.take() {
      takeSecuringStep(handle, server, side)
    } else {
      waitForTurn(handle, side)
    }
  }

  private mutating func waitForTurn(_ handle: Handle, _ side: UnsafeMutablePointer<TLSSide>) {
    side.pointee.awaitsTurn = true
    turns.wait(Token(.httpServer, handle))
  }

  /// The turn of a connection has come.
  /// - Returns: whether it had use for it.
  mutating func takeSecuringTurn(_ handle: Handle) -> Bool {
    guard let server = http.servers.pointer(to: handle), let side = server.pointee.connection.tls.pointer,
      side.pointee.awaitsTurn
    else { return false }
    side.pointee.awaitsTurn = false
    takeSecuringStep(handle, server, side)
    return true
  }

  private mutating func takeSecuringStep(
    _ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>, _ side: UnsafeMutablePointer<TLSSide>
  ) {
    let exchangeHandle = server.pointee.exchange
    let exchange = http.exchanges.pointer(to: exchangeHandle)
    switch http.buffers.handshake(&server.pointee.connection, side) {
    case .blocked: turns.giveBack()
    case .waiting: break
    case .unfinished: waitForTurn(handle, side)
    case .done:
      server.pointee.isSecuring = false
      // What came behind the handshake has no edge of its own.
      if server.pointee.connection.isReadable { unfinished.append(Token(.httpServer, handle)) }
      if let exchange { sendRequest(exchangeHandle, exchange) } else { sendMirrored(handle) }
    case .failed(let words):
      if let exchange {
        connectFailed(exchangeHandle, exchange, "TLS: \(words)")
      } else {
        endMirrored(handle, cause: "TLS: \(words)", .connectFailures)
      }
    }
  }
}
