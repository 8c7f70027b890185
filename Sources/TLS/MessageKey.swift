import Base
import COpenSSL

/// A secret with which the program authenticates what it will see again: a cookie it set, a password it has verified.
public final class MessageKey: Sendable {
  /// Bytes: as many as SHA-256 gives.
  public static let size = 32

  let bytes: [UInt8]

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  deinit { bytes.withUnsafeBytes { OPENSSL_cleanse(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count) } }

  /// A key that nobody else has; nil when the system gives no random bytes.
  public static func random() -> MessageKey? {
    var bytes = [UInt8](repeating: 0, count: size)
    defer { wipe(&bytes) }
    guard RAND_priv_bytes(&bytes, Int32(size)) == 1 else { return nil }
    // A copy with a buffer of its own, so that wiping this one leaves it alone.
    return MessageKey(bytes.map { $0 })
  }

  /// The key that every machine with the same secret has. Keys for different purposes tell nothing of each other.
  /// - Parameters:
  ///   - secret: at least 32 bytes that are hard to guess, such as a file of ticket keys; nil is returned for less.
  ///   - purpose: what it is for, such as `sticky cookie`.
  public static func derived(from secret: UnsafeRawBufferPointer, purpose: StaticString) -> MessageKey? {
    guard secret.count >= size else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    defer { wipe(&bytes) }
    let isDone = purpose.withUTF8Buffer { purpose in
      HMAC(
        EVP_sha256(), secret.baseAddress, Int32(clamping: secret.count), purpose.baseAddress, purpose.count, &bytes, nil
      )
        != nil
    }
    return isDone ? MessageKey(bytes.map { $0 }) : nil
  }

  /// Overwrites a secret, which the compiler may not leave out.
  public static func wipe(_ secret: inout [UInt8]) {
    secret.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
  }
}

/// What HMAC-SHA-256 makes of a message. Two are compared in the same time whether and wherever they differ.
public struct MessageCode: Sendable, BitwiseCopyable, Equatable {
  /// The 32 bytes, in order.
  public let words: (UInt64, UInt64, UInt64, UInt64)

  init(_ words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  public static func == (left: MessageCode, right: MessageCode) -> Bool {
    (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
      | (left.words.3 ^ right.words.3) == 0
  }

  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withUnsafeBytes(of: words, body)
  }
}

/// Makes codes with one key (HMAC-SHA-256: RFC 2104, FIPS 198-1). Set up once, then it allocates nothing; for one thread.
public struct MessageAuthenticator: ~Copyable {
  private let context: OpaquePointer
  private var failed = false

  /// Nil when there is no memory.
  public init?(_ key: MessageKey) {
    guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
    defer { EVP_MAC_free(algorithm) }
    guard let context = EVP_MAC_CTX_new(algorithm) else { return nil }
    guard EVP_MAC_init(context, key.bytes, key.bytes.count, MACParameters.sha256) == 1 else {
      EVP_MAC_CTX_free(context)
      return nil
    }
    self.context = context
  }

  deinit { EVP_MAC_CTX_free(context) }

  /// Begins a message; what was begun before is forgotten.
  public mutating func begin() { failed = EVP_MAC_init(context, nil, 0, nil) != 1 }

  /// Adds a field of the message. Its length goes in front, so that no two lists of fields are the same bytes.
  public mutating func add(_ field: UnsafeRawBufferPointer) {
    withUnsafeBytes(of: UInt64(field.count).bigEndian) { update($0) }
    update(field)
  }

  private mutating func update(_ bytes: UnsafeRawBufferPointer) {
    if EVP_MAC_update(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count) != 1 {
      failed = true
    }
  }

  /// The code of all fields since `begin`; nil when OpenSSL failed, which it does for memory alone.
  public mutating func finish() -> MessageCode? {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let isDone = withUnsafeMutableBytes(of: &words) { bytes in
      var count = 0
      return EVP_MAC_final(context, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), &count, bytes.count) == 1
        && count == MessageKey.size
    }
    return isDone && !failed ? MessageCode(words) : nil
  }
}
