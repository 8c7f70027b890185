import Base
import COpenSSL
import Testing

@testable import TLS

@Suite struct HandshakeTests {
  @Test(arguments: TLSVersion.allCases)
  func bothVersions(version: TLSVersion) throws {
    var site = Site()
    site.client.versions = version...version
    let link = try site.connect()
    #expect(link.clientFailure == nil)
    #expect(link.serverFailure == nil)
    let client = try #require(link.clientSession)
    let server = try #require(link.serverSession)
    #expect(client.version == version)
    #expect(server.version == version)
    #expect(client.cipher == server.cipher)
    #expect(client.certificate?.subject == "CN=app.example")
    #expect(server.serverName == HostName("app.example"))
    #expect(server.certificate == nil)
    #expect(!client.isResumed && !server.isResumed)

    #expect(link.sendToServer(Array("ping".utf8)) == .done)
    #expect(link.receiveAtServer() == .needsInput)
    #expect(link.atServer == Array("ping".utf8))
    #expect(link.sendToClient(Array("pong".utf8)) == .done)
    #expect(link.receiveAtClient() == .needsInput)
    #expect(link.atClient == Array("pong".utf8))
  }

  @Test func theNewestVersionInCommon() throws {
    for (server, client, expected) in [
      (TLSVersion.tls12...TLSVersion.tls13, TLSVersion.tls12...TLSVersion.tls13, TLSVersion.tls13),
      (.tls12 ... .tls12, .tls12 ... .tls13, .tls12), (.tls13 ... .tls13, .tls12 ... .tls13, .tls13),
    ] {
      var site = Site()
      site.server.versions = server
      site.client.versions = client
      #expect(try site.connect().serverSession?.version == expected)
    }
  }

  @Test func noVersionInCommon() throws {
    var site = Site()
    site.server.versions = .tls13 ... .tls13
    site.client.versions = .tls12 ... .tls12
    let link = try site.connect()
    #expect(
      link.serverFailure
        == TLSFailure(
          party: .client, phase: .handshake, cause: .incompatible, words: "no TLS version in common with the client"))
    #expect(
      link.clientFailure
        == TLSFailure(
          party: .backend, phase: .handshake, cause: .refused(.protocolVersion),
          words: "the backend refused: alert protocol_version: no TLS version in common"))
  }

  @Test func noCipherInCommon() throws {
    var site = Site()
    site.client.versions = .tls12 ... .tls12
    site.server.ciphers = TLSCiphers(["ECDHE-ECDSA-AES128-GCM-SHA256"])
    site.client.ciphers = TLSCiphers(["ECDHE-ECDSA-AES256-GCM-SHA384"])
    let link = try site.connect()
    #expect(link.serverFailure?.cause == .incompatible)
    #expect(link.serverFailure?.words == "no cipher in common with the client")
    #expect(link.clientFailure?.cause == .refused(.handshakeFailure))
  }

  @Test func theCiphersThatWereNamedAreUsed() throws {
    var site = Site()
    site.server.ciphers = TLSCiphers(["TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"])
    #expect(try site.connect().serverSession?.cipher == "TLS_CHACHA20_POLY1305_SHA256")
    site.client.versions = .tls12 ... .tls12
    #expect(try site.connect().serverSession?.cipher == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
  }

  /// The server's order counts; but a client that puts ChaCha20 first has no AES in hardware.
  @Test(
    arguments: [
      ([], ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
      (["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"], [], "TLS_AES_256_GCM_SHA384"),
      ([], ["TLS_AES_256_GCM_SHA384"], "TLS_AES_256_GCM_SHA384"),
      ([], ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"], "TLS_CHACHA20_POLY1305_SHA256"),
      (
        [], ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
      ),
      (
        [], ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
      ),
    ] as [([String], [String], String)])
  func theOrderOfCiphers(server: [String], client: [String], chosen: String) throws {
    var site = Site()
    site.server.ciphers = TLSCiphers(server)
    site.client.ciphers = TLSCiphers(client)
    if client.first?.hasPrefix("ECDHE") == true { site.client.versions = .tls12 ... .tls12 }
    #expect(try site.connect().serverSession?.cipher == chosen)
  }

  /// Whatever a client offers (CRIME reads secrets off the size of what was compressed).
  @Test func thereIsNoCompression() throws {
    var site = Site()
    site.client.versions = .tls12 ... .tls12
    let link = try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
    link.stepClient()
    // Behind the two headers, the version and the random: the session, the ciphers, the methods.
    let session = 5 + 4 + 2 + 32
    let ciphers = session + 1 + Int(link.toServer[session])
    let methods = ciphers + 2 + Int(link.toServer[ciphers]) << 8 + Int(link.toServer[ciphers + 1])
    try #require(link.toServer[methods...(methods + 1)] == [1, 0])
    // DEFLATE, and it is put first.
    link.toServer.replaceSubrange(methods...methods, with: [2, 1])
    for (place, size) in [(3, link.toServer.count - 5), (7, link.toServer.count - 9)] {
      link.toServer[place] = UInt8(size >> 8)
      link.toServer[place + 1] = UInt8(size & 0xFF)
    }
    link.stepServer()
    try #require(link.serverFailure == nil && link.toClient[5] == 2)
    #expect(link.toClient[session + 1 + Int(link.toClient[session]) + 2] == 0)
    for options in [SSL_get_options(link.server.ssl), SSL_get_options(link.client.ssl)] {
      #expect(options & openssl_no_compression != 0)
    }
  }

  // MARK: ALPN

  @Test(
    arguments: [
      (["h2", "http/1.1"], ["http/1.1", "h2"], "h2"), (["http/1.1"], ["h2", "http/1.1"], "http/1.1"),
      (["h2"], [], nil), ([], ["h2"], nil), ([], [], nil),
    ] as [([String], [String], String?)])
  func alpn(server: [String], client: [String], chosen: String?) throws {
    var site = Site()
    site.server.alpn = server
    site.client.alpn = client
    let link = try site.connect()
    #expect(link.serverSession?.alpn == chosen)
    #expect(link.clientSession?.alpn == chosen)
    #expect(link.isOpen)
  }

  @Test func noProtocolInCommon() throws {
    var site = Site()
    site.server.alpn = ["http/1.1"]
    site.client.alpn = ["h2"]
    let link = try site.connect()
    #expect(link.serverFailure?.cause == .incompatible)
    #expect(link.serverFailure?.words == "no ALPN protocol in common with the client")
    #expect(link.clientFailure?.cause == .refused(.noApplicationProtocol))
  }

  // MARK: Server names

  private static func site() -> Site {
    var site = Site()
    let files = site.files
    site.server.certificates += [
      files.add("two", Site.authority.issue("two", "two.example", "www.two.example")),
      files.add("wild", Site.authority.issue("wild", "*.two.example", "*.app.example")),
    ]
    site.client.verify = false
    return site
  }

  @Test(arguments: [
    ("app.example", "app.example"), ("two.example", "two"), ("www.two.example", "two"), ("api.two.example", "wild"),
    ("x.app.example", "wild"), ("x.apps.example", "app.example"), ("unknown.example", "app.example"),
    ("a.b.two.example", "app.example"), ("192.0.2.7", "app.example"),
  ])
  func theCertificateIsChosenByName(name: String, subject: String) throws {
    var site = Self.site()
    site.host = TLSServerName(name)
    #expect(try site.connect().clientSession?.certificate?.subject == "CN=\(subject)")
  }

  @Test(arguments: TLSVersion.allCases)
  func strictSNI(version: TLSVersion) throws {
    var site = Self.site()
    site.client.versions = version...version
    site.server.strictSNI = true
    site.host = TLSServerName("two.example")
    #expect(try site.connect().clientSession?.certificate?.subject == "CN=two")

    site.host = TLSServerName("unknown.example")
    let link = try site.connect()
    #expect(
      link.serverFailure
        == TLSFailure(
          party: .client, phase: .handshake, cause: .unknownName,
          words: "no certificate is for unknown.example, which the client asked for"))
    #expect(link.clientFailure?.cause == .refused(.unrecognizedName))

    site.host = nil
    let nameless = try site.connect()
    #expect(nameless.serverFailure?.cause == .unknownName)
    #expect(nameless.serverFailure?.words == "the client asked for no server name")
  }

  /// One name, two kinds of keys: what the client can verify decides.
  @Test(arguments: TLSVersion.allCases)
  func theKindOfKeyIsChosenByTheClient(version: TLSVersion) throws {
    var site = Site()
    site.client.versions = version...version
    let rsa = Site.authority.issue("rsa", "app.example", "*.apps.example", key: .rsa)
    let other = Site.authority.issue("other", "other.example", key: .rsa)
    site.server.certificates += [site.files.add("rsa", rsa), site.files.add("other", other)]
    let server = try site.makeServer()
    #expect(server.warnings.isEmpty)
    for (list, subject) in [
      ("ECDSA+SHA256:RSA-PSS+SHA256", "CN=app.example"), ("RSA-PSS+SHA256:ECDSA+SHA256:RSA+SHA256", nil),
      ("RSA-PSS+SHA256:RSA+SHA256", "CN=rsa"),
    ] {
      // The authority's own signature is ECDSA, which such a client could not verify.
      var insecure = site
      insecure.client.verify = false
      let link = try Link(server: server.makeEngine(), client: insecure.makePeer().makeEngine())
      try #require(openssl_set_signature_algorithms(link.client.ssl, list) == 1)
      link.handshake()
      let found = link.clientSession?.certificate?.subject
      if let subject { #expect(found == subject, "\(list)") } else { #expect(found != nil, "\(list)") }
    }
    // Another name has an RSA key only.
    site.host = TLSServerName("other.example")
    #expect(try site.connect().clientSession?.certificate?.subject == "CN=other")
  }

  // MARK: No TLS at all

  @Test func aClientThatSpeaksPlainHTTP() throws {
    let link = try Link(server: Site().makeServer().makeEngine(), client: Site().makePeer().makeEngine())
    link.toServer = Array("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n".utf8)
    link.stepServer()
    #expect(link.serverFailure?.cause == .malformed)
    #expect(link.serverFailure?.party == .client)
    #expect(link.serverFailure?.words == "the client speaks plain HTTP, not TLS")
  }

  @Test func aBackendThatSpeaksPlainHTTP() throws {
    let link = try Link(server: Site().makeServer().makeEngine(), client: Site().makePeer().makeEngine())
    link.stepClient()
    link.toClient = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
    link.stepClient()
    #expect(
      link.clientFailure
        == TLSFailure(
          party: .backend, phase: .handshake, cause: .malformed,
          words: "the backend does not speak TLS: it sent \"HTTP/1.1 400 Bad Request\""))
    #expect(link.clientFailure?.mayRetry == true)
  }

  @Test func aBackendThatSpeaksSomethingElse() throws {
    let link = try Link(server: Site().makeServer().makeEngine(), client: Site().makePeer().makeEngine())
    link.stepClient()
    link.toClient = [0x4A, 0, 0, 0, 0x0A, 0x38, 0x2E, 0x30, 0x2E]
    link.stepClient()
    #expect(link.clientFailure?.cause == .malformed)
    #expect(link.clientFailure?.words == "the backend does not speak TLS: it sent bytes 4a 00 00 00 0a 38 2e 30")
  }

  @Test(arguments: [false, true])
  func aPeerThatClosesInTheMiddle(atServer: Bool) throws {
    let link = try Link(server: Site().makeServer().makeEngine(), client: Site().makePeer().makeEngine())
    link.stepClient()
    if atServer {
      link.toServer.removeLast(10)
      link.stepServer()
      #expect(link.serverStep == .needsInput)
      let failure = link.server.inputEnded()
      #expect(failure?.cause == .cut)
      #expect(failure?.party == .client)
      #expect(failure?.words == "the client closed the connection during the handshake")
      #expect(failure?.mayRetry == false)
    } else {
      let failure = link.client.inputEnded()
      #expect(failure?.words == "the backend closed the connection during the handshake")
      #expect(failure?.mayRetry == true)
    }
  }

  @Test(arguments: TLSVersion.allCases, [false, true])
  func oneByteAtATime(version: TLSVersion, smallRoom: Bool) throws {
    var site = Site()
    site.client.versions = version...version
    let link = try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
    link.portion = 1
    if smallRoom { link.room = 200 }
    var steps = 0
    while !link.isOpen, steps < 100_000 {
      link.stepClient()
      link.stepServer()
      steps += 1
    }
    #expect(link.isOpen)
    link.sendToServer(Array("ping".utf8))
    link.sendToClient(Array("pong".utf8))
    #expect(link.receiveAtServer(plainRoom: 1) == .needsInput)
    #expect(link.receiveAtClient(plainRoom: 1) == .needsInput)
    #expect(link.atServer == Array("ping".utf8))
    #expect(link.atClient == Array("pong".utf8))
  }
}
