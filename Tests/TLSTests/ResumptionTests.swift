import Base
import COpenSSL
import TLSFixtures
import Testing

@testable import TLS

@Suite struct ResumptionTests {
  /// Connects, lets the ticket through, and closes in good order.
  @discardableResult
  private func connect(_ server: TLSServerContext, _ peer: TLSPeer) throws -> Link {
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    link.handshake()
    if link.isOpen {
      link.receiveAtClient()
      link.closeClient()
      link.receiveAtServer()
      link.closeServer()
      link.receiveAtClient()
    }
    return link
  }

  private func isResumed(_ server: TLSServerContext, _ peer: TLSPeer) throws -> Bool? {
    let link = try connect(server, peer)
    #expect(link.clientSession?.isResumed == link.serverSession?.isResumed)
    return link.serverSession?.isResumed
  }

  private func site(_ version: TLSVersion) -> Site {
    var site = Site()
    site.client.versions = version...version
    return site
  }

  @Test(arguments: TLSVersion.allCases)
  func aSessionGoesOnAgainAndAgain(version: TLSVersion) throws {
    let site = site(version)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    #expect(try isResumed(server, peer) == false)
    for _ in 0..<20 { #expect(try isResumed(server, peer) == true) }
    let session = try connect(server, peer).clientSession
    #expect(session?.certificate?.subject == "CN=app.example")
    #expect(session?.version == version)
  }

  @Test(arguments: TLSVersion.allCases)
  func alsoAfterAConnectionThatWasCut(version: TLSVersion) throws {
    let site = site(version)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    do {
      let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
      link.handshake()
      link.receiveAtClient()
    }
    #expect(try isResumed(server, peer) == true)
  }

  @Test func aTicketOfTLS13IsUsedOnce() throws {
    let site = site(.tls13)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    try connect(server, peer)
    // The new ticket of this one is never read.
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    link.handshake()
    #expect(link.serverSession?.isResumed == true)
    #expect(try isResumed(server, peer) == false)
  }

  @Test func aPeerKeepsSoManySessions() throws {
    let site = site(.tls13)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    let links = try (0..<2 * ResumableSessions.most).map { _ in
      let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
      link.handshake()
      return link
    }
    for link in links { link.receiveAtClient() }
    let resumed = try links.map { _ in
      let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
      link.handshake()
      return link.serverSession?.isResumed
    }
    #expect(resumed.filter { $0 == true }.count == ResumableSessions.most)
  }

  // MARK: Keys

  @Test(arguments: TLSVersion.allCases)
  func aReloadWithANewCertificateKeepsSessions(version: TLSVersion) throws {
    let site = site(version)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    try connect(server, peer)
    site.files.add("app", Site.authority.issue("renewed", "app.example"))
    let link = try connect(site.makeServer(), peer)
    #expect(link.serverSession?.isResumed == true)
    #expect(try connect(site.makeServer(), site.makePeer()).clientSession?.certificate?.subject == "CN=renewed")
    // The old one still serves whoever began with it.
    #expect(try connect(server, site.makePeer()).clientSession?.certificate?.subject == "CN=app.example")
  }

  @Test(arguments: TLSVersion.allCases)
  func keysRotate(version: TLSVersion) throws {
    let site = site(version)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    let keys = try #require(site.ticketKeys)
    #expect(try isResumed(server, peer) == false)
    for _ in 0..<5 {
      #expect(keys.rotate())
      // The ticket of the last key is exchanged for one of the new.
      #expect(try isResumed(server, peer) == true)
    }
    #expect(keys.rotate())
    #expect(keys.rotate())
    #expect(try isResumed(server, peer) == false)
  }

  @Test(arguments: TLSVersion.allCases)
  func otherKeysAreOtherTickets(version: TLSVersion) throws {
    var site = site(version)
    let peer = try site.makePeer()
    #expect(try isResumed(site.makeServer(), peer) == false)
    site.ticketKeys = TicketKeys()
    #expect(try isResumed(site.makeServer(), peer) == false)
    #expect(try isResumed(site.makeServer(), peer) == true)
  }

  @Test(arguments: [80, 48], TLSVersion.allCases)
  func machinesShareKeysInFiles(size: Int, version: TLSVersion) throws {
    var random = SeededGenerator(seed: 7)
    let (first, second) = (random.bytes(size), random.bytes(80))
    func machine(_ keys: [UInt8]...) throws -> TLSServerContext {
      var site = site(version)
      for (index, key) in keys.enumerated() {
        site.files.write("ticket\(index).key", key)
        site.server.ticketKeyFiles.append("ticket\(index).key")
      }
      return try site.makeServer()
    }
    let peer = try site(version).makePeer()
    #expect(try isResumed(machine(first), peer) == false)
    #expect(try isResumed(machine(first), peer) == true)
    // A new key goes in front, the old one goes later.
    #expect(try isResumed(machine(second, first), peer) == true)
    #expect(try isResumed(machine(second), peer) == true)
    #expect(try isResumed(machine(first), peer) == false)
  }

  @Test(arguments: TLSVersion.allCases)
  func ticketsCanBeOff(version: TLSVersion) throws {
    var site = site(version)
    site.server.tickets = false
    let (server, peer) = try (site.makeServer(), site.makePeer())
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    link.handshake()
    #expect(link.toClient.isEmpty)
    for _ in 0..<3 { #expect(try isResumed(server, peer) == false) }
  }

  // MARK: What a ticket is bound to

  /// A client that shows a session where it does not belong.
  private func isResumed(
    _ first: TLSServerContext, _ firstPeer: TLSPeer, then second: TLSServerContext, _ secondPeer: TLSPeer
  ) throws -> Bool? {
    let link = try connect(first, firstPeer)
    try #require(link.isOpen)
    let session = try #require(SSL_get1_session(link.client.ssl))
    defer { SSL_SESSION_free(session) }
    let other = try Link(server: second.makeEngine(), client: secondPeer.makeEngine())
    try #require(SSL_set_session(other.client.ssl, session) == 1)
    other.handshake()
    return other.serverSession?.isResumed
  }

  @Test(arguments: TLSVersion.allCases)
  func aTicketOfOneVirtualHostIsNoneOnAnother(version: TLSVersion) throws {
    var site = site(version)
    site.client.verify = false
    site.server.certificates.append(site.files.add("two", Site.authority.issue("two", "two.example")))
    let (server, client) = try (site.makeServer(), site.makeClient())
    let one = try client.peer(host: TLSServerName("app.example"))
    // Another certificate; the same one by another name of it; the fallback by an unknown name, and by none.
    for name in ["two.example", "x.apps.example", "unknown.example"] {
      let other = try client.peer(host: TLSServerName(name))
      #expect(try isResumed(server, one, then: server, other) == false, "\(name)")
      #expect(try isResumed(server, other, then: server, one) == false, "\(name)")
    }
    #expect(try isResumed(server, one, then: server, client.peer(host: nil)) == false)
    #expect(try isResumed(server, one, then: server, one) == true)
    let capitals = try client.peer(host: TLSServerName("APP.example"))
    #expect(try isResumed(server, one, then: server, capitals) == true)
  }

  @Test(arguments: TLSVersion.allCases)
  func aTicketOfOneListenerIsNoneOnAnother(version: TLSVersion) throws {
    var site = site(version)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    site.server.name = "other"
    #expect(try isResumed(server, peer, then: site.makeServer(), peer) == false)
  }

  @Test(arguments: TLSVersion.allCases)
  func aTicketOfOneClientAuthorityIsNoneUnderAnother(version: TLSVersion) throws {
    let authorities = [TestCertificate.authority("One Root"), TestCertificate.authority("Two Root")]
    var site = site(version)
    for (index, authority) in authorities.enumerated() { site.files["clients\(index).pem"] = authority.pem }
    site.client.certificate = site.files.add("client", authorities[0].issue("client"))
    func server(_ authentication: TLSServerSettings.ClientAuthentication, _ files: String...) throws -> TLSServerContext
    {
      var settings = site
      settings.server.clientAuthentication = authentication
      settings.server.clientAuthorities = files
      return try settings.makeServer()
    }
    let peer = try site.makePeer()
    let one = try server(.require, "clients0.pem")
    #expect(try isResumed(one, peer, then: server(.require, "clients0.pem"), peer) == true)
    // Under the other authority the handshake is a full one, and fails.
    #expect(try isResumed(one, peer, then: server(.require, "clients1.pem"), peer) == nil)
    #expect(try isResumed(one, peer, then: server(.require, "clients0.pem", "clients1.pem"), peer) == false)
    #expect(try isResumed(one, peer, then: server(.optional, "clients0.pem"), peer) == false)
    #expect(try isResumed(one, peer, then: server(.off), peer) == false)
    // From a listener that asks nobody, nobody gets in where a certificate is needed.
    site.client.certificate = nil
    let nameless = try site.makePeer()
    #expect(try isResumed(server(.off), nameless, then: one, nameless) == nil)
    #expect(try isResumed(server(.optional, "clients0.pem"), nameless, then: one, nameless) == nil)
  }

  @Test(arguments: TLSVersion.allCases)
  func aTicketIsNoWayAroundStricterCiphers(version: TLSVersion) throws {
    var site = site(version)
    let (server, peer) = try (site.makeServer(), site.makePeer())
    site.server.ciphers = TLSCiphers(["TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"])
    #expect(try isResumed(server, peer, then: site.makeServer(), peer) == false)
  }

  @Test(arguments: TLSVersion.allCases)
  func aTicketDoesNotOutliveItsClientsCertificate(version: TLSVersion) throws {
    let authority = TestCertificate.authority("Clients Root")
    var site = site(version)
    site.files["clients.pem"] = authority.pem
    site.server.clientAuthentication = .require
    site.server.clientAuthorities = ["clients.pem"]
    site.client.certificate = site.files.add("client", authority.issue("client", from: -96, to: -1))
    let (server, peer) = try (site.makeServer(), site.makePeer())
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    // As if it had been valid then.
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(link.server.ssl), UInt(X509_V_FLAG_NO_CHECK_TIME))
    link.handshake()
    link.receiveAtClient()
    try #require(link.isOpen)
    let second = try connect(server, peer)
    #expect(second.serverSession == nil)
    #expect(second.serverFailure?.cause == .certificate)
  }

  @Test(arguments: TLSVersion.allCases)
  func aSessionDoesNotOutliveItsBackendsCertificate(version: TLSVersion) throws {
    var site = site(version)
    site.server.certificates = [site.files.add("old", Site.authority.issue("old", "app.example", from: -96, to: -1))]
    let (server, peer) = try (site.makeServer(), site.makePeer())
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(link.client.ssl), UInt(X509_V_FLAG_NO_CHECK_TIME))
    link.handshake()
    link.receiveAtClient()
    try #require(link.isOpen)
    let second = try connect(server, peer)
    #expect(second.clientFailure?.cause == .certificate)
  }

  /// A session belongs to its peer object, so it cannot meet other settings.
  @Test(arguments: TLSVersion.allCases)
  func aSessionIsNotResumedUnderOtherSettings(version: TLSVersion) throws {
    let stranger = TestCertificate.authority("Stranger Root")
    let site = site(version)
    site.files["stranger.pem"] = stranger.pem
    site.files["clients.pem"] = stranger.pem
    let server = try site.makeServer()
    let client = try site.makeClient()
    let peer = try client.peer(host: site.host)
    #expect(try isResumed(server, peer) == false)
    #expect(try isResumed(server, peer) == true)
    // Another server name.
    #expect(try isResumed(server, client.peer(host: TLSServerName("x.apps.example"))) == false)
    // Another backend of the same name.
    #expect(try isResumed(server, client.peer(host: site.host)) == false)
    // Another client certificate.
    var other = site
    other.client.certificate = other.files.add("client", stranger.issue("client"))
    #expect(try isResumed(server, other.makePeer()) == false)
    // Another authority: that backend is none of its.
    other = site
    other.client.authorities = ["stranger.pem"]
    #expect(try connect(server, other.makePeer()).clientFailure?.cause == .certificate)
    // Not verified before, verified now.
    other.client.verify = false
    #expect(try isResumed(server, other.makePeer()) == false)
  }
}
