import COpenSSL

/// The parameters that EVP_MAC_init(3) takes.
enum MACParameters {
  /// That HMAC is to hash with SHA-256. OSSL_PARAM_construct_utf8_string(3) keeps pointers to the name and the value
  /// without owning them, so all of it is kept for good.
  nonisolated(unsafe) static let sha256: UnsafePointer<OSSL_PARAM> = {
    let parameters = UnsafeMutablePointer<OSSL_PARAM>.allocate(capacity: 2)
    parameters.initialize(
      to: OSSL_PARAM_construct_utf8_string(
        ParameterName.kept(OSSL_MAC_PARAM_DIGEST), ParameterName.kept("SHA256"), 0))
    (parameters + 1).initialize(to: OSSL_PARAM_construct_end())
    return UnsafePointer(parameters)
  }()
}
