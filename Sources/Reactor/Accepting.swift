import Base
import CLinux
import Glibc

/// One attempt to accept a client (accept4(2)).
public enum Accepting: ~Copyable {
  /// A non-blocking socket and who is on its other end; nil for a unix socket.
  case accepted(Descriptor, IPAddress?, port: UInt16)
  /// Nobody is waiting.
  case nobody
  /// The client left before it was accepted: try the next one.
  case gone
  /// Descriptors or memory are used up, ours or the system's: nothing will be accepted until some are freed.
  case exhausted(SystemError)
  case failed(SystemError)

  public static func from(_ listener: Int32) -> Accepting {
    var raw = RawAddress()
    let number = uninterrupted {
      raw.withMutableSockaddr { linux_accept4(listener, $0, $1, nonBlockingCloseOnExec) }
    }
    if number >= 0 {
      let peer = raw.ipAddress
      return .accepted(Descriptor(adopting: number), peer?.0, port: peer?.port ?? 0)
    }
    let error = SystemError.last("accept")
    if error.isExhaustion { return .exhausted(error) }
    switch error.number {
    case EAGAIN: return .nobody
    // Errors of the new connection that is already gone (accept(2), "Error handling").
    case ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
      ETIMEDOUT, EPERM:
      return .gone
    default: return .failed(error)
    }
  }
}
