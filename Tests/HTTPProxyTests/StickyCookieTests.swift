import Base
import TLS
import Testing

@testable import HTTPProxy

struct StickyCookieTests {
  private let key = MessageKey.random()!

  private let backends = ["app1", "app2", "10.0.0.3:8080"]

  private func tokens(_ keys: MessageKey..., pool: String = "web") throws -> StickyTokens {
    try #require(StickyTokens(keys: keys, pool: pool, backends: backends))
  }

  private func value(_ tokens: StickyTokens, _ backend: Int, issued: Int64 = 1000) -> String {
    written(StickyTokens.valueLength) {
      tokens.write(backend, issued: issued, to: $0)
      return StickyTokens.valueLength
    }
  }

  @Test
  func aTokenLeadsBackToItsBackend() throws {
    let tokens = try tokens(key)
    for backend in backends.indices {
      let value = value(tokens, backend, issued: 1_795_000_000)
      #expect(
        lending(value, tokens.visit) == StickyTokens.Visit(backend: backend, issued: 1_795_000_000, isCurrent: true))
      // Made anew, as by a reload, it is the same.
      #expect(try lending(value, self.tokens(key).visit)?.backend == backend)
    }
    #expect(Set(backends.indices.map { value(tokens, $0) }).count == 3)
  }

  @Test
  func tokensOfOthersAreNone() throws {
    let tokens = try tokens(key)
    let foreign = try [self.tokens(MessageKey.random()!), self.tokens(key, pool: "api")]
    for other in foreign { #expect(lending(value(other, 0), tokens.visit) == nil) }
    let own = value(tokens, 0)
    #expect(!own.contains("app1"))
    // A client that changes any digit of the token gets nowhere.
    for index in 0..<32 {
      var digits = Array(own.utf8)
      digits[index] = digits[index] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
      #expect(digits.withUnsafeBytes(tokens.visit) == nil)
    }
    for hostile in [
      "", "app1", own + "0", String(own.dropLast()), own.uppercased() + "", String(repeating: "é", count: 20),
    ] {
      if hostile != own { #expect(lending(hostile, tokens.visit) == nil, "\(hostile)") }
    }
    let none = try #require(StickyTokens(keys: [key], pool: "web", backends: []))
    #expect(lending(own, none.visit) == nil)
  }

  @Test
  func aNewKeyLeavesOldCookiesValid() throws {
    let former = try tokens(key)
    let both = try tokens(MessageKey.random()!, key)
    let visit = try #require(lending(value(former, 2), both.visit))
    #expect(visit.backend == 2 && !visit.isCurrent)
    let cookie = try StickyCookie(name: "SRV", isSecure: false)
    #expect(cookie.mustSet(visit, served: 2, now: seconds(1000)))
    #expect(lending(value(both, 1), both.visit)?.isCurrent == true)
  }

  @Test
  func machinesWithTheSameSecretAgree() throws {
    let secret = [UInt8](repeating: 7, count: 80)
    func machine() throws -> StickyTokens {
      try tokens(#require(secret.withUnsafeBytes { MessageKey.derived(from: $0, purpose: "sticky cookie") }))
    }
    #expect(try lending(value(machine(), 1), machine().visit)?.backend == 1)
  }

  @Test
  func theFieldSaysWhatWasAskedFor() throws {
    let tokens = try tokens(key)
    func field(_ cookie: StickyCookie) -> String {
      written(cookie.length) { cookie.write(tokens, backend: 0, now: seconds(1000), to: $0) }
    }
    let value = value(tokens, 0)
    #expect(
      try field(StickyCookie(name: "SRV", lifetime: .seconds(3600), isSecure: true, sameSite: .none))
        == "SRV=\(value); Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None")
    #expect(
      try field(StickyCookie(name: "SRV", isSecure: false, isHTTPOnly: false)) == "SRV=\(value); Path=/; SameSite=Lax")
  }

  @Test
  func whatNoBrowserKeepsIsRefused() {
    for name in ["", "a b", "a=b", "a;b", "é", "a\r\nX: y", String(repeating: "a", count: 129)] {
      #expect(throws: StickyCookie.Refused.self, "\(name)") { try StickyCookie(name: name, isSecure: true) }
    }
    #expect(throws: StickyCookie.Refused.self) { try StickyCookie(name: "a", isSecure: false, sameSite: .none) }
    #expect(throws: StickyCookie.Refused.self) { try StickyCookie(name: "__Host-a", isSecure: false) }
    #expect(throws: Never.self) { try StickyCookie(name: "__Host-a", isSecure: true) }
  }

  @Test
  func theCookieIsSetWhenItHasToBe() throws {
    let cookie = try StickyCookie(name: "SRV", lifetime: .seconds(800), isSecure: false)
    func mustSet(age: Int64, backend: Int = 1) -> Bool {
      cookie.mustSet(.init(backend: 1, issued: 10_000 - age, isCurrent: true), served: backend, now: seconds(10_000))
    }
    #expect(cookie.mustSet(nil, served: 0, now: seconds(0)))
    #expect(!mustSet(age: 0) && !mustSet(age: 100) && mustSet(age: 101))
    #expect(mustSet(age: 0, backend: 2))
    #expect(!mustSet(age: -60) && mustSet(age: -61))
    let ofSession = try StickyCookie(name: "SRV", isSecure: false)
    let old = StickyTokens.Visit(backend: 1, issued: 0, isCurrent: true)
    #expect(ofSession.mustSet(old, served: 1, now: seconds(1 << 31)) == false)
  }

  @Test
  func theCookieIsFoundAmongOthers() {
    func find(_ field: String, _ name: String = "SRV") -> String? {
      lending(field) { field in
        CookieHeader.value(of: Array(name.utf8), in: field).map { String(decoding: $0, as: UTF8.self) }
      }
    }
    #expect(find("SRV=x") == "x")
    #expect(find("a=SRV=y; SRV=x") == "x")
    #expect(find("XSRV=y;SRV=x;SRV=z") == "x")
    #expect(find("SRV=\"x\"") == "x")
    #expect(find("SRV=\"") == "\"")
    #expect(find("SRV=\"\"") == "")
    #expect(find("; ;\t SRV=x \t; b") == "x")
    #expect(find("SRV=a=b==") == "a=b==")
    #expect(find("SRV=") == "")
    for field in ["", "SRV", "srv=x", "SRV =x", ";;;", "=x", "a=1; b=\"SRV=x\""] {
      #expect(find(field) == nil, "\(field)")
    }
    #expect(find(String(repeating: "a=1;", count: 300) + "SRV=x") == nil)
    #expect(find(String(repeating: "a=1;", count: 200) + "SRV=x") == "x")
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func anyBytesAreTaken(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let tokens = try tokens(key)
    let cookie = try StickyCookie(name: "S", isSecure: false)
    let alphabet = Array("S=;\" \t0afZ\u{0}é".utf8)
    for _ in 0..<300 {
      let field = (0..<random.below(80)).map { _ in alphabet[random.below(alphabet.count)] }
      #expect(field.withUnsafeBytes { cookie.visit(in: $0, tokens) } == nil)
    }
  }
}
