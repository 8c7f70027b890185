import Base
import COpenSSL
import TLSFixtures
import Testing

@testable import TLS

/// What is said of files that cannot be used, or should not be.
@Suite struct LoadingTests {
  private static let authority = Site.authority
  private static let day = WallTime(nanosecondsSinceEpoch: now.nanosecondsSinceEpoch - 48 * 3600 * 1_000_000_000).day

  private func errors(_ change: (inout Site) -> Void) -> [String] {
    var site = Site()
    change(&site)
    return problems { try site.makeServer() }
  }

  private func warnings(_ change: (inout Site) -> Void) throws -> [String] {
    var site = Site()
    change(&site)
    return try site.makeServer().warnings.map(\.description)
  }

  @Test func nothingIsWrong() throws {
    #expect(try warnings { _ in } == [])
    #expect(
      try warnings { site in
        // A chain, and all in one file.
        let middle = Self.authority.issue("Middle", isAuthority: true)
        let certificate = middle.issue("app", "app.example")
        site.files["all.pem"] = certificate.pem + certificate.key.pem()
        site.server.certificates = [CertificateSource(certificate: "all.pem")]
      } == [])
  }

  @Test func filesThatAreNotThere() {
    #expect(
      errors { site in
        site.server.certificates = [
          CertificateSource(certificate: "a.pem", key: "a.key", passphraseFile: "a.pass"),
          CertificateSource(certificate: "app.pem", key: "b.key"),
        ]
        site.server.clientAuthentication = .require
        site.server.clientAuthorities = ["c.pem"]
        site.server.ticketKeyFiles = ["d.key"]
      } == [
        "a.pem: cannot be read: no such file or directory (ENOENT)",
        "a.key: cannot be read: no such file or directory (ENOENT)",
        "a.pass: cannot be read: no such file or directory (ENOENT)",
        "b.key: cannot be read: no such file or directory (ENOENT)",
        "c.pem: cannot be read: no such file or directory (ENOENT)",
        "d.key: cannot be read: no such file or directory (ENOENT)",
      ])
  }

  @Test func certificatesThatAreNone() {
    #expect(errors { $0.files["app.pem"] = "" } == ["app.pem: holds no certificate: it is empty"])
    #expect(errors { $0.files["app.pem"] = "hello" } == ["app.pem: holds no certificate"])
    #expect(
      errors { $0.files.write("app.pem", Site.certificate.der) } == [
        "app.pem: holds no certificate: it is DER, not PEM (openssl x509 -inform der -in FILE turns it into PEM)"
      ])
    #expect(errors { $0.files["app.pem"] = Site.certificate.key.pem() } == ["app.pem: holds no certificate"])
    let cut = errors { $0.files["app.pem"] = String(Site.certificate.pem.prefix(300)) }
    #expect(cut.count == 1 && cut[0].hasPrefix("app.pem: holds a certificate that cannot be read, number 1: "))
    let second = errors {
      $0.files["app.pem"] = Site.certificate.pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    }
    #expect(second.count == 1 && second[0].hasPrefix("app.pem: holds a certificate that cannot be read, number 2: "))
    #expect(
      errors { $0.files["app.pem"] = String(repeating: Site.certificate.pem, count: 17) } == [
        "app.pem: holds a chain of 17 certificates, more than 16"
      ])
  }

  @Test func keysThatAreNone() {
    #expect(errors { $0.files["app.key"] = "" } == ["app.key: holds no private key: it is empty"])
    #expect(errors { $0.files["app.key"] = Site.certificate.pem } == ["app.key: holds no private key"])
    #expect(
      errors { $0.server.certificates = [CertificateSource(certificate: "app.pem")] } == [
        "app.pem: holds no private key"
      ])
    let cut = errors {
      $0.files["app.key"] = String(Site.certificate.key.pem().dropLast(60)) + "-----END PRIVATE KEY-----\n"
    }
    #expect(cut.count == 1 && cut[0].hasPrefix("app.key: holds a private key that cannot be read: "))
  }

  @Test func aKeyOfAnotherCertificate() {
    #expect(
      errors { $0.files["app.key"] = TestKey.ec().pem() } == [
        "app.key: is not the key of the certificate in app.pem (CN=app.example)"
      ])
    #expect(
      errors { $0.files["app.key"] = TestKey.rsa.pem() } == [
        "app.key: is not the key of the certificate in app.pem (CN=app.example)"
      ])
    #expect(
      errors { site in
        site.files["all.pem"] = Site.certificate.pem + TestKey.ec().pem()
        site.server.certificates = [CertificateSource(certificate: "all.pem")]
      } == ["all.pem: is not the key of the certificate in the same file (CN=app.example)"])
  }

  @Test func passphrases() throws {
    func change(_ site: inout Site, passphrase: String?) {
      site.server.certificates = [site.files.add("app", Site.certificate, passphrase: "open sesame")]
      if let passphrase {
        site.files["app.pass"] = passphrase
        site.server.certificates[0].passphraseFile = "app.pass"
      }
    }
    #expect(try warnings { change(&$0, passphrase: "open sesame") } == [])
    #expect(try warnings { change(&$0, passphrase: "open sesame\nand more\n") } == [])
    #expect(
      errors { change(&$0, passphrase: nil) } == [
        "app.key: is encrypted: name the file with its passphrase in \"keyPassphraseFile\""
      ])
    #expect(
      errors { change(&$0, passphrase: "wrong") } == ["app.key: cannot be decrypted with the passphrase in app.pass"])
    #expect(errors { change(&$0, passphrase: "") } == ["app.key: cannot be decrypted with the passphrase in app.pass"])
    #expect(
      errors { change(&$0, passphrase: String(repeating: "x", count: 5000)) } == [
        "app.key: cannot be decrypted with the passphrase in app.pass"
      ])
    // One that nobody needs.
    #expect(
      try warnings { site in
        site.files["app.pass"] = "x"
        site.server.certificates[0].passphraseFile = "app.pass"
      } == [])
  }

  @Test func keysThatOthersMayRead() throws {
    #expect(
      try warnings { site in
        site.files.write("app.key", Array(Site.certificate.key.pem().utf8), exposure: "everyone")
      } == ["app.key: holds a private key that everyone may read: chmod 600 keeps it to its owner"])
    // A certificate is public.
    #expect(
      try warnings { site in
        site.files.write("app.pem", Array(Site.certificate.pem.utf8), exposure: "everyone")
      } == [])
    #expect(
      try warnings { site in
        var random = SeededGenerator(seed: 1)
        site.files.write("ticket.key", random.bytes(80), exposure: "the group \"web\"")
        site.server.ticketKeyFiles = ["ticket.key"]
      } == ["ticket.key: holds a ticket key that the group \"web\" may read: chmod 600 keeps it to its owner"])
  }

  /// No error and no description shows what a key file holds.
  @Test func errorsKeepSecrets() {
    let secret = "c2VjcmV0IGJ5dGVz"
    for text in [
      secret, "-----BEGIN PRIVATE KEY-----\n\(secret)\n-----END PRIVATE KEY-----\n",
      "-----BEGIN \(secret)-----\n", Site.certificate.key.pem() + secret,
    ] {
      for error in errors({ site in
        site.files["app.key"] = text
        site.files["pass"] = secret
        site.server.certificates[0].passphraseFile = "pass"
        site.server.ticketKeyFiles = ["app.key"]
      }) {
        #expect(!error.contains(secret))
      }
    }
    #expect(!"\(TLSFile(path: "x", bytes: Array(secret.utf8)))".contains(secret))
  }

  @Test func weakKeysAreRefused() {
    #expect(
      errors { site in
        site.server.certificates = [site.files.add("weak", Self.authority.issue("weak", "app.example", key: .shortRSA))]
      } == ["weak.pem: has a key that is too weak: RSA 1024"])
    // Although it is not the first.
    #expect(
      errors { site in
        site.server.certificates.append(
          site.files.add("weak", Self.authority.issue("weak", "weak.example", key: .shortRSA)))
      } == ["weak.pem: has a key that is too weak: RSA 1024"])
  }

  @Test func certificatesToLookAt() throws {
    #expect(
      try warnings { site in
        site.server.certificates += [
          site.files.add("old", Self.authority.issue("old", "old.example", from: -96, to: -48)),
          site.files.add("new", Self.authority.issue("new", "new.example", from: 48, to: 96)),
          site.files.add("nameless", Self.authority.issue("nameless")),
        ]
      } == [
        "old.pem: has expired on \(Self.day) (CN=old)",
        "new.pem: is not valid before \(WallTime(nanosecondsSinceEpoch: now.nanosecondsSinceEpoch + 48 * 3600 * 1_000_000_000).day) (CN=new)",
        "nameless.pem: names no host in its subjectAltName (CN=nameless): clients will not accept it",
      ])
    #expect(
      try warnings { site in
        site.files["app.pem"] = Site.certificate.pem + TestCertificate.authority("Somebody").pem
      } == ["app.pem: the chain is broken: certificate 2 (CN=Somebody) did not sign the one before it"])
    #expect(
      try warnings { site in
        site.server.certificates.append(site.files.add("again", Self.authority.issue("again", "app.example")))
      } == ["again.pem: is never used: other certificates have all of its names (CN=again)"])
  }

  @Test func aChainThatIsNotThere() throws {
    let url = "caIssuers;URI:http://ca.example/middle.der"
    let middle = Self.authority.issue("Middle", isAuthority: true)
    let certificate = TestCertificate(
      "app", names: [.dns("app.example")], signer: middle, authorityInformation: url)
    func warned(_ pem: String) throws -> [String] {
      try warnings { site in
        site.files.add("x", certificate)
        site.files["x.pem"] = pem
        site.server.certificates = [CertificateSource(certificate: "x.pem", key: "x.key")]
      }
    }
    #expect(try warned(certificate.pem) == [])
    #expect(
      try warned(certificate.pemAlone) == [
        "x.pem: has no chain: append the certificate of CN=Middle, which signed it; most clients do not have that"
      ])
  }

  /// Of two for one name the one that is valid counts, in whatever order they stand.
  @Test func anExpiredCertificateGivesWay() throws {
    var site = Site()
    let old = site.files.add("old", Self.authority.issue("old", "app.example", from: -96, to: -48))
    site.server.certificates = [old] + site.server.certificates
    #expect(try site.connect().clientSession?.certificate?.subject == "CN=app.example")
    site.server.certificates.reverse()
    #expect(try site.connect().clientSession?.certificate?.subject == "CN=app.example")
    #expect(try site.makeServer().certificates.map(\.facts.subject) == ["CN=app.example", "CN=old"])
  }

  // MARK: Folders

  @Test func aFolder() throws {
    var site = Site()
    site.server.certificates = []
    site.server.folder = "certs"
    site.files.add("certs/b", Self.authority.issue("b", "b.example"))
    site.files.add("certs/a", Self.authority.issue("a", "a.example"))
    let inOne = Self.authority.issue("c", "c.example")
    site.files["certs/c.pem"] = inOne.pem + inOne.key.pem()
    site.files["certs/README"] = "x"
    site.files["certs/.hidden.pem"] = "x"
    let server = try site.makeServer()
    #expect(server.warnings == [])
    #expect(server.certificates.map(\.file) == ["certs/a.pem", "certs/b.pem", "certs/c.pem"])
    for name in ["a", "b", "c"] {
      site.host = TLSServerName("\(name).example")
      #expect(try site.connect().clientSession?.certificate?.subject == "CN=\(name)")
    }
    site.client.verify = false
    site.host = nil
    #expect(try site.connect().clientSession?.certificate?.subject == "CN=a")
  }

  @Test func foldersThatHoldNothing() {
    #expect(
      errors { site in
        site.server.certificates = []
        site.server.folder = "certs"
      } == ["certs: cannot be read: no such file or directory (ENOENT)"])
    #expect(
      errors { site in
        site.server.certificates = []
        site.server.folder = "certs"
        site.files["certs/README"] = "x"
      } == ["certs: holds no certificate (NAME.pem with its key in NAME.key)"])
    #expect(
      errors { site in
        site.server.folder = "certs"
        site.files["certs/a.pem"] = Site.certificate.pem
      } == ["certs/a.pem: holds no private key"])
    #expect(errors { $0.server.certificates = [] } == ["TLS needs a certificate"])
  }

  @Test func aFolderWithPassphrases() throws {
    var site = Site()
    site.server.certificates = []
    site.server.folder = "certs"
    site.server.folderPassphraseFile = "pass"
    site.files["pass"] = "word\n"
    site.files.add("certs/a", Self.authority.issue("a", "a.example"), passphrase: "word")
    site.files.add("certs/b", Self.authority.issue("b", "b.example"))
    #expect(try site.makeServer().certificates.count == 2)
  }

  // MARK: Settings

  @Test func settings() {
    #expect(
      errors { site in
        site.server.ciphers = TLSCiphers([
          "ECDHE-RSA-AES128-GCM-SHA265", "TLS_AES_128_GCM_SHA265", "TLS_AES_128_GCM_SHA256",
        ])
        site.server.alpn = ["", String(repeating: "x", count: 256)]
      } == [
        "the ALPN protocol \"\" must have 1 to 255 bytes",
        "the ALPN protocol \"\(String(repeating: "x", count: 256))\" must have 1 to 255 bytes",
        "the cipher \"TLS_AES_128_GCM_SHA265\" is not one that OpenSSL has",
        "the cipher \"ECDHE-RSA-AES128-GCM-SHA265\" is not one that OpenSSL has",
      ])
    #expect(
      errors { site in
        site.files["ticket.key"] = String(repeating: "x", count: 79)
        site.server.ticketKeyFiles = ["ticket.key"]
      } == ["ticket.key: must hold 80 bytes (openssl rand 80 makes them), or 48 for AES-128, but it holds 79"])
  }

  @Test func aClientsProblems() {
    var site = Site()
    site.client.authorities = ["none.pem"]
    site.client.certificate = site.files.add("client", Site.certificate)
    site.files["client.key"] = TestKey.ec().pem()
    #expect(
      problems { try site.makeClient() } == [
        "client.key: is not the key of the certificate in client.pem (CN=app.example)",
        "none.pem: cannot be read: no such file or directory (ENOENT)",
      ])
  }

  // MARK: Facts

  @Test func facts() throws {
    let certificate = TestCertificate(
      "app", names: [.dns("app.example"), .ip([192, 0, 2, 1]), .rawDNS([0, 1])], key: .rsa, from: 0, to: 24 * 10)
    let facts = certificate.facts
    #expect(facts.subject == "CN=app")
    #expect(facts.issuer == "CN=app")
    #expect(facts.names == ["app.example", "192.0.2.1", "(not a host name)"])
    #expect(facts.key == "RSA 2048")
    #expect(facts.fingerprint.count == 64)
    #expect(Site.certificate.facts.key == "EC P-256")
    #expect(TestCertificate("x", key: TestKey("ED25519"), digest: nil).facts.key == "ED25519")

    let day: Int64 = 86_400_000_000_000
    func days(after offset: Int64) -> Int {
      facts.daysLeft(now: WallTime(nanosecondsSinceEpoch: facts.notAfter.nanosecondsSinceEpoch + offset))
    }
    #expect(days(after: -10 * day) == 10)
    #expect(days(after: -10 * day + 1) == 9)
    #expect(days(after: -1) == 0)
    #expect(days(after: 0) == 0)
    #expect(days(after: 1) == -1)
    #expect(days(after: day + 1) == -2)
    #expect(!facts.isExpired(now: facts.notAfter))
    #expect(facts.daysLeft(now: WallTime(nanosecondsSinceEpoch: .min)) > 100_000)
  }
}
