import Base

/// How a check ended.
public enum ProbeResult: Equatable, Sendable {
  case passed(took: Duration)
  case failed(ProbeFailure)

  public var isPassed: Bool { if case .passed = self { true } else { false } }

  public var took: Duration {
    switch self {
    case .passed(let took): took
    case .failed(let failure): failure.took
    }
  }
}

/// Why a check failed, in words that an operator can act on.
public struct ProbeFailure: Equatable, Sendable {
  /// What the check had reached: `L4` for the connection, `L6` for TLS, `L7` for what was said on it.
  public let layer: String
  /// Such as `connection refused (ECONNREFUSED)`.
  public let cause: String
  /// The name of the kernel's error where it was one, such as `ECONNREFUSED`.
  public let errno: String?
  public let took: Duration

  public init(layer: String, cause: String, errno: String? = nil, took: Duration) {
    self.layer = layer
    self.cause = cause
    self.errno = errno
    self.took = took
  }

  /// The backend did not answer within the check's `timeout`.
  public static func noAnswer(within timeout: Duration, layer: String = "L4", took: Duration) -> ProbeFailure {
    ProbeFailure(layer: layer, cause: "no answer within \(timeout.text)", took: took)
  }

  /// The kernel refused or broke the connection.
  /// - Parameter errno: its name as in errno(3), such as `ECONNREFUSED`.
  public static func system(_ errno: String, layer: String = "L4", took: Duration) -> ProbeFailure {
    let cause = words(for: errno).map { "\($0) (\(errno))" } ?? errno
    return ProbeFailure(layer: layer, cause: cause, errno: errno, took: took)
  }

  /// What connect(2), tcp(7) and unix(7) mean by their errors, as seen by whoever has to repair it.
  private static func words(for errno: String) -> String? {
    switch errno {
    case "ECONNREFUSED": "connection refused"
    case "ECONNRESET": "connection reset by the backend"
    case "ECONNABORTED": "connection aborted"
    case "EPIPE": "connection closed by the backend"
    case "ETIMEDOUT": "connection timed out in the kernel"
    case "EHOSTUNREACH": "no route to host"
    case "EHOSTDOWN": "host is down"
    case "ENETUNREACH": "network unreachable"
    case "ENETDOWN": "network is down"
    case "EADDRNOTAVAIL": "no local address or port left"
    case "EADDRINUSE": "local address in use"
    case "EAFNOSUPPORT": "this machine has no such address family"
    case "EACCES": "permission denied"
    case "EPERM": "not permitted, perhaps by a local firewall rule"
    case "ENOENT": "no such socket file"
    case "ENOTSOCK": "the path is no socket"
    case "EPROTOTYPE": "the socket is not a stream"
    case "EAGAIN": "the backend's backlog is full"
    case "EMFILE": "this process has too many open files"
    case "ENFILE": "this machine has too many open files"
    case "ENOBUFS", "ENOMEM": "this machine is short of memory"
    default: nil
    }
  }
}
