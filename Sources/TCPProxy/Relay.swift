import Base
import Reactor

/// Moving bytes between a client and a backend.
///
/// Both sockets are watched edge-triggered from the start and never again touched in the poller. A read that comes
/// back short has emptied the socket, so the next edge will tell of more; what the destination does not take at once
/// is kept in the flow's spill, and the source is left alone until it is through. Direct code, because it is measured.
extension Worker {
  /// Reads of one flow in one turn, so that a fast one does not starve the rest: 4 MiB at most. Each end of a turn
  /// lets the peer's processor run ahead or dry; measured in processor seconds per GB: 4 0.63, 8 0.62, 16 0.50,
  /// 32 0.46, 64 0.45.
  static var readsPerTurn: Int { 16 }

  mutating func clientEvent(_ handle: Handle, _ readiness: Readiness) {
    guard let session = sessions.pointer(to: handle) else { return }
    guard session.pointee.phase == .relaying else {
      switch session.pointee.phase {
      case .relayingSecurely: secureEvent(handle, session, readiness, from: .client)
      case .poised:
        session.pointee.early.formUnion(readiness)
        clientSpoke(handle, session, readiness)
      default: earlyEvent(handle, session, readiness)
      }
      return
    }
    session.pointee.toServer.notice(readiness)
    if !readiness.isDisjoint(with: .reading) {
      guard pumpToServer(handle, session) else { return }
    }
    if readiness.contains(.writable), session.pointee.toClient.spill.isHolding {
      guard pumpToClient(handle, session) else { return }
    }
    // No read will meet this error: the client had sent its end before, or the backend is too slow to ask for more.
    if readiness.contains(.error), session.pointee.toServer.ended || session.pointee.toServer.spill.isHolding {
      end(handle, reset: true)
    }
  }

  /// An event of the client before there is a backend to relay to.
  private mutating func earlyEvent(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness
  ) {
    session.pointee.early.formUnion(readiness)
    if session.pointee.phase == .greeting, !session.pointee.clientTLS.isEmpty {
      // Whoever breaks a handshake off has said why.
      greet(handle, session)
    } else if !readiness.isDisjoint(with: [.error, .hungUp]) {
      // Nobody is left to serve.
      end(handle, reset: true)
    } else if session.pointee.phase == .greeting {
      greet(handle, session)
    } else if readiness.contains(.writable), session.pointee.toClient.spill.isHolding {
      // The end of its handshake.
      _ = flush(&session.pointee.toClient, to: session.pointee.client.number)
    }
  }

  mutating func serverEvent(_ handle: Handle, _ readiness: Readiness) {
    guard let session = sessions.pointer(to: handle) else { return }
    guard session.pointee.phase == .relaying else {
      switch session.pointee.phase {
      case .relayingSecurely: secureEvent(handle, session, readiness, from: .server)
      case .securing: securingEvent(handle, session, readiness)
      case .poised: serverSpoke(handle, session, readiness)
      default: connectEvent(handle, session, readiness)
      }
      return
    }
    session.pointee.toClient.notice(readiness)
    if !readiness.isDisjoint(with: .reading) {
      guard pumpToClient(handle, session) else { return }
    }
    if readiness.contains(.writable), session.pointee.toServer.spill.isHolding {
      guard pumpToServer(handle, session) else { return }
    }
    if readiness.contains(.error), session.pointee.toClient.ended || session.pointee.toClient.spill.isHolding {
      end(handle, reset: true)
    }
  }

  mutating func continueUnfinished() {
    // Two arrays in turn: emptying one that is looked at would make a new one.
    swap(&unfinished, &unfinishedNow)
    defer { unfinishedNow.removeAll(keepingCapacity: true) }
    for index in unfinishedNow.indices {
      exact = .zero
      let token = unfinishedNow[index]
      if token.subject == .httpClient {
        serveClient(token.handle)
        continue
      }
      if token.subject == .httpServer {
        pumpResponse(token.handle)
        if http.mirrors.count > 0 { readMirrored(token.handle) }
        continue
      }
      guard let session = sessions.pointer(to: token.handle) else { continue }
      if session.pointee.phase == .relayingSecurely {
        _ = carry(token.handle, session, from: token.subject)
      } else if session.pointee.phase == .poised {
        token.subject == .client ? clientEvent(token.handle, .readable) : serverEvent(token.handle, .readable)
      } else if token.subject == .client {
        _ = pumpToServer(token.handle, session)
      } else {
        _ = pumpToClient(token.handle, session)
      }
    }
  }

  /// - Returns: whether the session still is.
  @inline(__always)
  private mutating func pumpToServer(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) -> Bool {
    let outcome = pump(
      &session.pointee.toServer, from: session.pointee.client.number, to: session.pointee.server.number)
    let count = session.pointee.toServer.takeUncounted()
    if count > 0 { session.pointee.meters.add(count, to: .bytesToBackends) }
    return settle(outcome, handle, session, from: .client)
  }

  @inline(__always)
  private mutating func pumpToClient(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) -> Bool {
    let outcome = pump(
      &session.pointee.toClient, from: session.pointee.server.number, to: session.pointee.client.number)
    let count = session.pointee.toClient.takeUncounted()
    if count > 0 { session.pointee.meters.add(count, to: .bytesToClients) }
    return settle(outcome, handle, session, from: .server)
  }

  enum Outcome {
    /// Nothing came.
    case idle
    /// Bytes moved, and the rest is for a later edge.
    case moved
    /// Bytes moved, and more may be there: go on in the next turn.
    case unfinished
    /// The source has sent its end.
    case ended
    case sourceFailed
    case destinationFailed
  }

  /// Moves what can be moved now in one direction.
  @inline(__always)
  private mutating func pump(_ flow: inout Flow, from source: Int32, to destination: Int32) -> Outcome {
    if flow.ended { return .idle }
    if flow.spill.isHolding {
      let rest = flow.spill.remaining
      switch SocketIO.send(destination, from: rest.baseAddress.unsafelyUnwrapped, count: rest.count, more: false) {
      case .bytes(let sent):
        flow.bytes &+= sent
        let freed = flow.spill.drop(sent)
        if freed == 0 { return .moved }
        group.freeMemory(freed)
      case .blocked, .ended: return .idle
      case .failed: return .destinationFailed
      }
    }
    var reads = Self.readsPerTurn
    while true {
      if flow.isBulk {
        let burst = splice(&flow, from: source, to: destination)
        switch burst {
        case .through, .short:
          reads -= 1
          if reads == 0 { return .unfinished }
          if burst == .through { continue }
        case .nothing: break
        case .stopped: return .moved
        case .sourceFailed: return .sourceFailed
        case .destinationFailed: return .destinationFailed
        }
      }
      let wanted = Int(flow.readSize)
      switch SocketIO.receive(source, into: buffer, count: wanted) {
      case .bytes(let received):
        let isShort = received < wanted && !flow.thorough
        let isLast = isShort && flow.sourceFinished
        var sent = 0
        // The end follows at once, so it can travel in the same packet.
        switch SocketIO.send(destination, from: buffer, count: received, more: isLast) {
        case .bytes(let count): sent = count
        case .blocked, .ended: break
        case .failed: return .destinationFailed
        }
        flow.bytes &+= sent
        flow.adapt(read: received, taken: sent)
        if sent < received {
          flow.spill.hold(buffer + sent, count: received - sent)
          group.admission.hold(received - sent)
          return .moved
        }
        if isLast { return .ended }
        if isShort { return .moved }
        reads -= 1
        if reads == 0 { return .unfinished }
      case .ended: return .ended
      case .blocked: return reads == Self.readsPerTurn ? .idle : .moved
      case .failed: return .sourceFailed
      }
    }
  }

  /// Draws the conclusions from what a flow did.
  /// - Returns: whether the session still is.
  @inline(__always)
  private mutating func settle(
    _ outcome: Outcome, _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, from source: Token.Subject
  ) -> Bool {
    switch outcome {
    case .moved:
      session.pointee.lastActive = now
      return true
    case .idle: return true
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
    }
  }

  /// Passes the end of one direction on; the session ends with the second.
  private mutating func sourceEnded(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ source: Token.Subject
  ) -> Bool {
    let other: Int32
    let isLast: Bool
    if source == .client {
      session.pointee.toServer.ended = true
      other = session.pointee.server.number
      isLast = session.pointee.toClient.ended
    } else {
      session.pointee.toClient.ended = true
      other = session.pointee.client.number
      isLast = session.pointee.toServer.ended
    }
    if isLast || session.pointee.broken {
      // Closing says all that a shutdown would, for one system call less.
      end(handle, reset: session.pointee.broken)
      return false
    }
    SocketIO.finish(other)
    return true
  }

  /// The backend has broken the connection. Before any answer that speaks against it; later it may have its reasons.
  mutating func backendFailed(
    _ session: UnsafeMutablePointer<TCPSession>,
    _ cause: @autoclosure () -> String = "connection reset before any answer"
  ) {
    guard let destination = session.pointee.destination, let backend = session.pointee.backend,
      session.pointee.toClient.bytes == 0, !session.pointee.holdsBytes
    else { return }
    noteFailure(of: backend, destination, cause())
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
    let opposite: Outcome
    let isStuck: Bool
    if source == .client {
      session.pointee.toServer.ended = true
      session.pointee.toClient.thorough = true
      opposite = pump(
        &session.pointee.toClient, from: session.pointee.server.number, to: session.pointee.client.number)
      if opposite != .ended { backendFailed(session) }
      isStuck = session.pointee.toClient.spill.isHolding
    } else {
      session.pointee.toClient.ended = true
      session.pointee.toServer.thorough = true
      opposite = pump(
        &session.pointee.toServer, from: session.pointee.client.number, to: session.pointee.server.number)
      isStuck = session.pointee.toServer.spill.isHolding
    }
    if opposite == .unfinished {
      unfinished.append(Token(source == .client ? .server : .client, handle))
      return true
    }
    if isStuck, opposite == .moved || opposite == .idle { return true }
    end(handle, reset: true)
    return false
  }
}

extension Flow {
  /// Takes in what the poller says of the source.
  @inline(__always)
  mutating func notice(_ readiness: Readiness) {
    if readiness.contains(.peerFinished) { sourceFinished = true }
    if !readiness.isDisjoint(with: [.error, .urgent]) { thorough = true }
  }
}

extension Readiness {
  /// Worth a read.
  static var reading: Readiness { [.readable, .peerFinished, .hungUp, .error] }
}
