import Base
import Reactor
import TLS

/// Moving bytes where TLS is spoken on one side or on both: what `Relay.swift` does for plain sessions, with engines on
/// the way.
///
/// The same rules hold: a short read has emptied its socket, what the destination does not take waits in the spill of
/// the flow, and until that is through the source is not read. The spill holds what the destination is to get as it
/// is: ciphertext for one that speaks TLS. Bytes count as they are without TLS.
extension Worker {
  /// A quarter of what a plain flow may move in one turn: here the processor does more than copy.
  private static var secureReadsPerTurn: Int { 4 }

  /// An event of one of the two sockets.
  mutating func secureEvent(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness, from subject: Token.Subject
  ) {
    let isClient = subject == .client
    if isClient {
      session.pointee.toServer.notice(readiness)
    } else {
      session.pointee.toClient.notice(readiness)
    }
    if !readiness.isDisjoint(with: .reading) {
      guard carry(handle, session, from: subject) else { return }
    }
    let isHeld = isClient ? session.pointee.toClient.spill.isHolding : session.pointee.toServer.spill.isHolding
    let isOwed = isHeld || session.pointee.side(subject)?.pointee.owesClose == true
    if readiness.contains(.writable), isOwed {
      guard carry(handle, session, from: isClient ? .server : .client) else { return }
    }
    if readiness.contains(.error) {
      // No read will meet this error.
      let isUnread =
        isClient
        ? session.pointee.toServer.ended || session.pointee.toServer.spill.isHolding
        : session.pointee.toClient.ended || session.pointee.toClient.spill.isHolding
      if isUnread { end(handle, reset: true) }
    }
  }

  /// Moves what can be moved now in one direction, and draws the conclusions.
  /// - Returns: whether the session still is.
  mutating func carry(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, from source: Token.Subject
  ) -> Bool {
    let outcome = pump(session, from: source)
    countBytes(session)
    let opposite: Token.Subject = source == .client ? .server : .client
    if let side = session.pointee.side(opposite), !session.pointee.isHolding(from: source) {
      side.pointee.owed = 0
      if side.pointee.isMuted {
        side.pointee.isMuted = false
        unfinished.append(Token(opposite, handle))
      }
      finishIfClosed(handle, session, side, opposite)
    }
    return settle(outcome, handle, session, from: source)
  }

  private enum SecureOutcome {
    /// Nothing came.
    case idle
    /// Bytes moved, and the rest is for a later edge.
    case moved
    /// Bytes moved, and more may be there: go on in the next turn.
    case unfinished
    /// The source has sent its end: close_notify, or FIN where it speaks no TLS.
    case ended
    case sourceFailed
    case destinationFailed
    /// One side has broken TLS or given it up, or its stream was cut. It has been told.
    case broken(Token.Subject, TLSFailure)
  }

  private mutating func pump(_ session: UnsafeMutablePointer<TCPSession>, from source: Token.Subject) -> SecureOutcome {
    if source == .client {
      pump(
        &session.pointee.toServer, back: &session.pointee.toClient, source,
        session.pointee.client.number, session.pointee.side(.client), session.pointee.server.number,
        session.pointee.side(.server))
    } else {
      pump(
        &session.pointee.toClient, back: &session.pointee.toServer, source,
        session.pointee.server.number, session.pointee.side(.server), session.pointee.client.number,
        session.pointee.side(.client))
    }
  }

  /// - Parameter back: the flow towards the source, for what its engine has to say.
  private mutating func pump(
    _ flow: inout Flow, back: inout Flow, _ subject: Token.Subject, _ socket: Int32,
    _ source: UnsafeMutablePointer<TLSSide>?, _ target: Int32, _ destination: UnsafeMutablePointer<TLSSide>?
  ) -> SecureOutcome {
    var hasMoved = false
    if flow.spill.isHolding {
      let before = flow.spill.remaining.count
      let flush = self.flush(&flow, to: target)
      let taken = before - (flow.spill.isHolding ? flow.spill.remaining.count : 0)
      // What is encrypted was counted before.
      if destination == nil { flow.bytes &+= taken }
      switch flush {
      case .emptied: hasMoved = true
      case .holding: return taken > 0 ? .moved : .idle
      case .failed: return .destinationFailed
      }
    }
    if flow.ended { return hasMoved ? .moved : .idle }
    var reads = Self.secureReadsPerTurn
    while true {
      // Its last bytes went with our close_notify.
      if source?.pointee.hasEnded == true || destination?.pointee.isClosing == true { return .ended }
      let wanted = Int(flow.readSize)
      var received = 0
      var isShort = false
      let plain: UnsafeRawBufferPointer
      if let source {
        if source.pointee.owed > TLSSide.mostOwed {
          source.pointee.isMuted = true
          return hasMoved ? .moved : .idle
        }
        if source.pointee.early.isHolding {
          let early = source.pointee.early.remaining
          received = early.count
          tls.input.copyMemory(from: early.baseAddress.unsafelyUnwrapped, byteCount: received)
          group.freeMemory(source.pointee.early.drop(received))
        } else {
          switch SocketIO.receive(socket, into: tls.input, count: wanted) {
          case .bytes(let count):
            received = count
            // With the end announced, it is read up to it: only then it is known whether it is one.
            isShort = count < wanted && !flow.isThorough
          case .ended:
            if let failure = source.pointee.engine.inputEnded() { return .broken(subject, failure) }
            return .ended
          case .blocked: return hasMoved ? .moved : .idle
          case .failed: return .sourceFailed
          }
        }
        switch decrypt(source, received, socket, &back) {
        case .plain(let count):
          plain = UnsafeRawBufferPointer(start: tls.plain(of: received).baseAddress, count: count)
        case .failed(let failure): return .broken(subject, failure)
        }
      } else {
        switch SocketIO.receive(socket, into: buffer, count: wanted) {
        case .bytes(let count):
          received = count
          isShort = count < wanted && !flow.thorough
          plain = UnsafeRawBufferPointer(start: buffer, count: count)
        case .ended: return .ended
        case .blocked: return hasMoved ? .moved : .idle
        case .failed: return .sourceFailed
        }
      }
      let isLast = source.map { $0.pointee.hasEnded } ?? (isShort && flow.sourceFinished)
      if !plain.isEmpty {
        hasMoved = true
        var bytes = plain
        var isCorked = isLast
        if let destination {
          if destination.pointee.isKernelSending {
            // The kernel would wait with its record.
            isCorked = false
          } else {
            switch encrypt(plain, isLast: isLast, for: destination) {
            case .cipher(let cipher): bytes = cipher
            case .failed(let failure): return .broken(subject == .client ? .server : .client, failure)
            }
          }
          flow.bytes &+= plain.count
        }
        let start = bytes.baseAddress.unsafelyUnwrapped
        var sent = 0
        // The end follows at once, so it can travel in the same packet.
        switch SocketIO.send(target, from: start, count: bytes.count, more: isCorked) {
        case .bytes(let count): sent = count
        case .blocked, .ended: break
        case .failed: return .destinationFailed
        }
        if destination == nil { flow.bytes &+= sent }
        flow.adapt(read: received, taken: sent == bytes.count ? received : min(sent, received))
        if sent < bytes.count {
          flow.spill.hold(start + sent, count: bytes.count - sent)
          group.admission.hold(bytes.count - sent)
          return .moved
        }
        if let destination, flow.bytes >= destination.pointee.handOverAt { handOver(destination, target) }
      }
      if isLast { return .ended }
      if isShort { return hasMoved ? .moved : .idle }
      reads -= 1
      if reads == 0 { return .unfinished }
    }
  }

  // MARK: Engines

  private enum Decrypted {
    /// Bytes at the start of the plain buffer.
    case plain(Int)
    case failed(TLSFailure)
  }

  /// Decrypts what was read, and sends what the engine says to that: new keys, or the alert that ends it.
  @inline(__always)
  private func decrypt(
    _ side: UnsafeMutablePointer<TLSSide>, _ received: Int, _ socket: Int32, _ back: inout Flow
  ) -> Decrypted {
    var wire = TLSWire(input: tls.received(received), output: tls.output)
    let decryption = side.pointee.engine.decrypt(&wire, into: tls.plain(of: received))
    // Behind our close_notify nothing can be said; when the socket is gone, the next read tells.
    if !wire.output.isEmpty, !side.pointee.isClosing, let kept = say(wire.output, to: socket, &back) {
      side.pointee.owed += kept
    }
    if let message = wire.alert, !side.pointee.isClosing { _ = KernelTLS.send(socket, alert: message.bytes) }
    switch decryption.state {
    case .needsInput: return .plain(decryption.count)
    case .ended:
      side.pointee.hasEnded = true
      return .plain(decryption.count)
    case .failed(let failure): return .failed(failure)
    case .full, .needsOutput: return .failed(.noProgress)
    }
  }

  private enum Encrypted {
    /// In the output buffer.
    case cipher(UnsafeRawBufferPointer)
    case failed(TLSFailure)
  }

  /// - Parameter isLast: close_notify follows.
  @inline(__always)
  private func encrypt(
    _ plain: UnsafeRawBufferPointer, isLast: Bool, for side: UnsafeMutablePointer<TLSSide>
  ) -> Encrypted {
    var wire = TLSWire(input: UnsafeRawBufferPointer(start: nil, count: 0), output: tls.output)
    switch side.pointee.engine.encrypt(plain, &wire, now: now).state {
    case .done:
      if isLast, side.pointee.engine.close(&wire) { side.pointee.isClosing = true }
      return .cipher(wire.output)
    case .failed(let failure): return .failed(failure)
    case .needsOutput: return .failed(.noProgress)
    }
  }

  // MARK: Ends

  /// - Returns: whether the session still is.
  private mutating func settle(
    _ outcome: SecureOutcome, _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, from source: Token.Subject
  ) -> Bool {
    switch outcome {
    case .moved, .idle:
      if case .moved = outcome { session.pointee.lastActive = now }
      return !endIfOver(handle, session)
    case .unfinished:
      session.pointee.lastActive = now
      unfinished.append(Token(source, handle))
      return true
    case .ended:
      session.pointee.lastActive = now
      return sourceEnded(handle, session, source)
    case .sourceFailed:
      if source == .server {
        session.pointee.meters.served.add(to: .resets)
        backendFailed(session)
      }
      end(handle, reset: true)
      return false
    case .destinationFailed: return destinationFailed(handle, session, source)
    case .broken(let culprit, let failure):
      tlsBroken(handle, session, culprit, failure)
      return false
    }
  }

  /// Passes the end of one direction on: close_notify where TLS is spoken, and FIN.
  private mutating func sourceEnded(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ source: Token.Subject
  ) -> Bool {
    if session.pointee.broken {
      end(handle, reset: true)
      return false
    }
    if source == .client {
      session.pointee.toServer.ended = true
    } else {
      session.pointee.toClient.ended = true
    }
    if endIfOver(handle, session) { return false }
    let target: Token.Subject = source == .client ? .server : .client
    guard let side = session.pointee.side(target) else {
      SocketIO.finish(target == .client ? session.pointee.client.number : session.pointee.server.number)
      return true
    }
    if target == .client {
      sayClose(side, session.pointee.client.number, &session.pointee.toClient)
    } else {
      sayClose(side, session.pointee.server.number, &session.pointee.toServer)
    }
    finishIfClosed(handle, session, side, target)
    return !endIfOver(handle, session)
  }

  /// Sends close_notify, unless it has been. Where the kernel encrypts that is left to `finishIfClosed`.
  private func sayClose(_ side: UnsafeMutablePointer<TLSSide>, _ socket: Int32, _ flow: inout Flow) {
    var wire = TLSWire(input: UnsafeRawBufferPointer(start: nil, count: 0), output: tls.output)
    _ = side.pointee.engine.close(&wire)
    side.pointee.isClosing = true
    if wire.alert != nil { side.pointee.owesClose = true }
    _ = say(wire.output, to: socket, &flow)
  }

  /// Behind our close_notify goes the FIN, when nothing is left before it.
  private func finishIfClosed(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ side: UnsafeMutablePointer<TLSSide>,
    _ subject: Token.Subject
  ) {
    let isClient = subject == .client
    let hasEnded = isClient ? session.pointee.toClient.ended : session.pointee.toServer.ended
    let isHolding = isClient ? session.pointee.toClient.spill.isHolding : session.pointee.toServer.spill.isHolding
    guard hasEnded, !isHolding, side.pointee.isClosing, !side.pointee.isFinished else { return }
    let socket = isClient ? session.pointee.client.number : session.pointee.server.number
    if side.pointee.owesClose, !closeInKernel(side, socket, Token(subject, handle)) { return }
    side.pointee.isFinished = true
    SocketIO.finish(socket)
  }

  /// - Returns: whether both directions were over, and nothing was left to deliver.
  private mutating func endIfOver(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) -> Bool {
    guard session.pointee.toServer.ended, session.pointee.toClient.ended, !session.pointee.holdsBytes,
      !isAwaitingKernel(session)
    else { return false }
    end(handle, reset: session.pointee.broken)
    return true
  }

  /// The last words to those who speak TLS, as far as they take them at once: without a close_notify an end would look
  /// like an attack.
  func sayFarewell(_ session: inout TCPSession) {
    if let side = session.side(.client), side.pointee.engine.isOpen {
      sayClose(side, session.client.number, &session.toClient)
      if side.pointee.owesClose { _ = KernelTLS.send(session.client.number, alert: TLSAlertMessage.closeNotify.bytes) }
    }
    if let side = session.side(.server), side.pointee.engine.isOpen {
      sayClose(side, session.server.number, &session.toServer)
      if side.pointee.owesClose { _ = KernelTLS.send(session.server.number, alert: TLSAlertMessage.closeNotify.bytes) }
    }
  }

  /// One side has left the rules of TLS, or its stream was cut. It got its alert; the other side must not take this for
  /// an end, so it is reset. Nothing more is read.
  private mutating func tlsBroken(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ culprit: Token.Subject, _ failure: TLSFailure
  ) {
    session.pointee.broken = true
    let isClient = culprit == .client
    if !isClient {
      session.pointee.meters.served.add(to: .faults)
      backendFailed(session, "TLS: \(failure)")
    }
    // Clients cut their streams every day.
    if failure.cause != .cut || !isClient {
      let subject =
        isClient
        ? "listener \(session.pointee.service.listener)" : "pool \(session.pointee.destination?.pool.name ?? "")"
      group.incidents.add(
        .tlsBroken, subject, cause: isClient ? "\(failure)" : "\(failure) (\(session.pointee.backend?.name ?? ""))")
    }
    SocketIO.resetOnClose(isClient ? session.pointee.server.number : session.pointee.client.number)
    end(handle, reset: false)
  }

  /// A side no longer takes bytes. What it sent before that still belongs to the other side, so it is read to its end
  /// first; then the other side learns of it by a reset.
  private mutating func destinationFailed(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ source: Token.Subject
  ) -> Bool {
    if session.pointee.broken {
      end(handle, reset: true)
      return false
    }
    session.pointee.broken = true
    if source == .client { session.pointee.meters.served.add(to: .resets) }
    let opposite: Token.Subject = source == .client ? .server : .client
    if source == .client {
      session.pointee.toServer.ended = true
      session.pointee.toClient.thorough = true
    } else {
      session.pointee.toClient.ended = true
      session.pointee.toServer.thorough = true
    }
    switch pump(session, from: opposite) {
    case .unfinished:
      unfinished.append(Token(opposite, handle))
      return true
    case .moved, .idle:
      if session.pointee.isHolding(from: opposite) { return true }
      if opposite == .server { backendFailed(session) }
    case .ended: break
    case .sourceFailed, .destinationFailed, .broken: if opposite == .server { backendFailed(session) }
    }
    end(handle, reset: true)
    return false
  }
}
