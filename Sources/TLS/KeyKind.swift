import COpenSSL

/// The kind of a certificate's key: one certificate of each kind can stand under a name.
enum KeyKind: Hashable, CustomStringConvertible {
  case rsa(bits: Int)
  case ec(group: String)
  case other(String)

  /// - Parameter key: nil where a certificate's key cannot be read.
  init(_ key: OpaquePointer?) {
    guard let key else {
      self = .other("unreadable key")
      return
    }
    switch EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: self = .rsa(bits: Int(EVP_PKEY_get_bits(key)))
    case EVP_PKEY_EC:
      var name = [CChar](repeating: 0, count: 80)
      var count = 0
      guard EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else {
        self = .ec(group: "?")
        return
      }
      let group = String(decoding: name[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let usual = ["prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"]
      self = .ec(group: usual[group] ?? group)
    default:
      self = .other(EVP_PKEY_get0_type_name(key).map { String(cString: $0) } ?? "unknown key")
    }
  }

  /// OpenSSL keeps one certificate for each of these.
  var slot: String {
    switch self {
    case .rsa: "RSA"
    case .ec: "EC"
    case .other(let name): name
    }
  }

  var description: String {
    switch self {
    case .rsa(let bits): "RSA \(bits)"
    case .ec(let group): "EC \(group)"
    case .other(let name): name
    }
  }
}
