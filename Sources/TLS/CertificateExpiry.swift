import Base

/// Tells in good time that certificates expire: at 30, 7 and 1 days, and when they have, once each.
///
/// Pure: whoever has it asks it now and then.
public struct CertificateExpiry: Sendable {
  /// A certificate in use.
  public struct Certificate: Sendable {
    /// Who uses it, such as `listener web`.
    public let owner: String
    public let file: String
    public let facts: CertificateFacts

    public init(owner: String, file: String, facts: CertificateFacts) {
      self.owner = owner
      self.file = file
      self.facts = facts
    }

    /// Whole days until it expires; negative afterwards.
    public func daysToExpiry(now: WallTime) -> Int { facts.daysLeft(now: now) }
  }

  /// In days, the last first: who has one left is not told of the seven before.
  private static let thresholds = [1, 7, 30]
  private static let expired = 0

  /// By the certificate, the smallest threshold that was told.
  private var told: [String: Int] = [:]

  public init() {}

  /// What is to be said now.
  /// - Parameter certificates: all that are in use; of others nothing is kept in mind.
  public mutating func notices(_ certificates: [Certificate], now: WallTime) -> [(
    certificate: Certificate, text: String
  )] {
    var kept: [String: Int] = [:]
    var notices: [(certificate: Certificate, text: String)] = []
    for certificate in certificates {
      let key = "\(certificate.owner) \(certificate.file) \(certificate.facts.fingerprint)"
      let before = told[key] ?? kept[key]
      kept[key] = before
      guard let threshold = Self.threshold(certificate.facts, now: now), before.map({ threshold < $0 }) ?? true else {
        continue
      }
      kept[key] = threshold
      notices.append((certificate, Self.text(certificate, now: now)))
    }
    told = kept
    return notices
  }

  private static func threshold(_ facts: CertificateFacts, now: WallTime) -> Int? {
    if facts.isExpired(now: now) { return expired }
    let left = facts.notAfter.nanosecondsSinceEpoch.subtractingReportingOverflow(now.nanosecondsSinceEpoch)
    if left.overflow { return nil }
    let day: Int64 = 86_400_000_000_000
    return thresholds.first { left.partialValue <= Int64($0) * day }
  }

  /// `expires in 6 days, on 2026-11-28 (CN=app.example)`
  private static func text(_ certificate: Certificate, now: WallTime) -> String {
    let facts = certificate.facts
    if facts.isExpired(now: now) { return "has expired on \(facts.notAfter.day) (\(facts.subject))" }
    let days = certificate.daysToExpiry(now: now)
    let when = days == 0 ? "within a day" : days == 1 ? "in 1 day" : "in \(days) days"
    return "expires \(when), on \(facts.notAfter.day) (\(facts.subject))"
  }
}
