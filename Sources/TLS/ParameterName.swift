/// A name, or a value that is one, in a parameter of OpenSSL's (OSSL_PARAM(3)), which keeps a pointer to it: a Swift string as
/// an argument would be gone when the parameter is read.
enum ParameterName {
  /// Never freed: for what is made once.
  static func kept(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = Array(text.utf8CString)
    let kept = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    kept.initialize(from: bytes, count: bytes.count)
    return kept
  }
}
