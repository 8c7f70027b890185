import Base
import Reactor
import TLS

/// Taking handshakes further, those of clients and those with backends.
extension Worker {
  /// The longest read of a handshake: what comes behind it has to be kept.
  private static var handshakeReadSize: Int { 16 << 10 }

  /// Something has come for the handshake of one side: takes it a step further, now or in its turn.
  mutating func continueHandshake(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ subject: Token.Subject
  ) {
    guard let side = session.pointee.side(subject), !side.pointee.awaitsTurn else { return }
    if turns.take() {
      takeStep(handle, session, subject, side)
    } else {
      waitForTurn(handle, subject, side)
    }
  }

  private mutating func waitForTurn(
    _ handle: Handle, _ subject: Token.Subject, _ side: UnsafeMutablePointer<TLSSide>
  ) {
    side.pointee.awaitsTurn = true
    turns.wait(Token(subject, handle))
  }

  /// Those who wait, as far as this turn of the loop goes.
  mutating func continueHandshakes() {
    while let token = turns.takeFirst() {
      if token.subject == .httpServer {
        if !takeSecuringTurn(token.handle) { turns.giveBack() }
        continue
      }
      // The session may have ended, or have gone on to another backend.
      guard let session = sessions.pointer(to: token.handle), let side = session.pointee.side(token.subject),
        side.pointee.awaitsTurn
      else {
        turns.giveBack()
        continue
      }
      side.pointee.awaitsTurn = false
      takeStep(token.handle, session, token.subject, side)
    }
  }

  private mutating func takeStep(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ subject: Token.Subject,
    _ side: UnsafeMutablePointer<TLSSide>
  ) {
    let progress =
      subject == .client
      ? step(
        side, session.pointee.client.number, &session.pointee.toClient, isThorough: session.pointee.toServer.isThorough)
      : step(
        side, session.pointee.server.number, &session.pointee.toServer, isThorough: session.pointee.toClient.isThorough)
    switch progress {
    case .blocked: turns.giveBack()
    case .waiting: break
    case .unfinished: waitForTurn(handle, subject, side)
    case .done:
      if subject == .client { clientSecured(handle, session, side) } else { backendSecured(handle, session) }
    case .left: end(handle, reset: false)
    case .failed(let failure):
      if subject == .client {
        clientHandshakeFailed(handle, session, HandshakeCounters.Fault(failure.cause), failure.words)
      } else {
        connectFailed(handle, session, "TLS: \(failure)")
      }
    }
  }

  private enum Progress {
    /// Nothing had come.
    case blocked
    /// The peer has to say more.
    case waiting
    /// More may have come already.
    case unfinished
    case done
    /// The client went without a word.
    case left
    case failed(TLSFailure)
  }

  /// Reads once and takes the handshake one step further.
  /// - Parameters:
  ///   - flow: the one towards this side.
  ///   - isThorough: a short read may not have emptied the socket.
  private mutating func step(
    _ side: UnsafeMutablePointer<TLSSide>, _ socket: Int32, _ flow: inout Flow, isThorough: Bool
  ) -> Progress {
    if flow.spill.isHolding {
      switch flush(&flow, to: socket) {
      case .emptied: break
      case .holding: return .blocked
      case .failed: return .failed(cut(side, "reset the connection during the handshake"))
      }
    }
    if !side.pointee.hasBegun, side.pointee.engine.role == .client {
      side.pointee.hasBegun = true
      if let end = work(side, 0, socket, &flow) { return end }
    }
    let isSilentClient = !side.pointee.hasSpoken && side.pointee.engine.role == .server
    let count: Int
    switch SocketIO.receive(socket, into: tls.input, count: Self.handshakeReadSize) {
    case .bytes(let received): count = received
    case .blocked: return side.pointee.engine.role == .client ? .waiting : .blocked
    case .ended:
      // A port scan or a health check of somebody else.
      if isSilentClient { return .left }
      return .failed(side.pointee.engine.inputEnded() ?? cut(side, "closed the connection during the handshake"))
    case .failed(let error):
      if isSilentClient { return .left }
      return .failed(cut(side, "broke the connection during the handshake: \(error)"))
    }
    side.pointee.hasSpoken = true
    if let end = work(side, count, socket, &flow) { return end }
    return count == Self.handshakeReadSize || isThorough ? .unfinished : .waiting
  }

  /// Gives the engine what has come, and the peer what the engine says.
  /// - Returns: how the handshake has ended, if it has.
  private mutating func work(
    _ side: UnsafeMutablePointer<TLSSide>, _ count: Int, _ socket: Int32, _ flow: inout Flow
  ) -> Progress? {
    var wire = TLSWire(input: tls.received(count), output: tls.output, line: tls.line)
    while true {
      let step = side.pointee.engine.handshake(&wire)
      let hasSaid = !wire.output.isEmpty
      // When it is gone, the next read tells. Tickets leave with the first data, or after the fifth of a second that the
      // kernel waits for it (tcp(7), MSG_MORE): the client's next wake-up is then for both.
      if hasSaid { _ = say(wire.output, to: socket, &flow, more: step == .done && side.pointee.engine.hasTimeToSay) }
      switch step {
      case .needsInput: return nil
      case .needsOutput where hasSaid: wire.clearOutput()
      case .needsOutput: return .failed(.noProgress)
      case .done:
        if let rest = wire.input.baseAddress, !wire.input.isEmpty {
          side.pointee.early.hold(rest, count: wire.input.count)
          group.admission.hold(wire.input.count)
        }
        return .done
      case .failed(let failure): return .failed(failure)
      }
    }
  }

  private func cut(_ side: UnsafeMutablePointer<TLSSide>, _ words: String) -> TLSFailure {
    let party = side.pointee.engine.role == .server ? TLSFailure.Party.client : .backend
    return TLSFailure(party: party, phase: .handshake, cause: .cut, words: "the \(party.rawValue) \(words)")
  }

  // MARK: Ciphertext to a side

  enum Flush {
    case emptied, holding, failed
  }

  /// Sends what waits in a spill.
  mutating func flush(_ flow: inout Flow, to socket: Int32) -> Flush {
    let rest = flow.spill.remaining
    switch SocketIO.send(socket, from: rest.baseAddress.unsafelyUnwrapped, count: rest.count, more: false) {
    case .bytes(let sent):
      let freed = flow.spill.drop(sent)
      if freed == 0 { return .holding }
      group.freeMemory(freed)
      return .emptied
    case .blocked, .ended: return .holding
    case .failed: return .failed
    }
  }

  /// Sends what an engine has to say, behind everything that still waits; keeps what is not taken.
  /// - Parameter more: it may wait for what follows.
  /// - Returns: bytes that are kept of it, or nil when the socket takes no more.
  mutating func say(_ words: UnsafeRawBufferPointer, to socket: Int32, _ flow: inout Flow, more: Bool = false) -> Int? {
    guard let start = words.baseAddress, !words.isEmpty else { return 0 }
    var sent = 0
    if !flow.spill.isHolding {
      switch SocketIO.send(socket, from: start, count: words.count, more: more) {
      case .bytes(let count): sent = count
      case .blocked, .ended: break
      case .failed: return nil
      }
    }
    let kept = words.count - sent
    if kept > 0 { group.admission.hold(flow.spill.append(start + sent, count: kept)) }
    return kept
  }
}

extension Flow {
  /// A short read may not have emptied the source, or its end is still to be read.
  var isThorough: Bool { thorough || sourceFinished }
}

extension TLSFailure {
  /// The buffers are made so that this does not happen.
  static let noProgress = TLSFailure(
    party: .us, phase: .handshake, cause: .internalError, words: "OpenSSL asked for room that it already had")
}
