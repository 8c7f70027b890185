import Base
import Testing

@Suite struct IPAddressTextTests {
  private func read(_ text: String) -> (ipv4: IPAddress?, ipv6: IPAddress?) {
    Array(text.utf8).withUnsafeBytes { (IPAddress(ipv4Text: $0), IPAddress(ipv6Text: $0)) }
  }

  private func write(_ address: IPAddress, mapped: Bool = false) -> String {
    withUnsafeTemporaryAllocation(byteCount: IPAddress.textCapacity, alignment: 1) { buffer in
      let count = address.writeText(to: buffer, mapped: mapped)
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  @Test(arguments: [
    "0.0.0.0", "255.255.255.255", "1.2.3.4", "01.2.3.4", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.1000", "1.2.3.-4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.+4", "00.0.0.0", "", ".", "...", "a.b.c.d", "1.2.3.4\u{0}",
    "99999999999.1.1.1", "::", ":::", "::1", "1::", "1", "1:", ":1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2::3", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "12345::", "g::",
    "::ffff:1.2.3.4",
    "::1.2.3.4", "::1.2.3.4:1", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4",
    "::1:2:3:4:5:1.2.3.4", "::1:2:3:4:5:6:1.2.3.4", "::ffff:1.2.3", "::ffff:01.2.3.4", "fe80::1%eth0", "[::1]", "::+1",
    "::-1",
    "1:::2", "2001:DB8::A", "::ffff:1.2.3.4.", "0:0:0:0:0:0:0:0",
  ])
  func readsWhatTheStringReaderReads(text: String) {
    let expected = IPAddress(text)
    let isIPv6 = text.contains(":")
    let read = read(text)
    #expect(read.ipv4 == (isIPv6 ? nil : expected))
    #expect(read.ipv6 == (isIPv6 ? expected : nil))
  }

  @Test(arguments: ["1.2.3.4::", "1.2.3.4::1", "1:1.2.3.4::", "1.2.3.4:1::", "1.2.3.4:"])
  func anIPv4PartStandsOnlyAtTheEnd(text: String) {
    #expect(read(text).ipv6 == nil)
  }

  @Test(arguments: [
    ("::", "::"), ("0.0.0.0", "0.0.0.0"), ("10.0.255.100", "10.0.255.100"), ("::1", "::1"), ("1::", "1::"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("0:0:1:0:0:0:1:0", "0:0:1::1:0"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("abcd:abc:ab:a:10:100:1000:0", "abcd:abc:ab:a:10:100:1000:0"),
  ])
  func writesTheCanonicalText(text: String, canonical: String) throws {
    let address = try #require(IPAddress(text))
    #expect(write(address) == canonical)
    #expect(address.description == canonical)
  }

  @Test func writesIPv4AsIPv6WhenAsked() {
    #expect(write(IPAddress(ipv4: 0xC000_0201), mapped: true) == "::ffff:192.0.2.1")
    #expect(write(IPAddress(ipv4: .max), mapped: true) == "::ffff:255.255.255.255")
    #expect(write(.loopbackIPv6, mapped: true) == "::1")
  }

  @Test(arguments: UInt64(0)..<4)
  func agreesWithTheStringsOfEveryAddress(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<5000 {
      // Each group is zero, small or anything, so that every kind of gap comes up.
      func word() -> UInt64 {
        (0..<4).reduce(0) { word, _ in
          word << 16 | [0, UInt64(generator.below(16)), generator.next() & 0xFFFF][generator.below(3)]
        }
      }
      let address =
        generator.below(4) == 0
        ? IPAddress(ipv4: UInt32(truncatingIfNeeded: generator.next())) : IPAddress(high: word(), low: word())
      let text = write(address)
      #expect(text == address.description, "seed \(seed)")
      let read = read(text)
      #expect((address.isIPv4 ? read.ipv4 : read.ipv6) == address, "seed \(seed)")
    }
  }

  @Test(arguments: UInt64(0)..<4)
  func agreesWithTheStringReaderOnNoise(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("0123456789abf:::::....".utf8)
    for _ in 0..<20_000 {
      let text = String(
        decoding: (0..<generator.below(24)).map { _ in alphabet[generator.below(alphabet.count)] }, as: UTF8.self)
      // An IPv4 part may stand only at the end of an address.
      if text.contains("."), text.split(separator: ":").dropLast().contains(where: { $0.contains(".") }) { continue }
      let read = read(text)
      #expect((text.contains(":") ? read.ipv6 : read.ipv4) == IPAddress(text), "seed \(seed), \(text)")
    }
  }

  @Test func writesNumbers() {
    for number: UInt32 in [0, 1, 9, 10, 99, 100, 65535, 999_999_999, 1_000_000_000, .max] {
      withUnsafeTemporaryAllocation(byteCount: 10, alignment: 1) { buffer in
        let count = IPAddress.writeDecimal(number, to: buffer)
        #expect(String(decoding: buffer[..<count], as: UTF8.self) == String(number))
      }
    }
  }
}
