import Base
import Testing

@Suite struct IPAddressTests {
  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"),
    ("0.0.0.0", "0.0.0.0"),
    ("255.255.255.255", "255.255.255.255"),
    ("::", "::"),
    ("::1", "::1"),
    ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("fe80::", "fe80::"),
    ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
    ("0001:0002::0009", "1:2::9"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::ffff:c000:0201", "192.0.2.1"),
    ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"),
  ])
  func readsAndWritesTheCanonicalText(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "01.2.3.4", "1.2.3.+4", "1.2.3.-0",
    "1.2.3.4 ", "0x1.2.3.4", "1.2.3.٤",
    ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1::", "1::2::3", "1:2:3:4:5:6:7:8::", "12345::", "g::",
    ":1", "1:", "::1:", "1.2.3.4::", "1:1.2.3.4::2", "::1.2.3", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "-0::", "+1::",
    "::-0", "::1%eth0", "[::1]", "::1 ", "::\u{301}", String(repeating: "0:", count: 30) + "0",
  ])
  func refusesWhatIsNone(text: String) {
    #expect(IPAddress(text) == nil)
  }

  /// Every address is read back as it was written; half of the groups are zero, for the runs to be shortened.
  @Test(arguments: 0..<8 as Range<UInt64>)
  func writesWhatItReads(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      var words: [UInt64] = [0, 0]
      for index in 0..<8 where random.below(2) == 0 {
        words[index / 4] |= UInt64(random.below(0x10000) >> random.below(16)) << UInt64(16 * (index % 4))
      }
      let address = IPAddress(high: words[0], low: words[1])
      #expect(IPAddress(address.description) == address, "seed \(seed): \(address)")
    }
  }

  @Test func oneClientIsOneAddress() {
    #expect(IPAddress("::ffff:10.0.0.1") == IPAddress("10.0.0.1"))
    #expect(IPAddress("10.0.0.1")!.ipv4 == 0x0A00_0001)
    #expect(IPAddress("::1")!.ipv4 == nil)
    // An IPv4-compatible address of old is no IPv4 address (RFC 4291, 2.5.5.1).
    #expect(!IPAddress("::10.0.0.1")!.isIPv4)
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.255.0.3", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
    ("::", false), ("0.0.0.0", false),
  ])
  func loopback(text: String, isLoopback: Bool) {
    #expect(IPAddress(text)!.isLoopback == isLoopback)
  }
}
