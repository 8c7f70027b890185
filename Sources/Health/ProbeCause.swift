import Balancing
import Base
import Reactor
import TLS

/// Why a check failed, before it is known how long it took.
struct ProbeCause: Equatable {
  /// `L4` for the connection, `L6` for TLS, `L7` for what was said.
  let layer: String
  let text: String
  /// The name of the kernel's error where it was one.
  var errno: String?

  func failure(took: Duration) -> ProbeFailure {
    ProbeFailure(layer: layer, cause: text, errno: errno, took: took)
  }

  /// The connection did not come about: `connection refused (ECONNREFUSED)`.
  static func connection(_ error: SystemError) -> ProbeCause {
    let failure = ProbeFailure.system(error.name, took: .zero)
    return ProbeCause(layer: failure.layer, text: failure.cause, errno: failure.errno)
  }

  /// The connection did not come about in time: `no answer within 1s`.
  static func noConnection(within timeout: Duration) -> ProbeCause {
    let failure = ProbeFailure.noAnswer(within: timeout, took: .zero)
    return ProbeCause(layer: failure.layer, text: failure.cause)
  }

  /// The backend and we did not come to terms: `certificate has expired (…)`.
  static func handshake(_ failure: TLSFailure) -> ProbeCause { ProbeCause(layer: "L6", text: failure.words) }

  /// The connection broke within the handshake.
  static func handshake(_ error: SystemError) -> ProbeCause {
    ProbeCause(layer: "L6", text: "TLS handshake: \(words(error))", errno: error.name)
  }

  static func noHandshake(within timeout: Duration) -> ProbeCause {
    ProbeCause(layer: "L6", text: "TLS handshake: not done within \(timeout.text)")
  }

  /// The connection stood, but the backend did not say what it should: `expected +PONG, …`.
  static func conversation(_ expected: String, _ found: String, errno: String? = nil) -> ProbeCause {
    ProbeCause(layer: "L7", text: "expected \(expected), \(found)", errno: errno)
  }

  /// A script did not end with status 0.
  static func script(_ text: String, errno: String? = nil) -> ProbeCause {
    ProbeCause(layer: "L7", text: text, errno: errno)
  }

  /// The words of a system error alone.
  static func words(_ error: SystemError) -> String { ProbeFailure.system(error.name, took: .zero).cause }
}
