import Base
import COpenSSL
import TLSFixtures
import Testing

@testable import TLS

/// What a client accepts of a backend.
@Suite struct VerificationTests {
  private struct Case: CustomStringConvertible {
    let description: String
    let certificate: TestCertificate
    var host = "app.example"
    /// nil: accepted.
    let words: String?
  }

  private static let authority = Site.authority
  private static let stranger = TestCertificate.authority("Stranger Root")
  private static let intermediate = authority.issue("Middle", isAuthority: true)
  private static let expiredDay = WallTime(
    nanosecondsSinceEpoch: now.nanosecondsSinceEpoch - 48 * 3600 * 1_000_000_000
  ).day
  private static let futureDay = WallTime(
    nanosecondsSinceEpoch: now.nanosecondsSinceEpoch + 48 * 3600 * 1_000_000_000
  ).day

  private static let cases = [
    Case(description: "good", certificate: authority.issue("app", "app.example"), words: nil),
    Case(description: "capitals", certificate: authority.issue("app", "APP.Example"), words: nil),
    Case(
      description: "wildcard", certificate: authority.issue("app", "*.app.example"), host: "a.app.example", words: nil),
    Case(description: "by way of another", certificate: intermediate.issue("app", "app.example"), words: nil),
    Case(
      description: "address", certificate: authority.issue("app", [.ip([192, 0, 2, 1])]), host: "192.0.2.1", words: nil),
    Case(
      description: "IPv6 address",
      certificate: authority.issue("app", [.ip([0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1])]),
      host: "2001:db8::1", words: nil),
    Case(
      description: "expired", certificate: authority.issue("app", "app.example", from: -96, to: -48),
      words: "certificate has expired (backend cert CN=app, expired \(expiredDay))"),
    Case(
      description: "not yet valid", certificate: authority.issue("app", "app.example", from: 48, to: 96),
      words: "certificate is not yet valid (backend cert CN=app, valid from \(futureDay))"),
    Case(
      description: "wrong host", certificate: authority.issue("app", "other.example", "*.more.example"),
      words: "certificate is not for app.example (backend cert CN=app, for other.example, *.more.example)"),
    Case(
      description: "many wrong hosts",
      certificate: authority.issue("app", "a.b", "b.b", "c.b", "d.b", "e.b", "f.b", "g.b"),
      words: "certificate is not for app.example (backend cert CN=app, for a.b, b.b, c.b, d.b, e.b and 2 more)"),
    Case(
      description: "wrong address", certificate: authority.issue("app", [.ip([192, 0, 2, 1])]), host: "192.0.2.2",
      words: "certificate is not for 192.0.2.2 (backend cert CN=app, for 192.0.2.1)"),
    Case(
      description: "an address as a host name", certificate: authority.issue("app", "192.0.2.1"), host: "192.0.2.1",
      words: "certificate is not for 192.0.2.1 (backend cert CN=app, for 192.0.2.1)"),
    Case(
      description: "a wildcard is one label", certificate: authority.issue("app", "*.example"), host: "a.app.example",
      words: "certificate is not for a.app.example (backend cert CN=app, for *.example)"),
    Case(
      description: "a wildcard is not none", certificate: authority.issue("app", "*.app.example"),
      words: "certificate is not for app.example (backend cert CN=app, for *.app.example)"),
    Case(
      description: "partial wildcard", certificate: authority.issue("app", "a*.example"),
      words: "certificate is not for app.example (backend cert CN=app, for a*.example)"),
    Case(
      description: "partial wildcard at the end", certificate: authority.issue("app", "*p.example"),
      words: "certificate is not for app.example (backend cert CN=app, for *p.example)"),
    Case(
      description: "wildcard inside", certificate: authority.issue("app", "a.*.example"), host: "a.app.example",
      words: "certificate is not for a.app.example (backend cert CN=app, for a.*.example)"),
    Case(
      description: "NUL in the name",
      certificate: authority.issue("app", [.rawDNS(Array("app.example\0.evil.example".utf8))]),
      words: "certificate is not for app.example (backend cert CN=app, for (not a host name))"),
    Case(
      description: "only a common name", certificate: authority.issue("app.example"),
      words:
        "certificate is not for app.example (backend cert CN=app.example, which names no host in its subjectAltName; a common name does not count)"
    ),
    Case(
      description: "unknown authority", certificate: stranger.issue("app", "app.example"),
      words:
        "certificate is signed by an unknown authority, or the chain lacks a link (backend cert CN=app, issuer CN=Stranger Root)"
    ),
    Case(
      description: "signed by itself", certificate: TestCertificate("app", names: [.dns("app.example")]),
      words: "certificate is signed by nobody but itself, and is not among the trusted ones (backend cert CN=app)"),
    Case(
      description: "for clients only",
      certificate: authority.issue("app", "app.example", extendedKeyUsage: "clientAuth"),
      words: "certificate is not meant for this use: its extended key usage lacks it (backend cert CN=app)"),
    Case(
      description: "control characters",
      certificate: authority.issue("a\npp\u{1B}[31m", "app.example", from: -96, to: -48),
      words: "certificate has expired (backend cert CN=a\\0App\\1B[31m, expired \(expiredDay))"),
  ]

  @Test(arguments: TLSVersion.allCases)
  func certificates(version: TLSVersion) throws {
    for test in Self.cases {
      var site = Site()
      site.client.versions = version...version
      site.server.certificates = [site.files.add("test", test.certificate)]
      site.host = TLSServerName(test.host)
      let link = try site.connect()
      #expect(link.clientFailure?.words == test.words, "\(test)")
      #expect(link.isOpen == (test.words == nil), "\(test)")
      if test.words != nil {
        #expect(link.clientFailure?.cause == .certificate, "\(test)")
        #expect(link.clientFailure?.party == .backend, "\(test)")
        #expect(link.clientFailure?.mayRetry == true, "\(test)")
        // The backend is told.
        if case .refused = link.serverFailure?.cause {} else { Issue.record("\(test): \(link.serverStep as Any)") }
      }
      // Both values of the switch.
      site.client.verify = false
      #expect(try site.connect().isOpen, "\(test)")
    }
  }

  @Test func theServersWordsForARefusal() throws {
    var site = Site()
    site.server.certificates = [site.files.add("test", Self.stranger.issue("app", "app.example"))]
    let link = try site.connect()
    #expect(
      link.serverFailure
        == TLSFailure(
          party: .client, phase: .handshake, cause: .refused(.unknownCA),
          words: "the client refused: alert unknown_ca: it does not know the authority that signed our certificate"))
  }

  /// The chain lacks the authority in the middle, unless the client has it.
  @Test func aLinkThatIsMissing() throws {
    var site = Site()
    let certificate = Self.intermediate.issue("app", "app.example")
    site.server.certificates = [site.files.add("test", certificate)]
    site.files["test.pem"] = certificate.pemAlone
    let link = try site.connect()
    #expect(
      link.clientFailure?.words
        == "certificate is signed by an unknown authority, or the chain lacks a link (backend cert CN=app, issuer CN=Middle)"
    )
    site.files["middle.pem"] = Self.intermediate.pemAlone
    site.client.authorities = ["middle.pem"]
    #expect(try site.connect().isOpen)
  }

  @Test func aSingleCertificateCanBeTrusted() throws {
    var site = Site()
    let own = TestCertificate("app", names: [.dns("app.example")])
    site.server.certificates = [site.files.add("test", own)]
    site.files["own.pem"] = own.pem
    site.client.authorities = ["own.pem"]
    #expect(try site.connect().isOpen)
    // But only for its name.
    site.host = TLSServerName("other.example")
    #expect(try site.connect().clientFailure?.cause == .certificate)
  }

  @Test func anExpiredAuthority() throws {
    var site = Site()
    let old = Self.authority.issue("Middle", isAuthority: true, from: -96, to: -48)
    site.server.certificates = [site.files.add("test", old.issue("app", "app.example"))]
    #expect(
      try site.connect().clientFailure?.words
        == "certificate has expired (CA cert CN=Middle, expired \(Self.expiredDay))")
  }

  @Test func severalFilesOfAuthorities() throws {
    var site = Site()
    site.files["stranger.pem"] = Self.stranger.pem
    site.client.authorities = ["stranger.pem"]
    #expect(try site.connect().clientFailure?.cause == .certificate)
    site.client.authorities = ["stranger.pem", "ca.pem"]
    #expect(try site.connect().isOpen)
  }

  @Test func theSystemsAuthorities() throws {
    var site = Site()
    site.client.authorities = []
    #expect(throws: TLSProblems.self) { try site.makeClient() }
    site.files[TrustStore.systemBundles[1]] = Self.authority.pem
    #expect(try site.connect().isOpen)
    // The first that is there counts.
    site.files[TrustStore.systemBundles[0]] = Self.stranger.pem
    #expect(try site.connect().clientFailure?.cause == .certificate)
  }

  @Test func aNameOfThePoolCountsForAllBackends() throws {
    var site = Site()
    site.client.serverName = TLSServerName("app.example")
    site.host = TLSServerName("10.0.0.1")
    let link = try site.connect()
    #expect(link.isOpen)
    #expect(link.serverSession?.serverName == HostName("app.example"))
    site.host = nil
    #expect(try site.connect().isOpen)
  }

  @Test func withoutANameNothingCanBeVerified() throws {
    var site = Site()
    site.host = nil
    #expect(throws: TLSProblems.self) { try site.makePeer() }
    site.client.verify = false
    #expect(try site.connect().isOpen)
  }

  @Test func addressesAreNotAskedFor() throws {
    var site = Site()
    site.client.verify = false
    site.host = TLSServerName("192.0.2.1")
    #expect(try site.connect().serverSession?.serverName == nil)
  }
}
