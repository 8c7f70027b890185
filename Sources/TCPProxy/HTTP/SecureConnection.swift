import Base
import Reactor
import TLS

/// Reading and writing HTTP where TLS is spoken: the same as in the clear, with an engine on the way.
extension HTTPBuffers {
  /// As `receive`: plaintext arrives behind what was kept.
  mutating func receive(
    _ connection: UnsafeMutablePointer<Connection>, _ side: UnsafeMutablePointer<TLSSide>, kept: Int, atMost: Int
  ) -> Reception {
    if side.pointee.hasEnded {
      connection.pointee.isReadable = false
      return .ended
    }
    // Records are read as they come, so that one more read is not needed for the rest of the last.
    while true {
      var received = 0
      if side.pointee.early.isHolding {
        let early = side.pointee.early.remaining
        received = early.count
        tls.input.copyMemory(from: early.baseAddress.unsafelyUnwrapped, byteCount: received)
        _ = side.pointee.early.drop(received)
      } else {
        let wanted = min(atMost, TLSBuffers.inputSize)
        switch SocketIO.receive(connection.pointee.socket.number, into: tls.input, count: wanted) {
        case .bytes(let count):
          received = count
          if count < wanted, !connection.pointee.isThorough, !connection.pointee.isFinished {
            connection.pointee.isReadable = false
          }
        case .blocked:
          connection.pointee.isReadable = false
          return .blocked
        case .ended:
          connection.pointee.isReadable = false
          connection.pointee.isFinished = true
          // Cut, and not ended: what came before may be anything.
          if side.pointee.engine.inputEnded() != nil { return .broken }
          return .ended
        case .failed(let error):
          connection.pointee.isReadable = false
          return .failed(error)
        }
      }
      var wire = TLSWire(input: tls.received(received), output: tls.output, line: tls.line)
      let plain = UnsafeMutableRawBufferPointer(start: input + kept, count: received + TLSEngine.inPlaceOffset)
      let decryption = side.pointee.engine.decrypt(&wire, into: plain)
      if let words = wire.output.baseAddress, !wire.output.isEmpty, !side.pointee.isClosing {
        guard connection.pointee.unsent.count < TLSSide.mostOwed else {
          return .failed(.connectionCut)
        }
        _ = write(words, wire.output.count, to: connection, more: false)
      }
      switch decryption.state {
      case .needsInput: break
      case .ended: side.pointee.hasEnded = true
      case .failed:
        connection.pointee.isReadable = false
        return .broken
      case .full, .needsOutput:
        connection.pointee.isReadable = false
        return .failed(.connectionCut)
      }
      if decryption.count > 0 {
        connection.pointee.count(received: decryption.count)
        if kept > 0 { connection.pointee.unread.free(into: &blocks) }
        // The end is told by the next read.
        if side.pointee.hasEnded { connection.pointee.isReadable = true }
        return .bytes(kept + decryption.count)
      }
      if side.pointee.hasEnded {
        connection.pointee.isReadable = false
        return .ended
      }
      // A part of a record, or a message of the engines: there may be more.
      if !connection.pointee.isReadable { return .blocked }
    }
  }

  /// As `send`.
  mutating func send(
    _ bytes: UnsafeRawBufferPointer, to connection: UnsafeMutablePointer<Connection>,
    _ side: UnsafeMutablePointer<TLSSide>, more: Bool
  ) -> Delivery {
    var rest = bytes
    var delivery = Delivery.sent
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest.prefix(TLSBuffers.inputSize))
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
      var wire = TLSWire(input: UnsafeRawBufferPointer(start: nil, count: 0), output: tls.output)
      guard case .done = side.pointee.engine.encrypt(part, &wire, now: encryptionTime).state,
        let words = wire.output.baseAddress
      else { return .failed }
      delivery = write(words, wire.output.count, to: connection, more: more || !rest.isEmpty)
      if delivery == .failed { return .failed }
    }
    return delivery
  }

  /// The last words: without a close_notify the end would look like an attack.
  mutating func sayClose(_ connection: UnsafeMutablePointer<Connection>) {
    guard let side = connection.pointee.tls.pointer, side.pointee.engine.isOpen, !side.pointee.isClosing else { return }
    var wire = TLSWire(input: UnsafeRawBufferPointer(start: nil, count: 0), output: tls.output)
    _ = side.pointee.engine.close(&wire)
    side.pointee.isClosing = true
    if let words = wire.output.baseAddress, !wire.output.isEmpty {
      _ = write(words, wire.output.count, to: connection, more: true)
    }
  }

  enum Handshake {
    /// Nothing had come.
    case blocked
    /// The backend has to say more.
    case waiting
    /// More may have come already.
    case unfinished
    case done
    case failed(String)
  }

  /// Reads once and takes the handshake with a backend one step further.
  mutating func handshake(
    _ connection: UnsafeMutablePointer<Connection>, _ side: UnsafeMutablePointer<TLSSide>
  ) -> Handshake {
    var received = 0
    if side.pointee.hasBegun {
      guard connection.pointee.isReadable else { return .blocked }
      let wanted = 16 << 10
      switch SocketIO.receive(connection.pointee.socket.number, into: tls.input, count: wanted) {
      case .bytes(let count):
        received = count
        if count < wanted, !connection.pointee.isThorough, !connection.pointee.isFinished {
          connection.pointee.isReadable = false
        }
      case .blocked:
        connection.pointee.isReadable = false
        return .blocked
      case .ended: return .failed("the backend closed the connection during the handshake")
      case .failed(let error): return .failed("\(error) during the handshake")
      }
    }
    side.pointee.hasBegun = true
    var wire = TLSWire(input: tls.received(received), output: tls.output, line: tls.line)
    while true {
      let step = side.pointee.engine.handshake(&wire)
      if let words = wire.output.baseAddress, !wire.output.isEmpty {
        _ = write(words, wire.output.count, to: connection, more: false)
        wire.clearOutput()
      } else if step == .needsOutput {
        return .failed("OpenSSL asked for room that it already had")
      }
      switch step {
      case .needsInput: return connection.pointee.isReadable ? .unfinished : .waiting
      case .needsOutput: break
      case .failed(let failure): return .failed("\(failure)")
      case .done:
        if let rest = wire.input.baseAddress, !wire.input.isEmpty {
          side.pointee.early.hold(rest, count: wire.input.count)
          connection.pointee.isReadable = true
        }
        return .done
      }
    }
  }
}
