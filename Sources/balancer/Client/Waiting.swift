import Base
import Console
import Glibc
import Reactor

/// Looks at a backend again and again until it is as it should be, or the time is over.
struct Waiting {
  private static let pause: UInt32 = 200_000

  let target: BackendTarget
  let access: AdminAccess
  let limit: Duration

  enum Outcome {
    case reached(BackendStatus)
    case timedOut(BackendStatus)
    /// A reload has removed it.
    case gone
  }

  func wait(until isReached: (BackendStatus) -> Bool) throws(AdminAccess.Failure) -> Outcome {
    let end = Clock.now + limit
    while true {
      guard let backend = try target.status(access) else { return .gone }
      if isReached(backend) { return .reached(backend) }
      if Clock.now >= end { return .timedOut(backend) }
      usleep(Self.pause)
    }
  }

  /// Says what a drained backend still has, or has no more.
  func untilIdle(_ word: String) throws(AdminAccess.Failure) {
    switch try wait(until: { $0.sessions == 0 }) {
    case .reached: Output().write("\(target.text) is \(word): no session is open")
    case .gone: throw gone
    case .timedOut(let backend):
      throw AdminAccess.Failure(
        ExitStatus.notYet,
        "\(target.text) is \(word), but \(Figures.count(backend.sessions, "session")) still open after \(limit.written)"
      )
    }
  }

  func untilUp() throws(AdminAccess.Failure) {
    switch try wait(until: { $0.state == "up" || $0.state == "full" }) {
    case .reached(let backend): Output().write("\(target.text) is enabled, and \(backend.state)")
    case .gone: throw gone
    case .timedOut(let backend):
      throw AdminAccess.Failure(
        ExitStatus.notYet,
        "\(target.text) is enabled, but \(backend.state) after \(limit.written)" + (backend.why.map { ": \($0)" } ?? "")
      )
    }
  }

  private var gone: AdminAccess.Failure {
    AdminAccess.Failure(ExitStatus.notYet, "\(target.text) is gone: a reload has removed it from the file")
  }
}
