import Base
import TLS

/// What was found out about credentials, for a while, so that a password is not verified for each request.
///
/// It holds neither names nor passwords: a code is made of the stored hash and the password with a key that this process made
/// for itself. A changed or removed password in the file is another hash, so no old verdict outlives it. Bounded; one thread's.
struct VerdictCache: ~Copyable {
  private var allowed: RecentTable<MessageCode, Instant>
  private var denied: RecentTable<MessageCode, Instant>
  private var authenticator: MessageAuthenticator
  private let settings: PasswordVerifier.Settings

  init?(_ key: MessageKey, _ settings: PasswordVerifier.Settings) {
    guard let authenticator = MessageAuthenticator(key) else { return nil }
    self.authenticator = authenticator
    self.settings = settings
    // Apart, so that guesses cannot drive out those who know.
    allowed = RecentTable(capacity: settings.remembered)
    denied = RecentTable(capacity: max(settings.remembered / 4, 1))
  }

  mutating func code(_ credentials: BasicCredentials, _ hash: PasswordHash, isUser: Bool) -> MessageCode? {
    authenticator.begin()
    hash.text.withUnsafeBytes { authenticator.add($0) }
    credentials.password.withUnsafeBytes { authenticator.add($0) }
    // The decoy is one hash for all who are no users.
    withUnsafeBytes(of: isUser) { authenticator.add($0) }
    return authenticator.finish()
  }

  func verdict(_ code: MessageCode, now: Instant) -> Bool? {
    if let slot = allowed.find(code, hash: Self.hash(code)), allowed[slot] > now { return true }
    if let slot = denied.find(code, hash: Self.hash(code)), denied[slot] > now { return false }
    return nil
  }

  mutating func remember(_ code: MessageCode, isAllowed: Bool, now: Instant) {
    if isAllowed {
      Self.put(code, until: now + settings.lifetime, in: &allowed)
    } else {
      Self.put(code, until: now + settings.deniedLifetime, in: &denied)
    }
  }

  private static func put(_ code: MessageCode, until end: Instant, in table: inout RecentTable<MessageCode, Instant>) {
    if let slot = table.find(code, hash: hash(code)) {
      table[slot] = end
      table.touch(slot)
    } else {
      _ = table.insert(code, hash: hash(code), value: end)
    }
  }

  /// A code is as random as its key is secret.
  private static func hash(_ code: MessageCode) -> UInt32 { UInt32(truncatingIfNeeded: code.words.3) }
}
