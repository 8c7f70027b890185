import COpenSSL

/// A key made for the tests.
public final class TestKey: @unchecked Sendable {
  public let pointer: OpaquePointer

  public init(_ type: String, bits: Int32 = 0, group: String? = nil) {
    let context = EVP_PKEY_CTX_new_from_name(nil, type, nil)!
    defer { EVP_PKEY_CTX_free(context) }
    precondition(EVP_PKEY_keygen_init(context) == 1)
    if bits > 0 { precondition(EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1) }
    if let group { precondition(EVP_PKEY_CTX_set_group_name(context, group) == 1) }
    var key: OpaquePointer?
    precondition(EVP_PKEY_generate(context, &key) == 1)
    pointer = key!
  }

  deinit { EVP_PKEY_free(pointer) }

  public static func ec() -> TestKey { TestKey("EC", group: "P-256") }

  // Made once: they take long.
  public static let rsa = TestKey("RSA", bits: 2048)
  public static let otherRSA = TestKey("RSA", bits: 2048)
  public static let shortRSA = TestKey("RSA", bits: 1024)

  public func pem(passphrase: String? = nil) -> String {
    writing { bio in
      if let passphrase {
        PEM_write_bio_PrivateKey(
          bio, pointer, EVP_aes_128_cbc(), Array(passphrase.utf8), Int32(passphrase.utf8.count), nil, nil)
      } else {
        PEM_write_bio_PrivateKey(bio, pointer, nil, nil, 0, nil, nil)
      }
    }
  }
}

/// A certificate made for the tests, and its key.
public final class TestCertificate: @unchecked Sendable {
  public let pointer: OpaquePointer
  public let key: TestKey
  /// Those that it is signed by, but for the root.
  public let chain: [TestCertificate]
  public let subject: String

  public enum Name {
    case dns(String)
    case rawDNS([UInt8])
    case ip([UInt8])
  }

  private static let hour = 3600

  /// - Parameters:
  ///   - signer: nil: signed by itself.
  ///   - from, to: in hours from now.
  public init(
    _ subject: String, names: [Name] = [], key: TestKey = .ec(), signer: TestCertificate? = nil,
    isAuthority: Bool = false,
    from: Int = -24, to: Int = 24 * 30, extendedKeyUsage: String? = nil, authorityInformation: String? = nil,
    digest: OpaquePointer? = EVP_sha256()
  ) {
    let certificate = X509_new()!
    pointer = certificate
    self.key = key
    self.subject = subject
    chain = signer.map { $0.isRoot ? [] : [$0] + $0.chain } ?? []
    isRoot = signer == nil
    X509_set_version(certificate, 2)
    var serial: UInt64 = 0
    withUnsafeMutableBytes(of: &serial) { _ = RAND_bytes($0.baseAddress, 8) }
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1)
    X509_gmtime_adj(X509_getm_notBefore(certificate), from * Self.hour)
    X509_gmtime_adj(X509_getm_notAfter(certificate), to * Self.hour)
    X509_set_pubkey(certificate, key.pointer)
    let name = X509_get_subject_name(certificate)
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, Array(subject.utf8), Int32(subject.utf8.count), -1, 0)
    X509_set_issuer_name(certificate, signer.map { X509_get_subject_name($0.pointer) } ?? name)

    func add(_ nid: Int32, _ value: String) {
      let it = X509V3_EXT_conf_nid(nil, nil, nid, value)!
      X509_add_ext(certificate, it, -1)
      X509_EXTENSION_free(it)
    }
    add(NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "CA:FALSE")
    if isAuthority { add(NID_key_usage, "critical,keyCertSign,cRLSign") }
    if let extendedKeyUsage { add(NID_ext_key_usage, extendedKeyUsage) }
    if let authorityInformation { add(NID_info_access, authorityInformation) }
    if !names.isEmpty { addNames(names) }
    precondition(X509_sign(certificate, (signer?.key ?? key).pointer, digest) > 0)
  }

  let isRoot: Bool

  private func addNames(_ names: [Name]) {
    let stack = OPENSSL_sk_new_null()!
    for name in names {
      let entry = GENERAL_NAME_new()!
      let (type, bytes): (Int32, [UInt8]) =
        switch name {
        case .dns(let text): (GEN_DNS, Array(text.utf8))
        case .rawDNS(let bytes): (GEN_DNS, bytes)
        case .ip(let bytes): (GEN_IPADD, bytes)
        }
      let string = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING)!
      ASN1_STRING_set(string, bytes, Int32(bytes.count))
      GENERAL_NAME_set0_value(entry, type, string)
      OPENSSL_sk_push(stack, entry)
    }
    precondition(
      X509_add1_ext_i2d(pointer, NID_subject_alt_name, UnsafeMutableRawPointer(stack), 0, UInt(X509V3_ADD_DEFAULT)) == 1
    )
    GENERAL_NAMES_free(stack)
  }

  deinit { X509_free(pointer) }

  /// An authority that signs itself.
  public static func authority(_ subject: String, key: TestKey = .ec()) -> TestCertificate {
    TestCertificate(subject, key: key, isAuthority: true)
  }

  public func issue(
    _ subject: String, _ names: String..., key: TestKey = .ec(), isAuthority: Bool = false, from: Int = -24,
    to: Int = 24 * 30, extendedKeyUsage: String? = nil
  ) -> TestCertificate {
    TestCertificate(
      subject, names: names.map { .dns($0) }, key: key, signer: self, isAuthority: isAuthority, from: from, to: to,
      extendedKeyUsage: extendedKeyUsage)
  }

  public func issue(_ subject: String, _ names: [Name]) -> TestCertificate {
    TestCertificate(subject, names: names, signer: self)
  }

  /// With its chain.
  public var pem: String { writing { PEM_write_bio_X509($0, pointer) } + chain.map(\.pemAlone).joined() }
  public var pemAlone: String { writing { PEM_write_bio_X509($0, pointer) } }

  public var der: [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509(pointer, &bytes)
    defer { openssl_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
  }
}

private func writing(_ body: (OpaquePointer) -> Int32) -> String {
  let bio = BIO_new(BIO_s_mem())!
  defer { BIO_free(bio) }
  precondition(body(bio) == 1)
  var text: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = BIO_read(bio, &buffer, 4096)
    if count <= 0 { return String(decoding: text, as: UTF8.self) }
    text += buffer[..<Int(count)]
  }
}
