import COpenSSL
import TLSFixtures
import Testing

@testable import TLS

/// X25519 as the contexts of TLS have it: keys by libsodium, all else by OpenSSL.
struct KeyShareProviderTests {
  private static let size = 32
  /// Where OpenSSL does it all.
  private static let original = "provider=default"

  // Text becomes a pointer for the length of a call, but not where #require takes the call apart: so these are outside of it.

  private func context(_ properties: String?) throws -> OpaquePointer {
    let context = EVP_PKEY_CTX_new_from_name(nil, "X25519", properties)
    return try #require(context)
  }

  private func context(of key: borrowing Key, _ properties: String?) throws -> OpaquePointer {
    let context = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, properties)
    return try #require(context)
  }

  private func makeKey(_ properties: String?) throws -> Key {
    let context = try context(properties)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    try #require(EVP_PKEY_keygen_init(context) == 1)
    try #require(EVP_PKEY_CTX_set_group_name(context, "x25519") == 1)
    try #require(EVP_PKEY_generate(context, &key) == 1)
    return Key(try #require(key))
  }

  /// The secret that the one's owner comes to with the other's public half.
  private func agree(_ own: borrowing Key, _ other: borrowing Key, _ properties: String?) throws -> [UInt8] {
    let context = try context(of: own, properties)
    defer { EVP_PKEY_CTX_free(context) }
    var secret = [UInt8](repeating: 0, count: Self.size)
    var count = Self.size
    try #require(EVP_PKEY_derive_init(context) == 1)
    try #require(EVP_PKEY_derive_set_peer(context, other.pointer) == 1)
    try #require(EVP_PKEY_derive(context, &secret, &count) == 1)
    #expect(count == Self.size)
    return secret
  }

  @Test
  func theProviderIsInUse() throws {
    let preference: String = try #require(KeyShareProvider.preference)
    let key = try makeKey(preference)
    let provider = try #require(EVP_PKEY_get0_provider(key.pointer))
    #expect(String(cString: OSSL_PROVIDER_get0_name(provider)) == "balancer")
  }

  @Test
  func whoAsksForNothingGetsWhatOpenSSLHas() throws {
    try #require(KeyShareProvider.preference != nil)
    let key = try makeKey(nil)
    let provider = try #require(EVP_PKEY_get0_provider(key.pointer))
    #expect(String(cString: OSSL_PROVIDER_get0_name(provider)) == "default")
  }

  @Test
  func keysAreWhatOpenSSLWouldMakeOfTheirSecret() throws {
    let other = try makeKey(Self.original)
    var seen: Set<[UInt8]> = []
    for _ in 0..<1000 {
      let key = try makeKey(KeyShareProvider.preference)
      let secret = try key.secret()
      let pointer = EVP_PKEY_new_raw_private_key_ex(nil, "X25519", Self.original, secret, secret.count)
      let reckoned = Key(try #require(pointer))
      #expect(try key.share() == reckoned.share(), "of the secret \(secret)")
      #expect(secret[0] & 7 == 0 && secret[31] & 0xC0 == 0x40, "RFC 7748, 5: \(secret)")
      #expect(seen.insert(secret).inserted, "made twice: \(secret)")
      let ours = try agree(key, other, KeyShareProvider.preference)
      #expect(try ours == agree(other, key, Self.original), "of the secret \(secret)")
    }
  }

  /// What TLS makes of a client's share: a key that has only the other's half, and a copy of what it is a key of.
  @Test
  func aShareIsTakenIn() throws {
    let theirs = try makeKey(Self.original)
    let context = try context(KeyShareProvider.preference)
    defer { EVP_PKEY_CTX_free(context) }
    var pointer: OpaquePointer?
    try #require(EVP_PKEY_paramgen_init(context) == 1)
    try #require(EVP_PKEY_CTX_set_group_name(context, "x25519") == 1)
    try #require(EVP_PKEY_paramgen(context, &pointer) == 1)
    let peer = Key(try #require(pointer))
    let share = try theirs.share()
    #expect(EVP_PKEY_set1_encoded_public_key(peer.pointer, share, share.count) == 1)
    #expect(EVP_PKEY_set1_encoded_public_key(peer.pointer, share, share.count - 1) == 0, "a byte is missing")
    ERR_clear_error()
    #expect(try peer.share() == share)
    let ours = try makeKey(KeyShareProvider.preference)
    #expect(try agree(ours, peer, KeyShareProvider.preference) == agree(theirs, ours, Self.original))
  }

  /// RFC 7748, 6.1: a share of small order would make a secret that everybody knows.
  @Test
  func aShareOfSmallOrderIsRefused() throws {
    let ours = try makeKey(KeyShareProvider.preference)
    let zero = [UInt8](repeating: 0, count: Self.size)
    let pointer = EVP_PKEY_new_raw_public_key_ex(nil, "X25519", KeyShareProvider.preference, zero, zero.count)
    let peer = Key(try #require(pointer))
    let context = try context(of: ours, KeyShareProvider.preference)
    defer { EVP_PKEY_CTX_free(context) }
    var (secret, count) = ([UInt8](repeating: 0, count: Self.size), Self.size)
    try #require(EVP_PKEY_derive_init(context) == 1)
    try #require(EVP_PKEY_derive_set_peer(context, peer.pointer) == 1)
    #expect(EVP_PKEY_derive(context, &secret, &count) != 1)
    ERR_clear_error()
  }

  @Test(arguments: [("X25519", NID_X25519), ("P-256", NID_X9_62_prime256v1), ("P-384", NID_secp384r1)])
  func clientsOfEveryGroupAreServed(_ group: String, _ number: Int32) throws {
    let site = Site()
    let link = try Link(server: site.makeServer().makeEngine(), client: site.makePeer().makeEngine())
    try #require(openssl_set_groups(link.client.ssl, group) == 1)
    link.handshake()
    #expect(link.isOpen, "\(String(describing: link.serverFailure)) \(String(describing: link.clientFailure))")
    #expect(openssl_negotiated_group(link.server.ssl) == number)
  }
}

/// An EVP_PKEY.
private struct Key: ~Copyable {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { EVP_PKEY_free(pointer) }

  func secret() throws -> [UInt8] {
    var (bytes, count) = ([UInt8](repeating: 0, count: 32), 32)
    try #require(EVP_PKEY_get_raw_private_key(pointer, &bytes, &count) == 1)
    return bytes
  }

  func share() throws -> [UInt8] {
    var (bytes, count) = ([UInt8](repeating: 0, count: 32), 32)
    try #require(EVP_PKEY_get_raw_public_key(pointer, &bytes, &count) == 1)
    return bytes
  }
}
