import Base
import Testing

@Suite struct HostPatternTests {
  @Test(arguments: [
    ("www.Example.COM", "www.example.com"), ("*.example.com", "*.example.com"), ("192.0.2.1", "192.0.2.1"),
    ("[2001:DB8:0::1]", "[2001:db8::1]"), ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"), ("localhost", "localhost"),
  ])
  func whatIsAHost(text: String, written: String) throws {
    let pattern = try HostPattern(parsing: text)
    #expect(pattern.description == written)
    #expect(try HostPattern(parsing: written) == pattern)
  }

  @Test(arguments: [
    ("2001:db8::1", "has no brackets: write [2001:db8::1], as a URI does"),
    ("a:8080", "has a colon: a name has no port"),
    ("*", "takes every host: leave \"host\" out"),
    ("a.*.b", "has a star elsewhere than as its first label: write for example *.example.com"),
    ("[192.0.2.1]", "is not a host name"), ("[]", "is not a host name"), ("[::1", "has a colon: a name has no port"),
    ("", "is not a host name"), ("a.", "ends in a dot: write a"),
  ])
  func whatIsNone(text: String, why: String) {
    #expect(throws: SNIPattern.Malformed(why)) { try HostPattern(parsing: text) }
  }

  @Test func whoTakesWhom() throws {
    func covers(_ wide: String, _ narrow: String) throws -> Bool {
      try HostPattern(parsing: wide).covers(HostPattern(parsing: narrow))
    }
    #expect(try covers("*.a.b", "x.a.b") && covers("*.a.b", "*.x.a.b") && covers("*.a.b", "*.a.b"))
    #expect(try covers("a.b", "A.b"))
    #expect(try !covers("*.a.b", "a.b") && !covers("a.b", "*.a.b") && !covers("*.a.b", "xa.b"))
    #expect(try !covers("x.a.b", "*.a.b"))
  }
}
