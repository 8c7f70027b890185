import Base
import Reactor
import TLS

/// Sides that the kernel encrypts for: a bulk flow is given to it, and its end taken care of.
extension Worker {
  /// Everything encrypted so far is in the socket: lets the kernel go on, if it will.
  mutating func handOver(_ side: UnsafeMutablePointer<TLSSide>, _ socket: Int32) {
    side.pointee.handOverAt = .max
    if side.pointee.isClosing { return }
    side.pointee.isKernelSending = side.pointee.engine.handOverSending { KernelTLS.start(socket, keys: $0) }
  }

  /// Sends the close_notify that is owed, when all that the kernel has encrypted goes into the socket with it: a FIN would
  /// overtake the rest.
  /// - Returns: false when it has to wait; the socket then reports as writable when it is time.
  mutating func closeInKernel(_ side: UnsafeMutablePointer<TLSSide>, _ socket: Int32, _ token: Token) -> Bool {
    if SendRoom(of: socket)?.takesAll != false {
      switch KernelTLS.send(socket, alert: TLSAlertMessage.closeNotify.bytes) {
      case .bytes, .ended, .failed:
        side.pointee.owesClose = false
        return true
      case .blocked: break
      }
    }
    // It reports only what it was found too full for.
    do throws(SystemError) {
      try poller.change(socket, .everyEdge, token: token.rawValue)
      return false
    } catch {
      side.pointee.owesClose = false
      return true
    }
  }

  /// Whether a side that the kernel encrypts for has not been told of the end: to close its socket now could lose bytes.
  mutating func isAwaitingKernel(_ session: UnsafeMutablePointer<TCPSession>) -> Bool {
    func isAwaiting(_ side: UnsafeMutablePointer<TLSSide>?) -> Bool {
      guard let side else { return false }
      return side.pointee.isKernelSending && !side.pointee.isFinished
    }
    return isAwaiting(session.pointee.side(.client)) || isAwaiting(session.pointee.side(.server))
  }
}
