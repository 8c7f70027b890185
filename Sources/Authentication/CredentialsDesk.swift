import Base
import Synchronization
import TLS

/// Where one worker asks whether credentials are good. It answers at once what it knows, and never blocks.
public struct CredentialsDesk: ~Copyable {
  /// Names a check that is under way.
  public struct Ticket: Hashable, Sendable {
    let number: UInt64
  }

  public enum Check: Equatable, Sendable {
    case allowed
    /// No such user, or another password: which of them is not told, neither by words nor by the time it took.
    case denied
    /// The answer comes later.
    case pending(Ticket)
    /// Too many checks wait: answer 503.
    case busy
  }

  private let verifier: PasswordVerifier
  private let reply: @Sendable (PasswordVerifier.Answer) -> Void
  private var cache: VerdictCache
  private var pending: [Ticket: PasswordVerifier.Job] = [:]
  private var next: UInt64 = 1

  /// - Parameter reply: called on the verifier's thread, to post the answer to this worker.
  /// - Returns: nil when there is no memory.
  public init?(_ verifier: PasswordVerifier, reply: @escaping @Sendable (PasswordVerifier.Answer) -> Void) {
    guard let cache = VerdictCache(verifier.key, verifier.settings) else { return nil }
    self.verifier = verifier
    self.reply = reply
    self.cache = cache
  }

  /// Checks that are under way.
  public var waiting: Int { pending.count }

  public mutating func check(_ credentials: BasicCredentials, in users: UserFile, now: Instant) -> Check {
    let known = users.hash(of: credentials.user)
    let hash = known ?? users.decoy
    guard let code = cache.code(credentials, hash, isUser: known != nil) else { return .busy }
    if let verdict = cache.verdict(code, now: now) { return verdict ? .allowed : .denied }
    let ticket = Ticket(number: next)
    let job = PasswordVerifier.Job(ticket, credentials, hash, isUser: known != nil, code, reply)
    guard verifier.enqueue(job) else { return .busy }
    next += 1
    pending[ticket] = job
    return .pending(ticket)
  }

  /// Takes an answer that has come, and remembers it.
  /// - Returns: whether the credentials are good; nil when nobody waits for it any more.
  public mutating func take(_ answer: PasswordVerifier.Answer, now: Instant) -> Bool? {
    cache.remember(answer.code, isAllowed: answer.isAllowed, now: now)
    return pending.removeValue(forKey: answer.ticket) == nil ? nil : answer.isAllowed
  }

  /// The client is gone: its check is left out if its turn has not come yet.
  public mutating func abandon(_ ticket: Ticket) {
    pending.removeValue(forKey: ticket)?.isAbandoned.store(true, ordering: .relaxed)
  }
}
