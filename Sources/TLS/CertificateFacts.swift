import Base
import COpenSSL

/// What an operator wants to know of a certificate.
public struct CertificateFacts: Equatable, Sendable {
  /// Such as `CN=app.internal`; the whole name where it has no common name.
  public let subject: String
  public let issuer: String
  /// The hosts and addresses it is for (subjectAltName), at most 100.
  public let names: [String]
  public let notBefore: WallTime
  public let notAfter: WallTime
  /// Such as `RSA 2048` or `EC P-256`.
  public let key: String
  /// SHA-256 of the certificate, in small hexadecimal digits.
  public let fingerprint: String

  public func isExpired(now: WallTime) -> Bool { notAfter < now }

  /// Whole days until it expires; negative afterwards.
  public func daysLeft(now: WallTime) -> Int {
    let left = notAfter.nanosecondsSinceEpoch.subtractingReportingOverflow(now.nanosecondsSinceEpoch)
    let day: Int64 = 86_400_000_000_000
    let nanoseconds = left.overflow ? Int64.max : left.partialValue
    return Int(nanoseconds >= 0 ? nanoseconds / day : (nanoseconds - day + 1) / day)
  }
}

extension CertificateFacts {
  private static let mostNames = 100

  init(_ certificate: OpaquePointer) {
    subject = Self.text(of: X509_get_subject_name(certificate))
    issuer = Self.text(of: X509_get_issuer_name(certificate))
    names = SubjectAlternativeNames(certificate, atMost: Self.mostNames).texts
    notBefore = Self.time(X509_get0_notBefore(certificate))
    notAfter = Self.time(X509_get0_notAfter(certificate))
    key = KeyKind(X509_get0_pubkey(certificate)).description
    fingerprint = Self.fingerprint(of: certificate)
  }

  // MARK: Names

  /// As RFC 2253 writes it, control characters escaped.
  private static func text(of name: OpaquePointer?) -> String {
    guard let name else { return "no name" }
    let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
    let printed: String
    if index >= 0, let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)) {
      printed = "CN=" + print { ASN1_STRING_print_ex($0, value, escaping) }
    } else {
      printed = print { X509_NAME_print_ex($0, name, 0, UInt(XN_FLAG_SEP_COMMA_PLUS) | escaping) }
    }
    return printed.isEmpty ? "no name" : printed
  }

  /// UTF-8 as it is; no control character, no separator unescaped.
  private static let escaping = UInt(
    ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_DUMP_UNKNOWN)

  private static func print(_ body: (OpaquePointer) -> Int32) -> String {
    guard let bio = BIO_new(BIO_s_mem()) else { return "" }
    defer { BIO_free(bio) }
    _ = body(bio)
    let longest = 200
    return String(unsafeUninitializedCapacity: longest) { buffer in
      max(0, Int(BIO_read(bio, buffer.baseAddress, Int32(longest))))
    }
  }

  // MARK: Times

  private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> WallTime {
    time.flatMap { WallTime(asn1: $0) } ?? WallTime(nanosecondsSinceEpoch: 0)
  }

  static func fingerprint(of certificate: OpaquePointer) -> String {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &count) == 1 else { return "" }
    return digest[..<Int(count)].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
