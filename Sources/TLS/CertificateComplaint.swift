import COpenSSL

/// What is wrong with a certificate that the other side showed.
struct CertificateComplaint: Equatable {
  /// X509_V_ERR_…
  let code: Int32
  /// 0 is the certificate of the other side itself, more is one of those that it is signed by.
  let depth: Int
  let facts: CertificateFacts?

  /// - Parameters:
  ///   - owner: whose certificate it is, such as `backend`.
  ///   - name: the name that it should be for.
  func words(owner: String, name: TLSServerName?) -> String {
    let subject = facts?.subject ?? "unknown"
    let certificate = depth == 0 ? "\(owner) cert \(subject)" : "CA cert \(subject)"
    let issuer = facts.map { ", issuer \($0.issuer)" } ?? ""
    switch code {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "certificate has expired (\(certificate), expired \(facts?.notAfter.day ?? "at an unknown time"))"
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "certificate is not yet valid (\(certificate), valid from \(facts?.notBefore.day ?? "an unknown time"))"
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "certificate is not for \(name?.description ?? "that name") (\(certificate), \(names))"
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "certificate is signed by nobody but itself, and is not among the trusted ones (\(certificate))"
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "certificate is signed by an authority that is not trusted (\(certificate))"
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "certificate is signed by an unknown authority, or the chain lacks a link (\(certificate)\(issuer))"
    case X509_V_ERR_INVALID_PURPOSE:
      return "certificate is not meant for this use: its extended key usage lacks it (\(certificate))"
    default:
      let text = X509_verify_cert_error_string(Int(code)).map { String(cString: $0) } ?? "error \(code)"
      return "certificate is not accepted: \(text) (\(certificate)\(issuer))"
    }
  }

  private var names: String {
    guard let names = facts?.names, !names.isEmpty else {
      return "which names no host in its subjectAltName; a common name does not count"
    }
    let shown = names.prefix(5).joined(separator: ", ")
    return "for \(shown)" + (names.count > 5 ? " and \(names.count - 5) more" : "")
  }
}

/// Why a ClientHello is turned down before anything is negotiated.
struct ClientHelloRefusal: Equatable {
  let cause: TLSFailure.Cause
  let words: String
}
