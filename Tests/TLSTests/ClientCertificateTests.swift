import Base
import COpenSSL
import TLSFixtures
import Testing

@testable import TLS

/// What a server accepts of a client.
@Suite struct ClientCertificateTests {
  private static let authority = TestCertificate.authority("Clients Root")
  private static let good = authority.issue("good client")

  private static func site(
    _ authentication: TLSServerSettings.ClientAuthentication, _ version: TLSVersion, client: TestCertificate?
  ) -> Site {
    var site = Site()
    site.files["clients.pem"] = authority.pem
    site.server.clientAuthentication = authentication
    site.server.clientAuthorities = authentication == .off ? [] : ["clients.pem"]
    site.client.versions = version...version
    site.client.certificate = client.map { site.files.add("client", $0) }
    return site
  }

  @Test(arguments: TLSVersion.allCases)
  func aGoodOne(version: TLSVersion) throws {
    for authentication in [TLSServerSettings.ClientAuthentication.optional, .require] {
      let link = try Self.site(authentication, version, client: Self.good).connect()
      #expect(link.isOpen)
      #expect(link.serverSession?.certificate?.subject == "CN=good client")
    }
    // Nobody asks.
    let link = try Self.site(.off, version, client: Self.good).connect()
    #expect(link.isOpen)
    #expect(link.serverSession?.certificate == nil)
  }

  @Test(arguments: TLSVersion.allCases)
  func none(version: TLSVersion) throws {
    #expect(try Self.site(.off, version, client: nil).connect().isOpen)
    let optional = try Self.site(.optional, version, client: nil).connect()
    #expect(optional.isOpen)
    #expect(optional.serverSession?.certificate == nil)

    let link = try Self.site(.require, version, client: nil).connect()
    #expect(
      link.serverFailure
        == TLSFailure(
          party: .client, phase: .handshake, cause: .certificate, words: "the client showed no certificate"))
    #expect(!link.serverIsOpen)
    // In TLS 1.3 a client learns of it only after its own handshake is done.
    let failure = version == .tls13 ? link.receiveAtClient().failure : link.clientFailure
    if version == .tls13 {
      #expect(failure?.cause == .refused(.certificateRequired))
      #expect(failure?.words == "the backend refused: alert certificate_required: it wants a client certificate")
    } else {
      #expect(failure?.cause == .refused(.handshakeFailure))
    }
  }

  private static let day = WallTime(nanosecondsSinceEpoch: now.nanosecondsSinceEpoch - 48 * 3600 * 1_000_000_000).day

  private static let bad: [(TestCertificate, String)] = [
    (
      Site.authority.issue("of another authority"),
      "certificate is signed by an unknown authority, or the chain lacks a link (client cert CN=of another authority, issuer CN=Test Root)"
    ),
    (
      authority.issue("too old", from: -96, to: -48),
      "certificate has expired (client cert CN=too old, expired \(day))"
    ),
    (
      TestCertificate("of itself"),
      "certificate is signed by nobody but itself, and is not among the trusted ones (client cert CN=of itself)"
    ),
    (
      authority.issue("server", extendedKeyUsage: "serverAuth"),
      "certificate is not meant for this use: its extended key usage lacks it (client cert CN=server)"
    ),
  ]

  /// A bad certificate is no certificate less: it is refused even where none is needed.
  @Test(arguments: TLSVersion.allCases)
  func aBadOneIsRefusedEvenWhereItIsOptional(version: TLSVersion) throws {
    for (certificate, words) in Self.bad {
      for authentication in [TLSServerSettings.ClientAuthentication.optional, .require] {
        let link = try Self.site(authentication, version, client: certificate).connect()
        #expect(
          link.serverFailure
            == TLSFailure(party: .client, phase: .handshake, cause: .certificate, words: words))
        #expect(!link.serverIsOpen)
        // And nothing gets through afterwards, whatever it sends.
        link.stepServer()
        #expect(link.serverFailure?.words == words)
        #expect(link.receiveAtServer().failure?.words == words)
        #expect(link.sendToClient([1, 2, 3]).failure?.words == words)
      }
      #expect(try Self.site(.off, version, client: certificate).connect().isOpen)
    }
  }

  /// A client that has several certificates chooses by the names of the authorities.
  @Test(arguments: TLSVersion.allCases)
  func theAuthoritiesAreNamed(version: TLSVersion) throws {
    let link = try Self.site(.optional, version, client: nil).connect()
    let names = try #require(SSL_get0_peer_CA_list(link.client.ssl))
    #expect(OPENSSL_sk_num(names) == 1)
  }

  @Test func anAuthorityIsNeeded() {
    var site = Self.site(.require, .tls13, client: nil)
    site.server.clientAuthorities = []
    #expect(problems { try site.makeServer() } == ["clients' certificates need a \"clientCA\" to be verified with"])
  }
}
