import Base
import Testing

@Suite struct CIDRTests {
  @Test(arguments: [
    // text, the text again, first and last address
    ("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
    ("0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
    ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("192.0.2.128/25", "192.0.2.128/25", "192.0.2.128", "192.0.2.255"),
    ("128.0.0.0/1", "128.0.0.0/1", "128.0.0.0", "255.255.255.255"),
    ("::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::/32", "2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::/64", "2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
    ("2001:db8::/65", "2001:db8::/65", "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff"),
    ("2001:DB8::1/128", "2001:db8::1", "2001:db8::1", "2001:db8::1"),
    ("::1", "::1", "::1", "::1"),
    ("8000::/1", "8000::/1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("::ffff:10.0.0.0/104", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
    ("::ffff:0:0/96", "0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
    ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
  ])
  func reads(text: String, canonical: String, first: String, last: String) throws {
    let block = try CIDR(parsing: text)
    #expect(block.description == canonical)
    #expect(block.network == IPAddress(first))
    #expect(block.last == IPAddress(last))
    #expect(try CIDR(parsing: block.description) == block)
  }

  @Test(arguments: [
    ("", "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32"),
    ("/8", "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32"),
    ("example.com", "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32"),
    ("10.0.0/8", "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32"),
    ("10.0.0.0:80", "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32"),
    ("10.0.0.0 /8", "does not begin with an IP address: write for example 10.0.0.0/8 or 2001:db8::/32"),
    ("[2001:db8::]/32", "has brackets: write a block without them, for example 2001:db8::/32"),
    ("10.0.0.0/", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/33", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/08", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/-1", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/+8", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/8/8", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/255.0.0.0", "has no valid prefix length: 0…32 expected after the slash"),
    ("10.0.0.0/99999999999999999999", "has no valid prefix length: 0…32 expected after the slash"),
    ("2001:db8::/129", "has no valid prefix length: 0…128 expected after the slash"),
    ("::ffff:10.0.0.0/129", "has no valid prefix length: 0…128 expected after the slash"),
    ("10.1.2.3/8", "has bits set behind its prefix: write 10.0.0.0/8, or 10.1.2.3 for the one address"),
    ("1.0.0.0/0", "has bits set behind its prefix: write 0.0.0.0/0, or 1.0.0.0 for the one address"),
    ("192.0.2.129/25", "has bits set behind its prefix: write 192.0.2.128/25, or 192.0.2.129 for the one address"),
    ("2001:db8::1/64", "has bits set behind its prefix: write 2001:db8::/64, or 2001:db8::1 for the one address"),
    ("::1/0", "has bits set behind its prefix: write ::/0, or ::1 for the one address"),
    (
      "::ffff:10.0.0.0/80",
      "has bits set behind its prefix: write an IPv4 block as IPv4, for example 10.0.0.0/8"
    ),
    ("::ffff:10.0.0.1/104", "has bits set behind its prefix: write 10.0.0.0/8, or 10.0.0.1 for the one address"),
  ])
  func refuses(text: String, words: String) {
    #expect(throws: CIDR.Malformed(words)) { try CIDR(parsing: text) }
  }

  @Test func keepsTheFamiliesApart() throws {
    let everyIPv6 = try CIDR(parsing: "::/0")
    let everyIPv4 = try CIDR(parsing: "0.0.0.0/0")
    #expect(everyIPv4.contains(.loopbackIPv4))
    #expect(!everyIPv4.contains(.loopbackIPv6))
    #expect(!everyIPv4.contains(.anyIPv6))
    #expect(everyIPv6.contains(.loopbackIPv6))
    #expect(!everyIPv6.contains(.loopbackIPv4))
  }

  @Test func holdsItsEdgesAndNothingBeyond() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<10_000 {
      let address =
        generator.below(2) == 0
        ? IPAddress(ipv4: UInt32(truncatingIfNeeded: generator.next()))
        : IPAddress(high: generator.next(), low: generator.next())
      let block = CIDR(address, prefixLength: generator.below(address.isIPv4 ? 33 : 129))
      #expect(block.contains(address))
      #expect(block.contains(block.network))
      #expect(block.contains(block.last))
      let (before, underflow) = block.network.low.subtractingReportingOverflow(1)
      if !underflow { #expect(!block.contains(IPAddress(high: block.network.high, low: before))) }
      let (after, overflow) = block.last.low.addingReportingOverflow(1)
      if !overflow { #expect(!block.contains(IPAddress(high: block.last.high, low: after))) }
    }
  }

  @Test func holdsALengthOutOfRangeAtTheEnds() {
    #expect(CIDR(.loopbackIPv4, prefixLength: -1).description == "0.0.0.0/0")
    #expect(CIDR(.loopbackIPv4, prefixLength: 200).description == "127.0.0.1")
    #expect(CIDR(.loopbackIPv6, prefixLength: .max).description == "::1")
    #expect(CIDR(.loopbackIPv6, prefixLength: .min).description == "::/0")
  }
}
