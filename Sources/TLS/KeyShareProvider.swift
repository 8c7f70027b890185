import COpenSSL
import CSodium

/// Makes the X25519 keys of handshakes (RFC 8446, 4.2.8; RFC 7748, 6.1) with libsodium. OpenSSL takes more than twice as
/// long for it, which was a tenth of a resumed handshake.
///
/// It is a provider of OpenSSL's (provider(7)): the X25519 of the default provider, but for the function that makes a key. The
/// random bytes, the keys themselves and the secrets that are agreed on with them stay OpenSSL's.
enum KeyShareProvider {
  /// Which algorithms an SSL_CTX is to prefer (SSL_CTX_new_ex(3), property(7)); nil where OpenSSL is to make the keys as well.
  static let preference: String? = isLoaded ? "?provider=balancer" : nil

  private static let name = "balancer"
  private static let property: StaticString = "provider=balancer"
  private static let size = 32

  private static let isLoaded: Bool = {
    // What FIPS 140 approves of has no libsodium in it.
    guard EVP_default_properties_is_fips_enabled(nil) == 0, original != nil,
      OSSL_PROVIDER_add_builtin(nil, name, { _, _, functions, context in handOut(functions, context) }) == 1,
      let provider = OSSL_PROVIDER_try_load(nil, name, 1)
    else { return false }
    if makesWhatOpenSSLMakes() { return true }
    OSSL_PROVIDER_unload(provider)
    return false
  }()

  /// Another version of OpenSSL may come to expect something else of a provider: the two halves of one key are compared by
  /// OpenSSL's own reckoning.
  private static func makesWhatOpenSSLMakes() -> Bool {
    let generator = EVP_PKEY_CTX_new_from_name(nil, "X25519", "\(property)")
    defer { EVP_PKEY_CTX_free(generator) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(generator) == 1, EVP_PKEY_generate(generator, &key) == 1 else { return false }
    defer { EVP_PKEY_free(key) }
    var secret = [UInt8](repeating: 0, count: size)
    defer { MessageKey.wipe(&secret) }
    var count = size
    guard EVP_PKEY_get_raw_private_key(key, &secret, &count) == 1 else { return false }
    let reckoned = EVP_PKEY_new_raw_private_key_ex(nil, "X25519", "provider=default", secret, count)
    defer { EVP_PKEY_free(reckoned) }
    return EVP_PKEY_eq(key, reckoned) == 1
  }

  // MARK: What is OpenSSL's

  private struct Original {
    let provider: OpaquePointer
    /// What all its functions that take one expect.
    let context: UnsafeMutableRawPointer?
    let management: ProviderTable
    let exchange: ProviderTable
    let make: Make
    let fill: Fill
    let free: Free
  }

  nonisolated(unsafe) private static let original: Original? = {
    // Loading a provider by hand keeps OpenSSL from loading those that it would have loaded by itself, so this one is only
    // loaded where it is in use.
    guard OSSL_PROVIDER_available(nil, "default") == 1, let provider = OSSL_PROVIDER_load(nil, "default"),
      let management = ProviderTable("X25519", OSSL_OP_KEYMGMT, of: provider),
      let exchange = ProviderTable("X25519", OSSL_OP_KEYEXCH, of: provider),
      let make = management[OSSL_FUNC_KEYMGMT_NEW], let fill = management[OSSL_FUNC_KEYMGMT_IMPORT],
      let free = management[OSSL_FUNC_KEYMGMT_FREE]
    else { return nil }
    return Original(
      provider: provider, context: OSSL_PROVIDER_get0_provider_ctx(provider), management: management,
      exchange: exchange,
      make: unsafeBitCast(make, to: Make.self), fill: unsafeBitCast(fill, to: Fill.self),
      free: unsafeBitCast(free, to: Free.self))
  }()

  private typealias Make = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
  private typealias Fill = @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafePointer<OSSL_PARAM>?) -> Int32
  private typealias Free = @convention(c) (UnsafeMutableRawPointer?) -> Void

  // MARK: What is handed out

  private static func handOut(
    _ functions: UnsafeMutablePointer<UnsafePointer<OSSL_DISPATCH>?>?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int32 {
    guard let original else { return 0 }
    functions?.pointee = own
    context?.pointee = original.context
    return 1
  }

  nonisolated(unsafe) private static let own: UnsafePointer<OSSL_DISPATCH> = {
    let query: Query = { _, operation, isNotToBeCached in
      isNotToBeCached?.pointee = 0
      switch operation {
      case OSSL_OP_KEYMGMT: return management
      case OSSL_OP_KEYEXCH: return exchange
      default: return nil
      }
    }
    // TLS takes a group only from the provider that has its keys: what it must know of X25519 is known already.
    let describe: Describe = { _, capability, callback, argument in
      guard let original, let capability, String(cString: capability) == "TLS-GROUP" else { return 0 }
      return OSSL_PROVIDER_get_capabilities(original.provider, capability, callback, argument)
    }
    let functions: [Int32: ProviderTable.Function] = [
      OSSL_FUNC_PROVIDER_QUERY_OPERATION: unsafeBitCast(query, to: ProviderTable.Function.self),
      OSSL_FUNC_PROVIDER_GET_CAPABILITIES: unsafeBitCast(describe, to: ProviderTable.Function.self),
    ]
    return ProviderTable.kept(functions.map(OSSL_DISPATCH.init), end: OSSL_DISPATCH())
  }()

  nonisolated(unsafe) private static let exchange = original?.exchange.handedOut(as: property)

  nonisolated(unsafe) private static let management: UnsafePointer<OSSL_ALGORITHM>? = {
    // All that is to be known of a generation is what it is to make: a set of bits, which stands where a pointer to more would.
    let begin: Begin = { _, selection, _ in UnsafeMutableRawPointer(bitPattern: Int(selection)) }
    // The group could only be X25519.
    let setParameters: SetParameters = { _, _ in 1 }
    let settable: Settable = { _, _ in settableParameters }
    let generate: Generate = { selection, _, _ in
      Int(bitPattern: selection) & Int(OSSL_KEYMGMT_SELECT_KEYPAIR) != 0
        ? makeKey() : original.flatMap { $0.make($0.context) }
    }
    let end: Free = { _ in }
    return original?.management.replacing(
      [
        OSSL_FUNC_KEYMGMT_GEN_INIT: unsafeBitCast(begin, to: ProviderTable.Function.self),
        OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS: unsafeBitCast(setParameters, to: ProviderTable.Function.self),
        OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS: unsafeBitCast(settable, to: ProviderTable.Function.self),
        OSSL_FUNC_KEYMGMT_GEN: unsafeBitCast(generate, to: ProviderTable.Function.self),
        OSSL_FUNC_KEYMGMT_GEN_CLEANUP: unsafeBitCast(end, to: ProviderTable.Function.self),
      ], removing: otherOfGeneration
    ).handedOut(as: property)
  }()

  private typealias Query =
    @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<Int32>?) -> UnsafePointer<OSSL_ALGORITHM>?
  private typealias Describe =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafePointer<CChar>?,
      (@convention(c) (UnsafePointer<OSSL_PARAM>?, UnsafeMutableRawPointer?) -> Int32)?,
      UnsafeMutableRawPointer?
    ) -> Int32
  private typealias Begin =
    @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafePointer<OSSL_PARAM>?) -> UnsafeMutableRawPointer?
  private typealias SetParameters = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<OSSL_PARAM>?) -> Int32
  private typealias Settable =
    @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> UnsafePointer<OSSL_PARAM>?
  private typealias Generate =
    @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) ->
    UnsafeMutableRawPointer?

  /// Of the original's, what would look into a generation that it has not begun: the template, and from OpenSSL 3.4 on what
  /// can be read of it (GEN_GET_PARAMS, GEN_GETTABLE_PARAMS).
  private static let otherOfGeneration: Set<Int32> = [OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, 15, 16]

  nonisolated(unsafe) private static let settableParameters = ProviderTable.kept(
    [OSSL_PARAM_construct_utf8_string(ParameterName.kept(OSSL_PKEY_PARAM_GROUP_NAME), nil, 0)],
    end: OSSL_PARAM_construct_end())

  // MARK: Making a key

  private static func makeKey() -> UnsafeMutableRawPointer? {
    guard let original, let key = original.make(original.context) else { return nil }
    let isFilled = withUnsafeTemporaryAllocation(byteCount: 2 * size, alignment: 8) { bytes in
      defer { OPENSSL_cleanse(bytes.baseAddress, bytes.count) }
      let secret = bytes.bindMemory(to: UInt8.self).baseAddress!
      let share = secret + size
      guard RAND_priv_bytes(secret, Int32(size)) == 1 else { return false }
      // RFC 7748, 5: decodeScalar25519. Who multiplies does this by himself, but a key is kept the way OpenSSL keeps it.
      secret[0] &= 248
      secret[31] = secret[31] & 127 | 64
      // Without sodium_init(3), which multiplying does not need: it would choose what is faster for any point, but not for this.
      guard crypto_scalarmult_curve25519_base(share, secret) == 0 else { return false }
      let parameters = (
        OSSL_PARAM_construct_octet_string(secretName, secret, size),
        OSSL_PARAM_construct_octet_string(shareName, share, size), OSSL_PARAM_construct_end()
      )
      return withUnsafeBytes(of: parameters) { parameters in
        let first = parameters.baseAddress?.assumingMemoryBound(to: OSSL_PARAM.self)
        return original.fill(key, OSSL_KEYMGMT_SELECT_KEYPAIR, first) == 1
      }
    }
    if isFilled { return key }
    original.free(key)
    return nil
  }

  nonisolated(unsafe) private static let secretName = ParameterName.kept(OSSL_PKEY_PARAM_PRIV_KEY)
  nonisolated(unsafe) private static let shareName = ParameterName.kept(OSSL_PKEY_PARAM_PUB_KEY)
}
