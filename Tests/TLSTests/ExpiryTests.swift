import Base
import TLSFixtures
import Testing

@testable import TLS

/// When something is said of a certificate's end, and how often.
@Suite struct ExpiryTests {
  private static let hours = 24 * 40
  private let site = TestCertificate.authority("root").issue("app", "app.example", to: Self.hours)

  private func certificate(_ owner: String = "listener web", file: String = "app.pem") -> CertificateExpiry.Certificate
  {
    CertificateExpiry.Certificate(owner: owner, file: file, facts: site.facts)
  }

  /// So many hours before the end.
  private func before(_ hours: Int64) -> WallTime {
    WallTime(nanosecondsSinceEpoch: site.facts.notAfter.nanosecondsSinceEpoch - hours * 3_600_000_000_000)
  }

  @Test func eachThresholdIsToldOnce() {
    var expiry = CertificateExpiry()
    func texts(_ hours: Int64) -> [String] {
      expiry.notices([certificate()], now: before(hours)).map(\.text)
    }
    let day = site.facts.notAfter.description.prefix(10)
    #expect(texts(24 * 40) == [])
    #expect(texts(24 * 30 + 1) == [])
    #expect(texts(24 * 30) == ["expires in 30 days, on \(day) (CN=app)"])
    #expect(texts(24 * 29) == [])
    #expect(texts(24 * 7 + 1) == [])
    #expect(texts(24 * 7 - 1) == ["expires in 6 days, on \(day) (CN=app)"])
    #expect(texts(25) == [])
    #expect(texts(23) == ["expires within a day, on \(day) (CN=app)"])
    #expect(texts(0) == [])
    #expect(texts(-1) == ["has expired on \(day) (CN=app)"])
    #expect(texts(-1000) == [])
  }

  /// Whoever comes late is told what holds now, and nothing of what was before.
  @Test func onlyTheLastThresholdCounts() {
    var expiry = CertificateExpiry()
    #expect(expiry.notices([certificate()], now: before(-48)).count == 1)
    #expect(expiry.notices([certificate()], now: before(10)).isEmpty)
    var other = CertificateExpiry()
    #expect(other.notices([certificate()], now: before(24 * 3)).count == 1)
    #expect(other.notices([certificate()], now: before(24 * 2)).isEmpty)
  }

  @Test func eachUseIsToldAndWhatIsGoneIsForgotten() {
    var expiry = CertificateExpiry()
    let uses = [certificate(), certificate("pool web"), certificate(file: "copy.pem"), certificate()]
    #expect(
      expiry.notices(uses, now: before(1)).map(\.certificate.owner) == ["listener web", "pool web", "listener web"])
    #expect(expiry.notices([], now: before(1)).isEmpty)
    #expect(expiry.notices(uses, now: before(1)).count == 3)
    #expect(certificate().daysToExpiry(now: before(25)) == 1)
    #expect(certificate().daysToExpiry(now: before(-1)) == -1)
  }
}
