import Base
import COpenSSL
import TLSFixtures
import Testing

@testable import TLS

@Suite struct StapleTests {
  private static let authority = Site.authority

  /// A response of the authority about a certificate, in DER.
  private static func response(
    about certificate: TestCertificate, signer: TestCertificate = authority, hours: Int? = 24,
    digest: OpaquePointer? = EVP_sha1()
  ) -> [UInt8] {
    let basic = OCSP_BASICRESP_new()!
    defer { OCSP_BASICRESP_free(basic) }
    let id = OCSP_cert_to_id(digest, certificate.pointer, signer.pointer)
    defer { OCSP_CERTID_free(id) }
    let this = X509_gmtime_adj(nil, -48 * 3600)
    let next = hours.flatMap { X509_gmtime_adj(nil, $0 * 3600) }
    OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nil, this, next)
    OCSP_basic_sign(basic, signer.pointer, signer.key.pointer, EVP_sha256(), nil, 0)
    ASN1_STRING_free(this)
    ASN1_STRING_free(next)
    return der(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic)!)
  }

  private static func der(_ response: OpaquePointer) -> [UInt8] {
    defer { OCSP_RESPONSE_free(response) }
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = i2d_OCSP_RESPONSE(response, &bytes)
    defer { openssl_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
  }

  /// A site whose certificate comes with the authority's: the response is found by both.
  private func site() -> Site {
    let site = Site()
    site.files["app.pem"] = Site.certificate.pem + Self.authority.pem
    return site
  }

  /// What a client that asks gets.
  private func staple(_ server: TLSServerContext, _ peer: TLSPeer, asks: Bool = true) throws -> [UInt8]? {
    let link = try Link(server: server.makeEngine(), client: peer.makeEngine())
    if asks { SSL_ctrl(link.client.ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, Int(TLSEXT_STATUSTYPE_ocsp), nil) }
    link.handshake()
    try #require(link.isOpen)
    var bytes: UnsafePointer<UInt8>?
    let count = SSL_ctrl(link.client.ssl, SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, &bytes)
    return bytes.map { Array(UnsafeBufferPointer(start: $0, count: count)) }
  }

  @Test(arguments: TLSVersion.allCases)
  func aResponseIsSentToWhoeverAsks(version: TLSVersion) throws {
    var site = site()
    site.client.versions = version...version
    for digest in [EVP_sha1(), EVP_sha256()] {
      let response = Self.response(about: Site.certificate, digest: digest)
      site.files.write("app.ocsp", response)
      let server = try site.makeServer()
      #expect(server.warnings == [])
      #expect(try staple(server, site.makePeer()) == response)
      #expect(try staple(server, site.makePeer(), asks: false) == nil)
    }
    site.server.stapling = false
    #expect(try staple(site.makeServer(), site.makePeer()) == nil)
  }

  @Test func eachCertificateHasItsOwn() throws {
    var site = site()
    let two = Self.authority.issue("two", "two.example")
    site.server.certificates.append(site.files.add("two", two))
    site.files["two.pem"] = two.pem + Self.authority.pem
    let response = Self.response(about: two)
    site.files.write("two.ocsp", response)
    let server = try site.makeServer()
    #expect(try staple(server, site.makePeer()) == nil)
    site.host = TLSServerName("two.example")
    #expect(try staple(server, site.makePeer()) == response)
  }

  @Test func responsesThatAreNotUsed() throws {
    let other = TestCertificate.authority("Somebody")
    let cases: [([UInt8], String)] = [
      (Array("hello".utf8), "is no OCSP response in DER, so it is not stapled"),
      ([], "is no OCSP response in DER, so it is not stapled"),
      (
        Self.response(about: Self.authority.issue("two", "two.example")),
        "is not about this certificate, so it is not stapled"
      ),
      (Self.response(about: Site.certificate, signer: other), "is not about this certificate, so it is not stapled"),
      (Self.response(about: Site.certificate, hours: nil), "does not say how long it holds, so it is not stapled"),
      (
        Self.der(OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nil)!),
        "is the error \"trylater\" of a responder, so it is not stapled"
      ),
    ]
    for (bytes, words) in cases {
      let site = site()
      site.files.write("app.ocsp", bytes)
      let server = try site.makeServer()
      #expect(server.warnings.map(\.description) == ["app.ocsp: \(words)"])
      #expect(try staple(server, site.makePeer()) == nil)
    }
    let old = site()
    old.files.write("app.ocsp", Self.response(about: Site.certificate, hours: -1))
    let warnings = try old.makeServer().warnings.map(\.description)
    #expect(warnings.count == 1 && warnings[0].hasPrefix("app.ocsp: held only until 20"), "\(warnings)")
    let alone = Site()
    alone.files.write("app.ocsp", Self.response(about: Site.certificate))
    #expect(
      try alone.makeServer().warnings.map(\.description) == [
        "app.ocsp: cannot be matched: the certificate's chain is empty, so it is not stapled"
      ])
  }

  @Test(arguments: [
    ("/etc/x/site.pem", "/etc/x/site.ocsp"), ("site.pem", "site.ocsp"), ("a.b/site", "a.b/site.ocsp"),
    ("a/.pem", "a/.pem.ocsp"), ("a/x.y.pem", "a/x.y.ocsp"),
  ])
  func theFileOfAResponse(certificate: String, file: String) {
    #expect(CertificateSource(certificate: certificate).stapleFile == file)
  }
}
