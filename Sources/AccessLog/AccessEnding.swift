/// How an exchange ended: whose doing it was, and when.
public enum AccessEnding: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// The whole answer went out.
  case completed
  /// The client closed, or reset, its connection before the end.
  case clientClosed
  /// The client sent or took nothing for too long.
  case clientTimeout
  /// The request was no HTTP, or more than is allowed.
  case badRequest
  /// Refused by `deny`, a limit or missing credentials.
  case refused
  /// Answered by a rule of the configuration: a redirect, a fixed answer.
  case answered
  /// No backend was eligible.
  case noBackend
  /// Nothing became free in time, or the queue was full.
  case queueTimeout
  /// No connection to any backend that was tried.
  case connectFailed
  /// The backend closed or reset its connection before the end of its answer.
  case backendReset
  /// The backend did not answer in time, or fell silent.
  case backendTimeout
  /// The backend's answer was no HTTP.
  case badResponse
  /// The program was ending, or the backend was taken away.
  case drained
  /// We failed: memory, descriptors.
  case failed

  /// As the log has it.
  public var name: StaticString {
    switch self {
    case .completed: "completed"
    case .clientClosed: "client-closed"
    case .clientTimeout: "client-timeout"
    case .badRequest: "bad-request"
    case .refused: "refused"
    case .answered: "answered"
    case .noBackend: "no-backend"
    case .queueTimeout: "queue-timeout"
    case .connectFailed: "connect-failed"
    case .backendReset: "backend-reset"
    case .backendTimeout: "backend-timeout"
    case .badResponse: "bad-response"
    case .drained: "drained"
    case .failed: "failed"
    }
  }
}
