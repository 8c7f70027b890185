import Base
import Testing

@Suite struct PrefixSetTests {
  private func set(_ texts: [String]) throws -> PrefixSet { PrefixSet(try texts.map { try CIDR(parsing: $0) }) }

  @Test func theLongestBlockWins() throws {
    let set = try set([
      "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "2001:db8::/32", "2001:db8:1::/48", "0.0.0.0/0",
    ])
    let table: [(String, Int?)] = [
      ("10.0.0.0", 0), ("10.0.255.255", 0), ("10.1.0.0", 1), ("10.1.1.255", 1), ("10.1.2.0", 2), ("10.1.2.2", 2),
      ("10.1.2.3", 3), ("10.1.2.4", 2), ("10.1.2.255", 2), ("10.1.3.0", 1), ("10.2.0.0", 0), ("10.255.255.255", 0),
      ("9.255.255.255", 6), ("11.0.0.0", 6), ("255.255.255.255", 6), ("0.0.0.0", 6),
      ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", nil), ("2001:db8::", 4), ("2001:db8:1::", 5),
      ("2001:db8:1:ffff:ffff:ffff:ffff:ffff", 5), ("2001:db8:2::", 4), ("2001:db9::", nil), ("::", nil), ("::1", nil),
      ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", nil), ("::ffff:10.1.2.3", 3),
    ]
    for (address, match) in table {
      #expect(set.longestMatch(try #require(IPAddress(address))) == match, "\(address)")
      #expect(set.contains(try #require(IPAddress(address))) == (match != nil), "\(address)")
    }
  }

  @Test func anEmptySetHoldsNothing() {
    let set = PrefixSet([])
    #expect(set.isEmpty)
    #expect(!set.contains(.loopbackIPv4))
    #expect(!set.contains(.loopbackIPv6))
  }

  @Test func everyAddressOfAFamilyIsOnlyOfThatFamily() throws {
    #expect(try set(["::/0"]).contains(.loopbackIPv6))
    #expect(try !set(["::/0"]).contains(.loopbackIPv4))
    #expect(try set(["0.0.0.0/0"]).contains(.loopbackIPv4))
    #expect(try !set(["0.0.0.0/0"]).contains(.loopbackIPv6))
  }

  @Test func ofEqualBlocksTheFirstIsFound() throws {
    let set = try set(["10.0.0.0/8", "10.0.0.0/8", "10.0.0.1", "10.0.0.1", "10.0.0.0/8"])
    #expect(set.longestMatch(IPAddress(ipv4: 0x0A00_0000)) == 0)
    #expect(set.longestMatch(IPAddress(ipv4: 0x0A00_0001)) == 2)
    #expect(set.longestMatch(IPAddress(ipv4: 0x0A00_0002)) == 0)
    #expect(set.longestMatch(IPAddress(ipv4: 0x0B00_0000)) == nil)
  }

  @Test func blocksThatEndTogetherEndOnce() throws {
    let set = try set(["255.0.0.0/8", "255.255.255.0/24", "255.255.255.255", "0.0.0.0/8", "0.0.0.0"])
    #expect(set.longestMatch(IPAddress(ipv4: .max)) == 2)
    #expect(set.longestMatch(IPAddress(ipv4: .max - 1)) == 1)
    #expect(set.longestMatch(IPAddress(ipv4: 0)) == 4)
    #expect(set.longestMatch(IPAddress(ipv4: 1)) == 3)
    #expect(set.longestMatch(IPAddress(ipv4: 0x0100_0000)) == nil)
  }

  /// Every block of the set is asked about every address: what the set must agree with.
  private func naive(_ blocks: [CIDR], _ address: IPAddress) -> Int? {
    var best: Int?
    for (index, block) in blocks.enumerated() where block.contains(address) {
      if best == nil || block.prefixLength > blocks[best!].prefixLength { best = index }
    }
    return best
  }

  @Test(arguments: UInt64(0)..<40)
  func agreesWithTheNaiveSet(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    // Few distinct bits, so that blocks nest, repeat and touch.
    func address() -> IPAddress {
      if generator.below(2) == 0 {
        return IPAddress(ipv4: UInt32(truncatingIfNeeded: generator.next()) & 0xC000_C0C3)
      }
      return IPAddress(
        high: generator.next() & 0xE000_0000_0000_0003, low: generator.next() & 0xC000_0000_0000_0007)
    }
    let blocks = (0..<generator.below(400)).map { _ in
      let address = address()
      return CIDR(address, prefixLength: generator.below(address.isIPv4 ? 33 : 129))
    }
    let set = PrefixSet(blocks)
    var asked = blocks.flatMap { [$0.network, $0.last] }
    for block in blocks {
      let (after, overflow) = block.last.low.addingReportingOverflow(1)
      if !overflow { asked.append(IPAddress(high: block.last.high, low: after)) }
      let (before, underflow) = block.network.low.subtractingReportingOverflow(1)
      if !underflow { asked.append(IPAddress(high: block.network.high, low: before)) }
    }
    asked += (0..<500).map { _ in address() }
    for address in asked {
      #expect(set.longestMatch(address) == naive(blocks, address), "seed \(seed), \(address)")
    }
  }
}
