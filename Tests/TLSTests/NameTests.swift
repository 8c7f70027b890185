import Base
import Testing

@testable import TLS

@Suite struct NameTests {
  @Test(arguments: [
    ("example.com", "example.com"), ("EXAMPLE.Com", "example.com"), ("example.com.", "example.com"),
    ("a", "a"), ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("a_b.example", "a_b.example"),
    ("127.0.0.1", "127.0.0.1"),
  ])
  func hostNames(text: String, name: String) {
    #expect(HostName(text)?.description == name)
  }

  @Test(arguments: [
    "", ".", "..", "a..b", ".a", "a..", "a b", "a\0b", "a\0", "*.example.com", "bücher.example", "a/b", "a:443",
    String(repeating: "a", count: 64) + ".com", String(repeating: "abcdefgh.", count: 29) + "com",
  ])
  func noHostNames(text: String) {
    #expect(HostName(text) == nil)
  }

  @Test func theLongestHostName() {
    let longest = String(repeating: "abcdefg.", count: 31) + "abcde"
    #expect(longest.utf8.count == 253)
    #expect(HostName(longest) != nil)
    #expect(HostName(longest + ".") != nil)
    #expect(HostName(longest + "f") == nil)
  }

  /// RFC 9525, 6.3: a star is a whole first label, and stands for one label.
  @Test(arguments: [
    ("example.com", "example.com", true), ("Example.COM", "eXample.com", true),
    ("example.com", "www.example.com", false),
    ("*.example.com", "www.example.com", true), ("*.example.com", "WWW.example.com", true),
    ("*.example.com", "example.com", false), ("*.example.com", "a.b.example.com", false),
    ("*.example.com", ".example.com", false), ("*.example.com", "www.example.org", false),
    ("*.example.com", "xexample.com", false), ("*.b.example.com", "a.b.example.com", true),
  ])
  func matching(pattern: String, name: String, isMatch: Bool) throws {
    let pattern = try #require(CertificateName(pattern))
    #expect((HostName(name).map { pattern.matches($0) } ?? false) == isMatch)
    var table = NameTable<Int>()
    table[pattern] = 1
    #expect((HostName(name).flatMap { table.value(for: $0) } != nil) == isMatch)
  }

  @Test(arguments: [
    "*", "*.", "*.com", "w*.example.com", "*w.example.com", "www.*.com", "*.*.example.com", "**.example.com",
    "www.example.com\0.evil.example", "*.example\0.com", "", "*example.com", "*..com",
  ])
  func noCertificateNames(text: String) {
    #expect(CertificateName(text) == nil)
  }

  @Test func anExactNameIsFoundBeforeAWildcard() throws {
    var table = NameTable<String>()
    table[try #require(CertificateName("*.example.com"))] = "wildcard"
    table[try #require(CertificateName("www.example.com"))] = "exact"
    #expect(table.value(for: try #require(HostName("www.example.com"))) == "exact")
    #expect(table.value(for: try #require(HostName("api.example.com"))) == "wildcard")
    #expect(table.value(for: try #require(HostName("example.com"))) == nil)
  }

  @Test(arguments: [
    ("app.example", "app.example"), ("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1"), ("[::1]", nil),
    ("a b", nil), ("", nil), ("unix:/x", nil),
  ])
  func serverNames(text: String, name: String?) {
    #expect(TLSServerName(text)?.description == name)
  }
}

@Suite struct ServerNameExtensionTests {
  private func parse(_ bytes: [UInt8]) -> ServerNameExtension {
    bytes.withUnsafeBytes { ServerNameExtension($0) }
  }

  private func entry(_ name: [UInt8], type: UInt8 = 0) -> [UInt8] {
    [type, UInt8(name.count >> 8), UInt8(name.count & 0xFF)] + name
  }

  private func list(_ entries: [UInt8]) -> [UInt8] {
    [UInt8(entries.count >> 8), UInt8(entries.count & 0xFF)] + entries
  }

  @Test func aName() throws {
    let name = try #require(HostName("app.example"))
    #expect(parse(list(entry(Array("app.example".utf8)))) == .host(name))
    #expect(parse(list(entry(Array("APP.example.".utf8)))) == .host(name))
    // Another type of name, which nobody has defined, beside it.
    #expect(parse(list(entry([1, 2], type: 7) + entry(Array("app.example".utf8)))) == .host(name))
  }

  @Test func somethingElse() {
    #expect(parse(list(entry(Array("::1".utf8)))) == .other)
    #expect(parse(list(entry(Array("a b".utf8)))) == .other)
    #expect(parse(list(entry([1], type: 7))) == .other)
  }

  @Test func malformed() {
    let good = list(entry(Array("app.example".utf8)))
    for count in 0..<good.count { #expect(parse(Array(good.prefix(count))) == .malformed, "\(count) bytes") }
    #expect(parse(good + [0]) == .malformed)
    #expect(parse(list(entry([]))) == .malformed)
    #expect(parse(list(entry(Array("a\0b".utf8)))) == .malformed)
    #expect(parse(list(entry(Array("a".utf8)) + entry(Array("b".utf8)))) == .malformed)
    #expect(parse(list(entry([UInt8](repeating: 97, count: 256)))) == .malformed)
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func anyBytesAreRead(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let good = list(entry(Array("app.example".utf8)))
    for _ in 0..<2000 {
      var bytes = random.below(2) == 0 ? random.bytes(random.below(40)) : good
      for _ in 0..<random.below(4) where !bytes.isEmpty { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
      _ = parse(bytes)
    }
  }
}

@Suite struct RecordSizingTests {
  private let second: UInt64 = 1_000_000_000

  /// The records that a write of so many bytes is cut into.
  private func write(_ count: Int, _ sizing: inout RecordSizing, at nanoseconds: UInt64) -> [Int] {
    var sizes: [Int] = []
    var left = count
    sizing.begin(now: Instant(nanoseconds: nanoseconds))
    while left > 0 {
      let size = sizing.next(left)
      sizes.append(size)
      sizing.wrote(size)
      left -= size
    }
    return sizes
  }

  @Test func smallAtFirstThenLarge() {
    var sizing = RecordSizing()
    let sizes = write(200_000, &sizing, at: 5 * second)
    #expect(sizes.prefix(16).allSatisfy { $0 == 4096 })
    #expect(sizes.dropFirst(16).dropLast().allSatisfy { $0 == 16384 })
    #expect(sizes.reduce(0, +) == 200_000)
    #expect(write(16384, &sizing, at: 6 * second) == [16384])
  }

  @Test func smallAgainAfterARest() {
    var sizing = RecordSizing()
    _ = write(200_000, &sizing, at: 5 * second)
    #expect(write(8192, &sizing, at: 6 * second + 1) == [4096, 4096])
    #expect(write(20_000, &sizing, at: 6 * second + 2).first == 4096)
  }

  @Test func nothingIsAddedToWhatIsShort() {
    var sizing = RecordSizing()
    #expect(write(1, &sizing, at: 0) == [1])
    #expect(write(4097, &sizing, at: 0) == [4096, 1])
    #expect(write(0, &sizing, at: 0) == [])
  }
}
