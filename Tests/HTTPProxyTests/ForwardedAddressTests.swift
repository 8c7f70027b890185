import Base
import Testing

@testable import HTTPProxy

struct ForwardedAddressTests {
  private let trusted = try! PrefixSet([CIDR(parsing: "10.0.0.0/8"), CIDR(parsing: "2001:db8::/32")])

  /// Lines in the order of the request.
  private func client(
    _ lines: [String], peer: String = "10.0.0.1", _ field: ForwardedAddress.Field = .forwardedFor
  ) -> String {
    var walk = ForwardedAddress(peer: IPAddress(peer)!, trusted: trusted)
    for line in lines.reversed() where walk.isOpen { lending(line) { walk.read($0, field, trusted: trusted) } }
    return walk.client.description
  }

  @Test
  func aPeerThatIsNotTrustedIsTheClient() {
    #expect(client(["1.2.3.4"], peer: "192.0.2.1") == "192.0.2.1")
    #expect(client([]) == "10.0.0.1")
  }

  @Test
  func theRightmostThatIsNotTrustedIsTheClient() {
    #expect(client(["192.0.2.7"]) == "192.0.2.7")
    #expect(client(["1.1.1.1, 192.0.2.7, 10.0.0.9"]) == "192.0.2.7")
    #expect(client(["1.1.1.1", "192.0.2.7", "10.9.9.9 ,\t10.0.0.9"]) == "192.0.2.7")
    #expect(client(["10.0.0.3, 10.0.0.2"]) == "10.0.0.3", "all are trusted: the first of them")
    #expect(client(["192.0.2.7:4711, [2001:db8::9]:80, 2001:db8::8"]) == "192.0.2.7")
    #expect(client(["2001:4860::1, 10.0.0.2"]) == "2001:4860::1")
    #expect(client(["192.0.2.7,, ,10.0.0.2,"]) == "192.0.2.7")
    #expect(client(["::ffff:192.0.2.7"]) == "192.0.2.7")
  }

  @Test
  func nonsenseEndsTheWalkAtTheLastWhoIsKnown() {
    for hostile in [
      "unknown", "_hidden", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:123456", "1.2.3.4:x", "[::1",
      "[::1]x",
      "[1.2.3.4]", "01.2.3.4", "256.1.1.1", "1.2.3.4 5", "\"1.2.3.4\"", "::1%eth0", "1.2.3.4\u{0}",
    ] {
      #expect(client(["1.1.1.1, \(hostile), 10.0.0.5"]) == "10.0.0.5", "\(hostile)")
    }
  }

  @Test
  func theStandardFieldIsRead() {
    func client(_ lines: String...) -> String { self.client(lines, .forwarded) }
    #expect(client("for=192.0.2.60;proto=http;by=203.0.113.43") == "192.0.2.60")
    #expect(client("for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\"") == "192.0.2.43")
    #expect(client("proto=https; FOR=\"192.0.2.43:80\" ;host=\"a,b;c\", for=10.0.0.2") == "192.0.2.43")
    #expect(client("for=192.0.2.43", "for=10.0.0.2;by=_x") == "192.0.2.43")
    #expect(client("for=\"192.0.2.43:_secret\"") == "192.0.2.43")
    for hostile in [
      "for=unknown", "for=_x", "by=1.2.3.4", "for=1.2.3.4;for=1.2.3.5", "for=\"1.2.3.4", "for=", "for", "for=\"\"",
      "proto=\"http;for=1.2.3.4", "for=\"1\\.2.3.4\"",
    ] {
      #expect(client("for=1.1.1.1, \(hostile), for=10.0.0.5") == "10.0.0.5", "\(hostile)")
    }
  }

  /// A client opens a quote that swallows, for whoever reads from the front, what the trusted proxies added.
  @Test
  func anOpenQuoteOfTheClientHidesNothing() {
    #expect(client(["for=\"6.6.6.6, for=192.0.2.7, for=10.0.0.5"], .forwarded) == "192.0.2.7")
    #expect(client(["for=\"6.6.6.6", "for=192.0.2.7"], .forwarded) == "192.0.2.7")
  }

  @Test
  func longChainsAreBounded() {
    let many = Array(repeating: "10.0.0.2", count: 100).joined(separator: ",")
    #expect(client(["6.6.6.6," + many]) == "10.0.0.2")
    #expect(client(["6.6.6.6," + Array(repeating: "10.0.0.2", count: 31).joined(separator: ",")]) == "6.6.6.6")
    #expect(client(["6.6.6.6" + String(repeating: ",", count: 5000)]) == "10.0.0.1")
    #expect(client([String(repeating: "6", count: 100_000) + ".6.6.6, 10.0.0.2"]) == "10.0.0.2")
    #expect(client([String(repeating: "x", count: 100_000) + ", 192.0.2.7, 10.0.0.2"]) == "192.0.2.7")
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func anyBytesAreTaken(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("for=10.0,;\"[]: \t_2001:db8\u{0}\\é".utf8)
    for _ in 0..<300 {
      var walk = ForwardedAddress(peer: IPAddress("10.0.0.1")!, trusted: trusted)
      let line = (0..<random.below(80)).map { _ in alphabet[random.below(alphabet.count)] }
      line.withUnsafeBytes { walk.read($0, random.below(2) == 0 ? .forwarded : .forwardedFor, trusted: trusted) }
    }
  }
}
