import Base
import COpenSSL

/// The hosts and addresses in a certificate's subjectAltName (RFC 5280, 4.2.1.6).
struct SubjectAlternativeNames {
  /// What a name may be looked up by: a host whose name is none, such as one with a NUL in it, is not among them.
  private(set) var hosts: [CertificateName] = []
  /// Everything, for people.
  private(set) var texts: [String] = []

  init(_ certificate: OpaquePointer, atMost limit: Int = .max) {
    guard let extensionData = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return }
    let names = OpaquePointer(extensionData)
    defer { GENERAL_NAMES_free(names) }
    for index in 0..<openssl_general_names_count(names) where texts.count < limit {
      var type: Int32 = 0
      guard let value = GENERAL_NAME_get0_value(openssl_general_names_at(names, index), &type) else { continue }
      let string = value.assumingMemoryBound(to: ASN1_STRING.self)
      let bytes = UnsafeRawBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
      switch type {
      case GEN_DNS:
        let isPlain = bytes.allSatisfy { (0x21...0x7E).contains($0) }
        let text = String(decoding: bytes, as: UTF8.self)
        if isPlain, let name = CertificateName(text) { hosts.append(name) }
        texts.append(isPlain ? String(text.prefix(HostName.longest + 2)) : "(not a host name)")
      case GEN_IPADD:
        if let address = IPAddress(networkOrder: bytes) { texts.append(address.description) }
      default: break
      }
    }
  }
}

extension IPAddress {
  /// Four or sixteen bytes, the most significant first.
  init?(networkOrder bytes: UnsafeRawBufferPointer) {
    func word(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
    switch bytes.count {
    case 4: self.init(ipv4: UInt32(word(0..<4)))
    case 16: self.init(high: word(0..<8), low: word(8..<16))
    default: return nil
    }
  }
}
