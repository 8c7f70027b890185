import CCrypt
import TLS

/// libcrypt's working memory: 32 KiB, used over and over by one thread.
struct Crypt: ~Copyable {
  private let data: UnsafeMutablePointer<crypt_data>

  init() {
    data = .allocate(capacity: 1)
    // The library asks for zero bytes before the first use (crypt(3)).
    UnsafeMutableRawPointer(data).initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<crypt_data>.size)
  }

  deinit { data.deallocate() }

  /// Whether a password has this hash. Takes tens of milliseconds: that is its purpose.
  /// - Parameter password: with a zero byte behind it.
  /// - Returns: nil when the library does not take the hash as a setting.
  borrowing func matches(_ password: [UInt8], _ hash: PasswordHash) -> Bool? {
    password.withUnsafeBytes { password in
      hash.text.withUnsafeBytes { hash in
        let size = Int32(MemoryLayout<crypt_data>.size)
        let phrase = password.baseAddress!.assumingMemoryBound(to: CChar.self)
        let setting = hash.baseAddress!.assumingMemoryBound(to: CChar.self)
        guard let found = crypt_rn(phrase, setting, data, size) else { return nil }
        // To the end, wherever they differ. libcrypt keeps the output within CRYPT_OUTPUT_SIZE, zero byte included.
        var difference: UInt8 = 0
        var isEnded = false
        for index in 0..<hash.count {
          let byte = isEnded ? 0 : UInt8(bitPattern: found[index])
          if byte == 0 { isEnded = true }
          difference |= byte ^ hash[index]
        }
        return difference == 0
      }
    }
  }
}
