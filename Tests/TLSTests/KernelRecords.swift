import COpenSSL

/// Makes records as the kernel does, from what setsockopt(2) gets for TLS_TX: RFC 8446, 5.2, and RFC 5288 and 7905 for
/// TLS 1.2.
struct KernelRecords {
  private let isNew: Bool
  private let kind: UInt16
  private let key: [UInt8]
  /// Salt and nonce together: 12 bytes.
  private var nonce: [UInt8]
  private var sequence: UInt64

  init(_ info: UnsafeRawBufferPointer) {
    isNew = info.loadUnaligned(as: UInt16.self) == UInt16(TLS1_3_VERSION)
    kind = info.loadUnaligned(fromByteOffset: 2, as: UInt16.self)
    let rest = info.dropFirst(4)
    sequence = info.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    if kind == UInt16(TLS_CIPHER_CHACHA20_POLY1305) {
      nonce = Array(rest.prefix(12))
      key = Array(rest.dropFirst(12).prefix(32))
    } else {
      let size = kind == UInt16(TLS_CIPHER_AES_GCM_128) ? 16 : 32
      key = Array(rest.dropFirst(8).prefix(size))
      nonce = Array(rest.dropFirst(8 + size).prefix(4)) + Array(rest.prefix(8))
    }
  }

  mutating func seal(_ plain: [UInt8], type: UInt8 = 23) -> [UInt8] {
    let isChaCha = kind == UInt16(TLS_CIPHER_CHACHA20_POLY1305)
    let hasOwnNonce = !isNew && !isChaCha
    let number = withUnsafeBytes(of: sequence.bigEndian) { Array($0) }
    var used = nonce
    if hasOwnNonce {
      // The kernel counts both on.
      var next = nonce.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      next &+= 1
      nonce.replaceSubrange(4..., with: withUnsafeBytes(of: next.bigEndian) { Array($0) })
    } else {
      for index in 0..<8 { used[4 + index] ^= number[index] }
    }
    let content = isNew ? plain + [type] : plain
    let size = content.count + 16 + (hasOwnNonce ? 8 : 0)
    let header = [isNew ? 23 : type, 3, 3, UInt8(size >> 8), UInt8(size & 255)]
    let data = isNew ? header : number + [type, 3, 3, UInt8(plain.count >> 8), UInt8(plain.count & 255)]
    sequence += 1

    let context = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(context) }
    let cipher = isChaCha ? EVP_chacha20_poly1305() : key.count == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm()
    var count: Int32 = 0
    var sealed = [UInt8](repeating: 0, count: content.count)
    var tag = [UInt8](repeating: 0, count: 16)
    EVP_EncryptInit_ex(context, cipher, nil, key, used)
    EVP_EncryptUpdate(context, nil, &count, data, Int32(data.count))
    EVP_EncryptUpdate(context, &sealed, &count, content, Int32(content.count))
    EVP_EncryptFinal_ex(context, nil, &count)
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, &tag)
    return header + (hasOwnNonce ? used.suffix(8) : []) + sealed + tag
  }
}
