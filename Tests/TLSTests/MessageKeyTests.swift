import TLSFixtures
import Testing

@testable import TLS

struct MessageKeyTests {
  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  private func code(_ key: MessageKey, _ fields: [String]) throws -> MessageCode {
    var authenticator = try present(MessageAuthenticator(key))
    authenticator.begin()
    for field in fields { Array(field.utf8).withUnsafeBytes { authenticator.add($0) } }
    let code = authenticator.finish()
    return try #require(code)
  }

  /// The bytes of `printf '\0\0\0\0\0\0\0\002hi' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY`, the key being
  /// that of the purpose `test` under 32 zero bytes.
  @Test
  func codesAreThoseOfHMACWithSHA256() throws {
    let key = try #require(
      [UInt8](repeating: 0, count: 32).withUnsafeBytes { MessageKey.derived(from: $0, purpose: "test") })
    #expect(hexadecimal(key.bytes) == "43b0cef99265f9e34c10ea9d3501926d27b39f57c6d674561d8ba236e7a819fb")
    #expect(
      try code(key, ["hi"]).withBytes { hexadecimal(Array($0)) }
        == "e8f95065cc4440039d486f89c6e48be8cb9012dc5106bf5a2c967ee9ac53f369")
  }

  @Test
  func aCodeBelongsToItsKeyAndItsFields() throws {
    let key = try #require(MessageKey.random())
    let other = try #require(MessageKey.random())
    #expect(try code(key, ["a", "bc"]) == code(key, ["a", "bc"]))
    #expect(try code(key, ["a", "bc"]) != code(key, ["ab", "c"]))
    #expect(try code(key, ["a", ""]) != code(key, ["a"]))
    #expect(try code(key, []) != code(other, []))
  }

  @Test
  func whatWasBegunIsForgotten() throws {
    let key = try #require(MessageKey.random())
    var authenticator = try present(MessageAuthenticator(key))
    authenticator.begin()
    [UInt8(1), 2, 3].withUnsafeBytes { authenticator.add($0) }
    authenticator.begin()
    let empty = authenticator.finish()
    #expect(try empty == code(key, []))
  }

  @Test
  func aMessageAllocatesNothingAndAnAuthenticatorLeavesNothing() throws {
    let key = try #require(MessageKey.random())
    // What the library makes once stays.
    _ = try code(key, ["warm"])
    let before = OpenSSLMemory.ofThisThread
    do {
      var authenticator = try present(MessageAuthenticator(key))
      authenticator.begin()
      _ = authenticator.finish()
      let inUse = OpenSSLMemory.ofThisThread
      for _ in 0..<100 {
        authenticator.begin()
        [UInt8](repeating: 7, count: 1000).withUnsafeBytes { authenticator.add($0) }
        let code = authenticator.finish()
        #expect(code != nil)
      }
      #expect(OpenSSLMemory.ofThisThread == inUse)
    }
    #expect(OpenSSLMemory.ofThisThread == before)
  }

  @Test
  func aSecretThatIsTooShortMakesNoKey() {
    #expect([UInt8](repeating: 1, count: 31).withUnsafeBytes { MessageKey.derived(from: $0, purpose: "test") } == nil)
  }

  @Test
  func secretsAreWiped() {
    var secret: [UInt8] = [1, 2, 3]
    MessageKey.wipe(&secret)
    #expect(secret == [0, 0, 0])
  }
}
