import Base
import COpenSSL
import Synchronization

/// The authorities whose certificates are believed.
public final class TrustStore: @unchecked Sendable {
  let store: OpaquePointer
  /// The same for the same certificates, in whatever order and files they stand.
  let digest: [UInt8]
  let certificates: [OpaquePointer]

  /// Where the systems keep the authorities that they trust: the first of these that is there counts.
  public static let systemBundles = [
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  // older Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  // SUSE
    "/etc/ssl/cert.pem",
  ]

  private init(store: OpaquePointer, digest: [UInt8], certificates: [OpaquePointer]) {
    self.store = store
    self.digest = digest
    self.certificates = certificates
  }

  deinit {
    certificates.forEach { X509_free($0) }
    X509_STORE_free(store)
  }

  /// The authorities in one or more PEM files. Whatever stands there is trusted by itself, an authority in the middle or a
  /// single server's certificate as well as a root.
  static func load(_ paths: [String], _ files: TLSFiles, now: WallTime, _ findings: inout Findings) -> TrustStore? {
    var all: [OpaquePointer] = []
    var isWhole = true
    for path in paths {
      guard let file = findings.read(path, files), let certificates = findings.certificates(in: file) else {
        isWhole = false
        continue
      }
      if certificates.allSatisfy({ CertificateFacts($0).isExpired(now: now) }) {
        let facts = CertificateFacts(certificates[0])
        findings.warn(path, "has expired on \(facts.notAfter.day) (\(facts.subject))")
      }
      all += certificates
    }
    let store = isWhole ? X509_STORE_new() : nil
    guard let store else {
      all.forEach { X509_free($0) }
      return nil
    }
    X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    for certificate in all { X509_STORE_add_cert(store, certificate) }
    ERR_clear_error()
    let digest = Digest.sha256(all.map { CertificateFacts.fingerprint(of: $0) }.sorted().joined())
    return TrustStore(store: store, digest: digest, certificates: all)
  }

  /// The authorities that the system trusts.
  static func loadSystem(_ files: TLSFiles, now: WallTime, _ findings: inout Findings) -> TrustStore? {
    for path in systemBundles {
      do throws(TLSFiles.Unreadable) { _ = try files.read(path) } catch {
        if error.isMissing { continue }
      }
      return load([path], files, now: now, &findings)
    }
    findings.fail(
      nil, "the system's authorities are in none of \(systemBundles.joined(separator: ", ")): name a file with \"ca\"")
    return nil
  }
}

enum Digest {
  static func sha256(_ text: String) -> [UInt8] { sha256(Array(text.utf8)) }

  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 32
    guard EVP_Digest(bytes, bytes.count, &digest, &count, algorithm, nil) == 1 else {
      preconditionFailure("SHA-256 is always there")
    }
    return digest
  }

  /// Looked up once: by its name it would be looked up each time.
  nonisolated(unsafe) private static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)
}

/// The authorities that the system trusts, read when they are first asked for.
public final class SystemTrust: Sendable {
  private let store = Mutex<TrustStore?>(nil)

  public init() {}

  func load(_ files: TLSFiles, now: WallTime, _ findings: inout Findings) -> TrustStore? {
    if let known = store.withLock({ $0 }) { return known }
    let loaded = TrustStore.loadSystem(files, now: now, &findings)
    store.withLock { $0 = loaded }
    return loaded
  }
}
