import Base
import COpenSSL

/// A certificate, the certificates that it is signed by, and its private key.
public final class CertifiedKey: @unchecked Sendable {
  /// The file of the certificate.
  public let file: String
  public let facts: CertificateFacts
  let certificate: OpaquePointer
  let chain: OpaquePointer
  let privateKey: OpaquePointer
  let kind: KeyKind
  /// What it may be asked for by; never empty but for a certificate without a usable name.
  let names: [CertificateName]
  /// The answer of the authority's responder that is sent along (RFC 6066, 8).
  let staple: OCSPStaple?

  private init(
    file: String, certificate: OpaquePointer, chain: OpaquePointer, privateKey: OpaquePointer, staple: OCSPStaple?
  ) {
    self.file = file
    self.certificate = certificate
    self.chain = chain
    self.privateKey = privateKey
    self.staple = staple
    facts = CertificateFacts(certificate)
    kind = KeyKind(X509_get0_pubkey(certificate))
    let names = SubjectAlternativeNames(certificate).hosts
    self.names = names.isEmpty ? Self.commonName(facts) : names
  }

  deinit {
    X509_free(certificate)
    openssl_certificates_free(chain)
    EVP_PKEY_free(privateKey)
  }

  /// Only to choose our own certificate by; nobody's is verified by a common name.
  private static func commonName(_ facts: CertificateFacts) -> [CertificateName] {
    facts.subject.hasPrefix("CN=") ? CertificateName(facts.subject.dropFirst(3)).map { [$0] } ?? [] : []
  }
}

/// Where a certificate and its key are.
public struct CertificateSource: Hashable, Sendable {
  /// PEM: the certificate first, those it is signed by behind it.
  public var certificate: String
  /// PEM; nil: in the same file as the certificate.
  public var key: String?
  /// The file whose first line decrypts the key.
  public var passphraseFile: String?

  public init(certificate: String, key: String? = nil, passphraseFile: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.passphraseFile = passphraseFile
  }

  /// The file of the stapled answer: `NAME.ocsp` beside `NAME.pem`.
  var stapleFile: String {
    let name = certificate.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return certificate + ".ocsp" }
    return certificate[..<dot] + ".ocsp"
  }
}

extension CertifiedKey {
  /// More certificates in a chain than any client would follow.
  private static let longestChain = 16

  /// Loads a certificate and its key.
  /// - Parameter stapling: whether the file with an OCSP response is used, if it is there.
  /// - Returns: nil after an error.
  static func load(
    _ source: CertificateSource, _ files: TLSFiles, stapling: Bool, now: WallTime, _ findings: inout Findings
  ) -> CertifiedKey? {
    let certificateFile = findings.read(source.certificate, files)
    let keyFile = source.key.map { findings.read($0, files) } ?? certificateFile
    let passphrase = source.passphraseFile.map { findings.read($0, files) }
    guard let certificateFile, let keyFile else { return nil }
    if case .some(nil) = passphrase { return nil }

    guard let certificates = findings.certificates(in: certificateFile) else { return nil }
    let certificate = certificates[0]
    guard let chain = openssl_certificates_new() else { return nil }
    for link in certificates.dropFirst() { _ = openssl_certificates_push(chain, link) }
    func discard() -> CertifiedKey? {
      X509_free(certificate)
      openssl_certificates_free(chain)
      return nil
    }
    guard certificates.count <= longestChain else {
      findings.fail(
        source.certificate, "holds a chain of \(certificates.count) certificates, more than \(longestChain)")
      return discard()
    }
    guard let privateKey = findings.privateKey(in: keyFile, passphrase: passphrase ?? nil) else { return discard() }
    guard X509_check_private_key(certificate, privateKey) == 1 else {
      ERR_clear_error()
      let place = source.key == nil ? "the certificate in the same file" : "the certificate in \(source.certificate)"
      findings.fail(keyFile.path, "is not the key of \(place) (\(CertificateFacts(certificate).subject))")
      EVP_PKEY_free(privateKey)
      return discard()
    }
    checkChain(certificates, source.certificate, &findings)
    let staple = stapling ? OCSPStaple.load(source, certificates, files, now: now, &findings) : nil
    let key = CertifiedKey(
      file: source.certificate, certificate: certificate, chain: chain, privateKey: privateKey, staple: staple)
    key.check(now: now, &findings)
    return key
  }

  private static func checkChain(_ certificates: [OpaquePointer], _ file: String, _ findings: inout Findings) {
    for index in certificates.indices.dropFirst()
    where X509_check_issued(certificates[index], certificates[index - 1]) != X509_V_OK {
      findings.warn(
        file,
        "the chain is broken: certificate \(index + 1) (\(CertificateFacts(certificates[index]).subject)) did not sign the one before it"
      )
      return
    }
    // Authorities that say where their own certificates are to be had are those whose clients only know the root.
    if certificates.count == 1, X509_check_issued(certificates[0], certificates[0]) != X509_V_OK,
      X509_get_ext_by_NID(certificates[0], NID_info_access, -1) >= 0
    {
      findings.warn(
        file,
        "has no chain: append the certificate of \(CertificateFacts(certificates[0]).issuer), which signed it; most clients do not have that"
      )
    }
  }

  private func check(now: WallTime, _ findings: inout Findings) {
    if facts.isExpired(now: now) {
      findings.warn(file, "has expired on \(facts.notAfter.day) (\(facts.subject))")
    } else if facts.notBefore > now {
      findings.warn(file, "is not valid before \(facts.notBefore.day) (\(facts.subject))")
    }
    if SubjectAlternativeNames(certificate).texts.isEmpty {
      findings.warn(file, "names no host in its subjectAltName (\(facts.subject)): clients will not accept it")
    }
  }
}

extension Findings {
  /// Reads a file, or notes why not.
  mutating func read(_ path: String, _ files: TLSFiles) -> TLSFile? {
    do throws(TLSFiles.Unreadable) { return try files.read(path) } catch {
      fail(path, "cannot be read: \(error)")
      return nil
    }
  }

  mutating func certificates(in file: TLSFile) -> [OpaquePointer]? {
    do throws(PEM.Unusable) { return try PEM.certificates(in: file) } catch {
      fail(file.path, error.reason)
      return nil
    }
  }

  mutating func privateKey(in file: TLSFile, passphrase: TLSFile?) -> OpaquePointer? {
    for secret in [file, passphrase].compactMap({ $0 }) {
      if let exposure = secret.exposure {
        let noun = secret === file ? "a private key" : "a passphrase"
        warn(secret.path, "holds \(noun) that \(exposure) may read: chmod 600 keeps it to its owner")
      }
    }
    do throws(PEM.Unusable) { return try PEM.privateKey(in: file, passphrase: passphrase) } catch {
      fail(file.path, error.reason)
      return nil
    }
  }
}
