import Balancing
import Base
import Reactor

/// The check of type `tcp`: a connection that is accepted is all it wants.
struct TCPProbe: ~Copyable {
  let socket: Descriptor
  let startedAt: Instant

  enum Cause {
    case refused(SystemError)
    case noAnswer(within: Duration)

    func failure(took: Duration) -> ProbeFailure {
      switch self {
      case .refused(let error): .system(error.name, took: took)
      case .noAnswer(let limit): .noAnswer(within: limit, took: took)
      }
    }
  }
}
