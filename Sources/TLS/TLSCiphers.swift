import COpenSSL

/// Which ciphers may be used, best first. A server takes the first that its client has; but ChaCha20 before all where the
/// client has put that first, which tells that it has no AES in hardware.
public struct TLSCiphers: Hashable, Sendable {
  /// Names of TLS 1.3, such as `TLS_AES_128_GCM_SHA256`. Empty: none, so no TLS 1.3.
  public let suites: [String]
  /// Names of OpenSSL for TLS 1.2, such as `ECDHE-RSA-AES128-GCM-SHA256`.
  public let older: [String]

  /// Mozilla's "intermediate" profile (version 5.7), without its finite-field groups: they cost a server much more than its
  /// clients, and every client that has them has elliptic curves.
  public static let intermediate = TLSCiphers(
    suites: ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
    older: [
      "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
      "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ])

  private init(suites: [String], older: [String]) {
    self.suites = suites
    self.older = older
  }

  /// Names of both kinds. What they leave out of a version is the intermediate profile's.
  public init(_ names: [String]) {
    let suites = names.filter { $0.hasPrefix("TLS_") }
    let older = names.filter { !$0.hasPrefix("TLS_") }
    self.init(
      suites: suites.isEmpty ? Self.intermediate.suites : suites,
      older: older.isEmpty ? Self.intermediate.older : older)
  }

  /// Notes the names that this OpenSSL does not know, or does not let through: of a list it would only drop them.
  func check(_ findings: inout Findings) {
    guard let context = SSL_CTX_new(TLS_method()) else { return }
    defer {
      SSL_CTX_free(context)
      ERR_clear_error()
    }
    let unknown =
      suites.filter { SSL_CTX_set_ciphersuites(context, $0) != 1 }
      + older.filter { SSL_CTX_set_cipher_list(context, $0) != 1 }
    for name in unknown { findings.fail(nil, setting: "ciphers", "the cipher \"\(name)\" is not one that OpenSSL has") }
  }
}
