import Balancing
import Base
import Logging
import Reactor
import TLS

/// A backend to be checked, how, and where.
public struct HealthTarget: Sendable {
  public let backend: Backend
  public let settings: HealthSettings
  public let check: HealthCheck
  /// Where the check goes: the backend itself, or what answers for it.
  public let address: SocketAddress
  /// The conversation is inside of TLS, with the backend verified as this says, and never resumed: each check sees the
  /// certificate. nil is in the clear.
  public let tls: TLSPeer?
  /// Each result is reported, not only those that change something.
  public let isWatched: Bool

  /// - Parameter address: nil for the backend's own.
  public init(
    backend: Backend, settings: HealthSettings, check: HealthCheck = .tcp(), address: SocketAddress? = nil,
    tls: TLSPeer? = nil, isWatched: Bool = false
  ) {
    self.backend = backend
    self.settings = settings
    self.check = check
    self.address = address ?? backend.address
    self.tls = tls
    self.isWatched = isWatched
  }
}

/// What a check has brought to light.
public enum HealthReport: Sendable {
  case changed(HealthTransition)
  /// A check of a backend that is watched has ended; what it changes is reported after that.
  case watched(isPassed: Bool)
  /// A failed check that changes nothing, yet or any more. Only reported where somebody reads it: at debug level.
  case failed(ProbeFailure, health: BackendHealth, streak: Int, needed: Int)
  /// Descriptors or memory of our own were missing: the backend was not even asked.
  case skipped(SystemError)
}

/// The thread that checks all backends. It owns the verdicts' history (streaks, since when) and reports each change;
/// what a change means for traffic and log is the receiver's business.
public final class HealthChecker: Sendable {
  enum Message: Sendable {
    case configure([HealthTarget])
    case stop
  }

  let mailbox: Mailbox<Message>
  let seed: UInt64
  let logger: Logger
  let report: @Sendable (HealthTarget, HealthReport) -> Void

  /// - Parameters:
  ///   - seed: of the jitter.
  ///   - report: called on the checker's thread, with the backend and how it was checked.
  public init(
    seed: UInt64, logger: Logger, report: @escaping @Sendable (HealthTarget, HealthReport) -> Void
  ) throws(SystemError) {
    mailbox = try Mailbox()
    self.seed = seed
    self.logger = logger
    self.report = report
  }

  /// Starts the thread.
  public func start() throws(SystemError) -> Thread {
    try Thread(name: "health") { [self] in
      do throws(SystemError) {
        var loop = try ProbeLoop(checker: self)
        loop.run()
      } catch {
        logger.critical("the health checker cannot start: \(error) in \(error.operation)")
      }
    }
  }

  /// Checks exactly these from now on. A backend that was checked before keeps its verdict and its streak.
  public func configure(_ targets: [HealthTarget]) { mailbox.post(.configure(targets)) }

  /// Ends the thread.
  public func stop() { mailbox.post(.stop) }
}
