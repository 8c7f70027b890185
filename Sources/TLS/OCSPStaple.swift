import Base
import COpenSSL

/// An OCSP response that is sent with a certificate (RFC 6960, RFC 6066, 8), so that a client need not ask for it.
struct OCSPStaple: Sendable {
  let bytes: [UInt8]
  /// From then on it is not sent any more: to a client it would be worth less than none.
  let validUntil: WallTime

  /// Reads the file beside a certificate, if there is one. A response that cannot be used is a warning: nothing depends
  /// on it.
  static func load(
    _ source: CertificateSource, _ certificates: [OpaquePointer], _ files: TLSFiles, now: WallTime,
    _ findings: inout Findings
  ) -> OCSPStaple? {
    let path = source.stapleFile
    let file: TLSFile
    do throws(TLSFiles.Unreadable) { file = try files.read(path) } catch {
      if !error.isMissing { findings.warn(path, "cannot be read: \(error)") }
      return nil
    }
    guard let response = response(in: file) else {
      findings.warn(path, "is no OCSP response in DER, so it is not stapled")
      return nil
    }
    defer { OCSP_RESPONSE_free(response) }
    if let reason = complaint(response, certificates) {
      findings.warn(path, "\(reason), so it is not stapled")
      return nil
    }
    guard let validUntil = nextUpdate(response, certificates) else {
      findings.warn(path, "does not say how long it holds, so it is not stapled")
      return nil
    }
    if validUntil <= now {
      findings.warn(path, "held only until \(validUntil), so it is not stapled")
      return nil
    }
    return OCSPStaple(bytes: file.withBytes { Array($0) }, validUntil: validUntil)
  }

  private static func response(in file: TLSFile) -> OpaquePointer? {
    defer { ERR_clear_error() }
    return file.withBytes { bytes in
      var start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return d2i_OCSP_RESPONSE(nil, &start, bytes.count)
    }
  }

  private static func complaint(_ response: OpaquePointer, _ certificates: [OpaquePointer]) -> String? {
    let status = OCSP_response_status(response)
    guard status == OCSP_RESPONSE_STATUS_SUCCESSFUL else {
      return "is the error \"\(String(cString: OCSP_response_status_str(Int(status))))\" of a responder"
    }
    guard certificates.count > 1 else { return "cannot be matched: the certificate's chain is empty" }
    guard find(response, certificates, { status, _ in status }) != nil else { return "is not about this certificate" }
    return nil
  }

  private static func nextUpdate(_ response: OpaquePointer, _ certificates: [OpaquePointer]) -> WallTime? {
    find(response, certificates) { _, next in next.flatMap { WallTime(asn1: $0) } } ?? nil
  }

  /// What a response says of the first of the certificates, which the second has signed.
  private static func find<Value>(
    _ response: OpaquePointer, _ certificates: [OpaquePointer], _ body: (Int32, UnsafePointer<ASN1_TIME>?) -> Value
  ) -> Value? {
    defer { ERR_clear_error() }
    guard let basic = OCSP_response_get1_basic(response) else { return nil }
    defer { OCSP_BASICRESP_free(basic) }
    // A responder may name the certificate by either digest.
    for digest in [EVP_sha1(), EVP_sha256()] {
      guard let id = OCSP_cert_to_id(digest, certificates[0], certificates[1]) else { continue }
      defer { OCSP_CERTID_free(id) }
      var status: Int32 = 0
      var next: UnsafeMutablePointer<ASN1_TIME>?
      if OCSP_resp_find_status(basic, id, &status, nil, nil, nil, &next) == 1 { return body(status, next) }
    }
    return nil
  }
}
