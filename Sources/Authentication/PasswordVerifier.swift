import Base
import Reactor
import Synchronization
import TLS

/// Verifies passwords on a thread of its own, one after the other: a good hash takes tens of milliseconds of a processor, which
/// would hold up a worker's every connection.
///
/// Each worker asks at its own `CredentialsDesk`. Who waits is bounded in number; the rest is told that it is busy.
public final class PasswordVerifier: Sendable {
  public struct Settings: Equatable, Sendable {
    /// Checks that may wait. At 50 ms each the last of 64 waits three seconds.
    public var queue = 64
    /// Verified credentials that are remembered, by each worker and by the verifier.
    public var remembered = 4096
    /// How long.
    public var lifetime = Duration.seconds(300)
    /// How long wrong credentials are refused unseen: a program that repeats an old password must not keep the thread busy.
    public var deniedLifetime = Duration.seconds(10)

    public init() {}
  }

  /// What becomes of one check that had to wait; for the worker that asked, to be handed to its desk.
  public struct Answer: Sendable {
    public let ticket: CredentialsDesk.Ticket
    let code: MessageCode
    let isAllowed: Bool
  }

  final class Job: Sendable {
    let ticket: CredentialsDesk.Ticket
    let credentials: BasicCredentials
    let hash: PasswordHash
    /// False for a decoy, which opens nothing.
    let isUser: Bool
    let code: MessageCode
    let reply: @Sendable (Answer) -> Void
    /// Nobody waits for it any more.
    let isAbandoned = Atomic<Bool>(false)

    init(
      _ ticket: CredentialsDesk.Ticket, _ credentials: BasicCredentials, _ hash: PasswordHash, isUser: Bool,
      _ code: MessageCode, _ reply: @escaping @Sendable (Answer) -> Void
    ) {
      self.ticket = ticket
      self.credentials = credentials
      self.hash = hash
      self.isUser = isUser
      self.code = code
      self.reply = reply
    }
  }

  let settings: Settings
  /// The key of all codes: of this process, until it ends.
  let key: MessageKey
  /// Nil only wakes the thread.
  private let jobs: Mailbox<Job?>
  private let finished: Mailbox<Void>
  private let waiting = Atomic<Int>(0)
  private let isStopping = Atomic<Bool>(false)
  private let verifications = Atomic<UInt64>(0)
  private let refusals = Atomic<UInt64>(0)

  /// - Throws: when the thread cannot be started, or the system gives no random bytes (ENOMEM).
  public init(_ settings: Settings = Settings()) throws(SystemError) {
    guard let key = MessageKey.random(), let cache = VerdictCache(key, settings) else {
      throw SystemError("getrandom", 12)
    }
    self.settings = settings
    self.key = key
    jobs = try Mailbox()
    finished = try Mailbox()
    let box = Box(cache)
    _ = try Thread(name: "passwords") { [self] in run(box) }
  }

  /// Hands what cannot be copied to the thread.
  private final class Box: @unchecked Sendable {
    var cache: VerdictCache
    init(_ cache: consuming VerdictCache) { self.cache = cache }
  }

  /// Passwords that were hashed so far, and checks that were turned away because too many waited.
  public var verified: UInt64 { verifications.load(ordering: .relaxed) }
  public var refused: UInt64 { refusals.load(ordering: .relaxed) }

  /// - Returns: false when too many wait.
  func enqueue(_ job: Job) -> Bool {
    if waiting.wrappingAdd(1, ordering: .relaxed).oldValue >= settings.queue {
      waiting.wrappingSubtract(1, ordering: .relaxed)
      refusals.wrappingAdd(1, ordering: .relaxed)
      return false
    }
    jobs.post(job)
    return true
  }

  /// Ends the thread, after the check that it is at. What waits is not answered.
  @discardableResult
  public func finish(limit: Int32 = 2000) -> Bool {
    isStopping.store(true, ordering: .releasing)
    jobs.post(nil)
    return finished.wait(milliseconds: limit)
  }

  private func run(_ box: Box) {
    let crypt = Crypt()
    while true {
      jobs.wait()
      for job in jobs.take() {
        if isStopping.load(ordering: .acquiring) {
          finished.post(())
          return
        }
        guard let job else { continue }
        if !job.isAbandoned.load(ordering: .relaxed) { answer(job, box, crypt) }
        waiting.wrappingSubtract(1, ordering: .relaxed)
      }
    }
  }

  private func answer(_ job: Job, _ box: Box, _ crypt: borrowing Crypt) {
    let isAllowed: Bool
    // Browsers ask for several things at once: the first of them answers for all.
    if let known = box.cache.verdict(job.code, now: Clock.now) {
      isAllowed = known
    } else {
      let isMatch = crypt.matches(job.credentials.password, job.hash)
      isAllowed = isMatch == true && job.isUser
      verifications.wrappingAdd(1, ordering: .relaxed)
      box.cache.remember(job.code, isAllowed: isAllowed, now: Clock.now)
    }
    job.reply(Answer(ticket: job.ticket, code: job.code, isAllowed: isAllowed))
  }
}
