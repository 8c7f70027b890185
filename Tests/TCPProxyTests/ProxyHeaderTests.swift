import Base
import Testing

@testable import TCPProxy

private func parse(_ bytes: some Sequence<UInt8>, accepting accepted: ProxyHeader.Accepted = .any) -> ProxyHeader.Answer
{
  Array(bytes).withUnsafeBytes { ProxyHeader.parse($0, accepting: accepted) }
}

private func ip(_ text: String, _ port: UInt16) -> SocketAddress { .ip(IPAddress(text)!, port: port) }

private let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

/// A header of version 2 with whatever is put into it; the length is that of `rest` unless it is a lie.
private func v2(_ command: UInt8, _ family: UInt8, _ rest: [UInt8] = [], length: Int? = nil) -> [UInt8] {
  let length = length ?? rest.count
  return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + rest
}

private func tlv(_ type: UInt8, _ value: [UInt8], length: Int? = nil) -> [UInt8] {
  let length = length ?? value.count
  return [type, UInt8(length >> 8), UInt8(length & 0xFF)] + value
}

/// The same header with its checksum, in a TLV whose value is zero so far, filled in.
private func checksummed(_ header: [UInt8], at offset: Int) -> [UInt8] {
  var header = header
  let checksum = header.withUnsafeBytes { CRC32C.checksum($0) }
  for index in 0..<4 { header[offset + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * index)) }
  return header
}

private let ipv4Addresses: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 0x01, 0xBB]
private let ipv4Origin = ProxyHeader.Origin.proxied(
  source: ip("192.0.2.1", 56324), destination: ip("198.51.100.7", 443))
private let ipv6Addresses: [UInt8] =
  [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] + [
    0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
  ]
  + [0xDC, 0x04, 0x01, 0xBB]
private let ipv6Origin = ProxyHeader.Origin.proxied(
  source: ip("2001:db8::1", 56324), destination: ip("2001:db8::2", 443))

private func path(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: 108 - bytes.count) }

@Suite struct ProxyHeaderTests {
  struct Valid: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let version: ProxyHeader.Version
    let origin: ProxyHeader.Origin
    var testDescription: String { name }

    init(_ name: String, _ bytes: [UInt8], _ version: ProxyHeader.Version, _ origin: ProxyHeader.Origin) {
      (self.name, self.bytes, self.version, self.origin) = (name, bytes, version, origin)
    }

    init(line: String, _ origin: ProxyHeader.Origin) { self.init(line, Array("\(line)\r\n".utf8), .v1, origin) }
  }

  static let valid: [Valid] = [
    Valid(line: "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443", ipv4Origin),
    Valid(
      line: "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
      .proxied(source: ip("255.255.255.255", 65535), destination: ip("255.255.255.255", 65535))),
    Valid(
      line: "PROXY TCP4 0.0.0.0 0.0.0.0 0 0", .proxied(source: ip("0.0.0.0", 0), destination: ip("0.0.0.0", 0))),
    Valid(line: "PROXY TCP6 2001:db8::1 2001:DB8::2 56324 443", ipv6Origin),
    Valid(line: "PROXY TCP6 :: :: 0 0", .proxied(source: ip("::", 0), destination: ip("::", 0))),
    Valid(
      line: "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535",
      .proxied(
        source: ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
        destination: ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 65535))),
    Valid(line: "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6407 56324 443", ipv4Origin),
    Valid(line: "PROXY UNKNOWN", .unknown),
    Valid(line: "PROXY UNKNOWN ", .unknown),
    Valid(line: "PROXY UNKNOWN whatever stands here \u{0}\u{1}", .unknown),
    Valid(
      line: "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
      .unknown),
    Valid("LOCAL without anything", v2(0x20, 0x00), .v2, .local),
    Valid("LOCAL whose addresses are ignored", v2(0x20, 0x11, ipv4Addresses), .v2, .local),
    Valid("LOCAL whose family is ignored", v2(0x20, 0xFF, [1, 2, 3]), .v2, .local),
    Valid("LOCAL with too few bytes for its family", v2(0x20, 0x21, [1, 2, 3]), .v2, .local),
    Valid("LOCAL with a TLV", v2(0x20, 0x00, tlv(0x05, [1, 2])), .v2, .local),
    Valid("LOCAL with a checksum", checksummed(v2(0x20, 0x00, tlv(0x03, [0, 0, 0, 0])), at: 19), .v2, .local),
    Valid("UNSPEC", v2(0x21, 0x00), .v2, .unknown),
    Valid("UNSPEC with bytes that mean nothing", v2(0x21, 0x00, [1, 2, 3, 4, 5]), .v2, .unknown),
    Valid("a family without a transport", v2(0x21, 0x10, [9]), .v2, .unknown),
    Valid("a transport without a family", v2(0x21, 0x01, [9]), .v2, .unknown),
    Valid("TCP over IPv4", v2(0x21, 0x11, ipv4Addresses), .v2, ipv4Origin),
    Valid("UDP over IPv4", v2(0x21, 0x12, ipv4Addresses), .v2, .unknown),
    Valid("TCP over IPv6", v2(0x21, 0x21, ipv6Addresses), .v2, ipv6Origin),
    Valid("UDP over IPv6", v2(0x21, 0x22, ipv6Addresses), .v2, .unknown),
    Valid(
      "IPv4 in IPv6 form",
      v2(
        0x21, 0x21,
        [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 192, 0, 2, 1] + [UInt8](repeating: 0, count: 10)
          + [0xFF, 0xFF, 198, 51, 100, 7] + [0xDC, 0x04, 0x01, 0xBB]),
      .v2, ipv4Origin),
    Valid(
      "a UNIX stream", v2(0x21, 0x31, path(Array("/run/a.sock".utf8)) + path(Array("/run/b".utf8))), .v2,
      .proxied(source: .unix("/run/a.sock"), destination: .unix("/run/b"))),
    Valid(
      "a UNIX stream from a socket without a name", v2(0x21, 0x31, path([]) + path(Array("/b".utf8))), .v2,
      .proxied(source: .unix(""), destination: .unix("/b"))),
    Valid(
      "a UNIX stream of the abstract namespace and of a path without its closing zero",
      v2(0x21, 0x31, path([0] + Array("name".utf8)) + [UInt8](repeating: UInt8(ascii: "x"), count: 108)), .v2,
      .proxied(source: .unix("@name"), destination: .unix(String(repeating: "x", count: 108)))),
    Valid(
      "a UNIX path that would forge a line of the log", v2(0x21, 0x31, path(Array("/a\n\u{7F}b".utf8)) + path([0xFF])),
      .v2, .proxied(source: .unix("/a??b"), destination: .unix("\u{FFFD}"))),
    Valid("UNIX datagrams", v2(0x21, 0x32, path([]) + path([])), .v2, .unknown),
    Valid(
      "TLVs of every known type",
      v2(
        0x21, 0x11,
        ipv4Addresses + tlv(0x01, Array("h2".utf8)) + tlv(0x02, Array("example.com".utf8)) + tlv(0x04, [])
          + tlv(0x04, [0, 0, 0]) + tlv(0x05, [UInt8](repeating: 7, count: 128))
          + tlv(0x20, [1, 0, 0, 0, 0] + tlv(0x21, Array("TLSv1.3".utf8)) + tlv(0x22, [])) + tlv(0x30, Array("ns".utf8))
          + tlv(0xE0, [1]) + tlv(0xFF, [])),
      .v2, ipv4Origin),
    Valid(
      "a checksum in front of a TLV",
      checksummed(v2(0x21, 0x11, ipv4Addresses + tlv(0x03, [0, 0, 0, 0]) + tlv(0x02, Array("a".utf8))), at: 31), .v2,
      ipv4Origin),
    Valid(
      "the longest that is read", v2(0x21, 0x11, ipv4Addresses + tlv(0xE1, [UInt8](repeating: 1, count: 4065))), .v2,
      ipv4Origin),
  ]

  /// Complete at its last byte, not before, and blind to what follows.
  @Test(arguments: valid)
  func readsWhole(header: Valid) {
    let expected = ProxyHeader.Answer.header(
      ProxyHeader(version: header.version, origin: header.origin, length: header.bytes.count))
    for behind in [[], Array("GET / HTTP/1.1\r\n\r\n".utf8), header.bytes] {
      #expect(parse(header.bytes + behind) == expected)
      #expect(parse(header.bytes + behind, accepting: header.version == .v1 ? .v1 : .v2) == expected)
    }
    for count in header.bytes.indices {
      guard case .needMore(let minimum) = parse(header.bytes[..<count]) else {
        Issue.record("after \(count) bytes: \(parse(header.bytes[..<count]))")
        continue
      }
      #expect(minimum > count && minimum <= header.bytes.count, "after \(count) bytes: \(minimum)")
    }
  }

  @Test(arguments: valid)
  func theOtherVersionIsRefusedAtItsFirstByte(header: Valid) {
    let refused = ProxyHeader.Answer.malformed(.versionNotAccepted(header.version))
    for count in 1...header.bytes.count {
      #expect(parse(header.bytes[..<count], accepting: header.version == .v1 ? .v2 : .v1) == refused)
    }
  }

  static let malformed: [(String, [UInt8], ProxyHeader.Malformed)] =
    lines([
      ("GET / HTTP/1.1", .notAHeader),
      ("proxy TCP4 192.0.2.1 198.51.100.7 1 2", .notAHeader),
      (" PROXY TCP4 192.0.2.1 198.51.100.7 1 2", .notAHeader),
      ("PROXY\tTCP4 192.0.2.1 198.51.100.7 1 2", .notAHeader),
      ("PROXY", .notAHeader),
      ("PRIVMSG", .notAHeader),
      ("PROXY ", .unknownProtocol),
      ("PROXY  TCP4 192.0.2.1 198.51.100.7 1 2", .unknownProtocol),
      ("PROXY TCP5 192.0.2.1 198.51.100.7 1 2", .unknownProtocol),
      ("PROXY UDP4 192.0.2.1 198.51.100.7 1 2", .unknownProtocol),
      ("PROXY tcp4 192.0.2.1 198.51.100.7 1 2", .unknownProtocol),
      ("PROXY TCP 192.0.2.1 198.51.100.7 1 2", .unknownProtocol),
      ("PROXY TCP44 192.0.2.1 198.51.100.7 1 2", .unknownProtocol),
      ("PROXY TCP4", .unknownProtocol),
      ("PROXY UNKNOWNS", .unknownProtocol),
      ("PROXY UNKNOW", .unknownProtocol),
      ("PROXY TCP4 ", .wrongFields),
      ("PROXY TCP4 192.0.2.1", .wrongFields),
      ("PROXY TCP4 192.0.2.1 198.51.100.7", .wrongFields),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1", .wrongFields),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 ", .wrongFields),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 2 ", .wrongFields),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 2 3", .wrongFields),
      ("PROXY TCP4  192.0.2.1 198.51.100.7 1", .wrongFields),
      ("PROXY TCP4 192.0.2.1  198.51.100.7 1 2", .wrongFields),
      ("PROXY TCP4 192.0.2.1 198.51.100.7\t1 2", .wrongFields),
      ("PROXY TCP4 192.0.2.1\t 198.51.100.7 1 2", .badSourceAddress),
      ("PROXY TCP4 192.0.2.256 198.51.100.7 1 2", .badSourceAddress),
      ("PROXY TCP4 192.0.02.1 198.51.100.7 1 2", .badSourceAddress),
      ("PROXY TCP4 192.0.2 198.51.100.7 1 2", .badSourceAddress),
      ("PROXY TCP4 2001:db8::1 2001:db8::2 1 2", .badSourceAddress),
      ("PROXY TCP4 ::ffff:192.0.2.1 198.51.100.7 1 2", .badSourceAddress),
      ("PROXY TCP4 192.0.2.1 example.com 1 2", .badDestinationAddress),
      ("PROXY TCP4 192.0.2.1 2001:db8::2 1 2", .badDestinationAddress),
      ("PROXY TCP6 192.0.2.1 2001:db8::2 1 2", .badSourceAddress),
      ("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2", .badSourceAddress),
      ("PROXY TCP6 2001:db8::1%eth0 2001:db8::2 1 2", .badSourceAddress),
      ("PROXY TCP6 2001:db8::1 2001:db8:::2 1 2", .badDestinationAddress),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 65536 2", .badSourcePort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 100000 2", .badSourcePort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 01 2", .badSourcePort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 -1 2", .badSourcePort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 00", .badDestinationPort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 0x1", .badDestinationPort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 65536", .badDestinationPort),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 2\nX", .strayLineEnd),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 2\rX", .strayLineEnd),
      ("PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r", .strayLineEnd),
      ("PROXY UNKNOWN \nX", .strayLineEnd),
      ("PROXY UNKNOWN\rX", .strayLineEnd),
      ("PROXY UNKNOWN " + String(repeating: "x", count: 92), .lineTooLong),
      ("PROXY TCP4 " + String(repeating: "1", count: 5000), .lineTooLong),
    ]) + [
      ("a TLS hello", [0x16, 0x03, 0x01, 0x02, 0x00], .notAHeader),
      ("a zero", [0], .notAHeader),
      ("a signature that goes wrong", signature.dropLast() + [0x0B, 0x21, 0x11, 0, 0], .notAHeader),
      ("an empty line", Array("\r\n\r\nGET".utf8), .notAHeader),
      ("version 1 in binary", v2(0x11, 0x11, ipv4Addresses), .unknownVersion(1)),
      ("version 3", v2(0x31, 0x11, ipv4Addresses), .unknownVersion(3)),
      ("version 15", v2(0xFF, 0x11, ipv4Addresses), .unknownVersion(15)),
      ("command 2", v2(0x22, 0x11, ipv4Addresses), .unknownCommand(2)),
      ("command 15", v2(0x2F, 0x11, ipv4Addresses), .unknownCommand(15)),
      ("family 4", v2(0x21, 0x41, ipv4Addresses), .unknownFamily(4)),
      ("family 15", v2(0x21, 0xF1, ipv4Addresses), .unknownFamily(15)),
      ("transport 3", v2(0x21, 0x13, ipv4Addresses), .unknownTransport(3)),
      ("transport 15 of no family", v2(0x21, 0x0F), .unknownTransport(15)),
      ("IPv4 without addresses", v2(0x21, 0x11), .shortAddresses(0)),
      ("IPv4 with 11 bytes", v2(0x21, 0x11, ipv4Addresses.dropLast()), .shortAddresses(11)),
      ("IPv6 with those of IPv4", v2(0x21, 0x21, ipv4Addresses), .shortAddresses(12)),
      ("IPv6 with 35 bytes", v2(0x21, 0x21, ipv6Addresses.dropLast()), .shortAddresses(35)),
      ("UDP over IPv4 with 11 bytes", v2(0x21, 0x12, ipv4Addresses.dropLast()), .shortAddresses(11)),
      ("UNIX with 215 bytes", v2(0x21, 0x31, (path([]) + path([])).dropLast()), .shortAddresses(215)),
      ("one byte too long", v2(0x21, 0x11, ipv4Addresses, length: 4081), .tooLong(4097)),
      ("as long as it can say", v2(0x21, 0x11, ipv4Addresses, length: 65535), .tooLong(65551)),
      ("LOCAL as long as it can say", v2(0x20, 0x00, length: 65535), .tooLong(65551)),
      ("one stray byte", v2(0x21, 0x11, ipv4Addresses + [4]), .truncatedTLV),
      ("half a length", v2(0x21, 0x11, ipv4Addresses + [4, 0]), .truncatedTLV),
      ("a TLV one byte short", v2(0x21, 0x11, ipv4Addresses + tlv(4, [1], length: 2)), .truncatedTLV),
      ("a TLV far too short", v2(0x21, 0x21, ipv6Addresses + tlv(4, [1], length: 65535)), .truncatedTLV),
      ("a stray byte of UDP", v2(0x21, 0x12, ipv4Addresses + [4]), .truncatedTLV),
      ("a checksum of 3 bytes", v2(0x21, 0x11, ipv4Addresses + tlv(3, [0, 0, 0])), .badTLV(3)),
      ("a checksum of 5 bytes", v2(0x21, 0x11, ipv4Addresses + tlv(3, [0, 0, 0, 0, 0])), .badTLV(3)),
      ("an id of 129 bytes", v2(0x21, 0x11, ipv4Addresses + tlv(5, [UInt8](repeating: 0, count: 129))), .badTLV(5)),
      ("TLS of 4 bytes", v2(0x21, 0x11, ipv4Addresses + tlv(0x20, [1, 0, 0, 0])), .badTLV(0x20)),
      ("TLS with half a part", v2(0x21, 0x11, ipv4Addresses + tlv(0x20, [1, 0, 0, 0, 0, 0x21, 0])), .truncatedTLV),
      ("a checksum of zero", v2(0x21, 0x11, ipv4Addresses + tlv(3, [0, 0, 0, 0])), .wrongChecksum),
      ("LOCAL with a wrong checksum", v2(0x20, 0x00, tlv(3, [0, 0, 0, 0])), .wrongChecksum),
      (
        "two checksums",
        checksummed(v2(0x21, 0x11, ipv4Addresses + tlv(3, [0, 0, 0, 0]) + tlv(3, [0, 0, 0, 0])), at: 31),
        .secondChecksum
      ),
    ]

  private static func lines(
    _ lines: [(String, ProxyHeader.Malformed)]
  ) -> [(String, [UInt8], ProxyHeader.Malformed)] {
    lines.map { ($0, Array("\($0)\r\n".utf8), $1) }
  }

  /// Once malformed, always malformed for the same reason, however much has come.
  @Test(arguments: malformed.indices)
  func refuses(index: Int) {
    let (name, bytes, reason) = Self.malformed[index]
    #expect(parse(bytes) == .malformed(reason), "\(name)")
    var isRefused = false
    for count in 0...bytes.count {
      switch parse(bytes[..<count]) {
      case .needMore(let minimum):
        #expect(!isRefused, "\(name), after \(count) bytes")
        #expect(minimum > count && minimum <= ProxyHeader.longest, "\(name), after \(count) bytes")
      case .header(let header):
        Issue.record("\(name), after \(count) bytes: \(header)")
      case .malformed(let found):
        #expect(found == reason, "\(name), after \(count) bytes")
        isRefused = true
      }
    }
    #expect(!reason.description.isEmpty)
  }

  /// Every bit of a header with a checksum is covered by it or by the syntax.
  @Test func aFlippedBitIsNoticed() throws {
    let header = checksummed(
      v2(0x21, 0x11, ipv4Addresses + tlv(0x03, [0, 0, 0, 0]) + tlv(0x02, Array("example.com".utf8))), at: 31)
    for index in header.indices {
      for bit in 0..<8 {
        var flipped = header
        flipped[index] ^= 1 << UInt8(bit)
        switch parse(flipped) {
        case .malformed: break
        case .needMore: #expect(index == 14 || index == 15)
        case .header(let header):
          // The type of the checksum itself, the command and the families can turn it into a header without one.
          #expect(index == 28 || index == 13 || header.origin != ipv4Origin, "byte \(index), bit \(bit)")
          #expect(index == 28 || index == 13, "byte \(index), bit \(bit)")
        }
      }
    }
  }

  @Test(arguments: UInt64(0)..<8)
  func noNoiseIsAccepted(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<4000 {
      var bytes = Self.valid[generator.below(Self.valid.count)].bytes
      for _ in 0...generator.below(4) {
        switch generator.below(4) {
        case 0 where !bytes.isEmpty: bytes[generator.below(bytes.count)] = UInt8(truncatingIfNeeded: generator.next())
        case 1 where !bytes.isEmpty: bytes.remove(at: generator.below(bytes.count))
        case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: generator.below(bytes.count + 1))
        default: bytes = Array(bytes.prefix(generator.below(bytes.count + 1)))
        }
      }
      switch parse(bytes) {
      case .needMore(let minimum):
        #expect(minimum > bytes.count && minimum <= ProxyHeader.longest, "seed \(seed), \(bytes)")
      case .header(let header):
        #expect(header.length <= bytes.count, "seed \(seed), \(bytes)")
        #expect(parse(bytes[..<header.length]) == .header(header), "seed \(seed), \(bytes)")
      case .malformed(let reason):
        #expect(parse(bytes + [0]) == .malformed(reason), "seed \(seed), \(bytes)")
      }
    }
  }
}

@Suite struct ProxyHeaderWriterTests {
  private func write(
    _ writer: ProxyHeaderWriter, _ source: SocketAddress, _ destination: SocketAddress, authority: String? = nil,
    tls: ProxyHeaderTLS? = nil
  ) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: ProxyHeaderWriter.longest, alignment: 1) { buffer in
      Array(
        buffer[..<writer.write(source: source, destination: destination, authority: authority, tls: tls, to: buffer)])
    }
  }

  private func writeLocal(_ writer: ProxyHeaderWriter, _ own: SocketAddress, _ peer: SocketAddress) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: ProxyHeaderWriter.longest, alignment: 1) { buffer in
      Array(buffer[..<writer.writeLocal(own: own, peer: peer, to: buffer)])
    }
  }

  @Test(arguments: [
    (ip("192.0.2.1", 56324), ip("198.51.100.7", 443), "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
    (ip("0.0.0.0", 0), ip("255.255.255.255", 65535), "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"),
    (ip("2001:db8::1", 1), ip("2001:db8::2", 2), "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"),
    (ip("2001:db8::1", 1), ip("192.0.2.1", 2), "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 2\r\n"),
    (ip("192.0.2.1", 1), ip("2001:db8::2", 2), "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n"),
    (.unix("/a"), .unix("/b"), "PROXY UNKNOWN\r\n"),
    (.unix("/a"), ip("192.0.2.1", 2), "PROXY UNKNOWN\r\n"),
  ])
  func writesVersion1(source: SocketAddress, destination: SocketAddress, line: String) {
    let written = write(ProxyHeaderWriter(version: .v1, hasChecksum: true), source, destination, authority: "a")
    #expect(String(decoding: written, as: UTF8.self) == line)
  }

  @Test func writesVersion2() {
    let writer = ProxyHeaderWriter(version: .v2)
    #expect(write(writer, ip("192.0.2.1", 56324), ip("198.51.100.7", 443)) == v2(0x21, 0x11, ipv4Addresses))
    #expect(write(writer, ip("2001:db8::1", 56324), ip("2001:db8::2", 443)) == v2(0x21, 0x21, ipv6Addresses))
    #expect(
      write(writer, .unix("/a"), .unix("/b")) == v2(0x21, 0x31, path(Array("/a".utf8)) + path(Array("/b".utf8))))
    #expect(write(writer, .unix("/a"), ip("192.0.2.1", 1)) == v2(0x21, 0x00))
    #expect(
      write(writer, ip("192.0.2.1", 56324), ip("198.51.100.7", 443), authority: "example.com")
        == v2(0x21, 0x11, ipv4Addresses + tlv(0x02, Array("example.com".utf8))))
    #expect(
      write(ProxyHeaderWriter(version: .v2, hasChecksum: true), ip("192.0.2.1", 56324), ip("198.51.100.7", 443))
        == checksummed(v2(0x21, 0x11, ipv4Addresses + tlv(0x03, [0, 0, 0, 0])), at: 31))
  }

  @Test func leavesOutANameThatIsNone() {
    let writer = ProxyHeaderWriter(version: .v2)
    let without = write(writer, ip("192.0.2.1", 1), ip("198.51.100.7", 2))
    for name in [nil, "", String(repeating: "x", count: 256)] {
      #expect(write(writer, ip("192.0.2.1", 1), ip("198.51.100.7", 2), authority: name) == without)
    }
  }

  @Test func speaksForItself() {
    let own = ip("192.0.2.1", 40000)
    let peer = ip("198.51.100.7", 80)
    #expect(writeLocal(ProxyHeaderWriter(version: .v2), own, peer) == v2(0x20, 0x00))
    #expect(
      String(decoding: writeLocal(ProxyHeaderWriter(version: .v1), own, peer), as: UTF8.self)
        == "PROXY TCP4 192.0.2.1 198.51.100.7 40000 80\r\n")
    let checksummed = writeLocal(ProxyHeaderWriter(version: .v2, hasChecksum: true), own, peer)
    #expect(parse(checksummed) == .header(ProxyHeader(version: .v2, origin: .local, length: 23)))
  }

  @Test(arguments: UInt64(0)..<8)
  func whatIsWrittenIsRead(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func address(_ kind: Int) -> SocketAddress {
      let port = UInt16(truncatingIfNeeded: generator.next())
      switch kind {
      case 0: return .ip(IPAddress(ipv4: UInt32(truncatingIfNeeded: generator.next())), port: port)
      case 1: return .ip(IPAddress(high: generator.next() & generator.next(), low: generator.next()), port: port)
      default: return .unix("/" + String(repeating: "p", count: generator.below(107)))
      }
    }
    for _ in 0..<2000 {
      let kinds = (generator.below(3), generator.below(3))
      let (source, destination) = (address(kinds.0), address(kinds.1))
      let version = ProxyHeader.Version.allCases[generator.below(2)]
      let writer = ProxyHeaderWriter(version: version, hasChecksum: generator.below(2) == 0)
      let authority = generator.below(2) == 0 ? nil : String(repeating: "n", count: generator.below(300))
      let written = write(writer, source, destination, authority: authority)
      #expect(written.count <= (version == .v1 ? 107 : ProxyHeaderWriter.longest))
      // Paths can be said in version 2 only, and no version can say a path and an address.
      let isPath = (kinds.0 == 2, kinds.1 == 2)
      let isExpressible = isPath.0 == isPath.1 && !(version == .v1 && isPath.0)
      let origin: ProxyHeader.Origin = isExpressible ? .proxied(source: source, destination: destination) : .unknown
      #expect(
        parse(written + [0, 1, 2]) == .header(ProxyHeader(version: version, origin: origin, length: written.count)),
        "seed \(seed), \(source) \(destination)")
    }
  }

  @Test func fitsTheSmallestSegment() {
    #expect(ProxyHeaderWriter.longest <= 536)
    let (source, destination) = (String(repeating: "a", count: 200), String(repeating: "b", count: 107))
    // What is longest; and what still fits of the rest.
    let tls = ProxyHeaderTLS(
      version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", alpn: "h2", isVerified: true,
      commonName: String(repeating: "n", count: 64))
    let longest = write(
      ProxyHeaderWriter(version: .v2, hasChecksum: true), .unix(source), .unix(destination),
      authority: String(repeating: "c", count: 255), tls: tls)
    #expect(longest.count <= ProxyHeaderWriter.longest)
    #expect(longest.contains(0x20))
    #expect(
      parse(longest)
        == .header(
          ProxyHeader(
            version: .v2,
            origin: .proxied(
              source: .unix(String(repeating: "a", count: 107)), destination: .unix(String(repeating: "b", count: 107))),
            length: longest.count)))
  }

  @Test func tellsOfTLS() {
    let ends = (SocketAddress.ip(IPAddress("192.0.2.1")!, port: 1), SocketAddress.ip(IPAddress("192.0.2.2")!, port: 2))
    let writer = ProxyHeaderWriter(version: .v2)
    func tlvs(_ tls: ProxyHeaderTLS) -> [UInt8] { Array(write(writer, ends.0, ends.1, tls: tls).dropFirst(28)) }
    #expect(
      tlvs(ProxyHeaderTLS(version: "TLSv1.2", cipher: "X", alpn: "h2"))
        == [1, 0, 2] + Array("h2".utf8) + [0x20, 0, 19, 1, 0, 0, 0, 1] + [0x21, 0, 7] + Array("TLSv1.2".utf8)
        + [0x23, 0, 1] + Array("X".utf8))
    // A certificate: on this connection; in the session that it goes on with.
    var tls = ProxyHeaderTLS(version: "", cipher: "", isVerified: true, commonName: "A")
    #expect(tlvs(tls) == [0x20, 0, 9, 7, 0, 0, 0, 0, 0x22, 0, 1, 0x41])
    tls.isResumed = true
    #expect(tlvs(tls) == [0x20, 0, 9, 5, 0, 0, 0, 0, 0x22, 0, 1, 0x41])
    // What does not fit is left out.
    tls.commonName = String(repeating: "n", count: 600)
    tls.alpn = String(repeating: "p", count: 600)
    #expect(tlvs(tls) == [0x20, 0, 5, 5, 0, 0, 0, 0])
    // Version 1 has no place for it.
    #expect(
      write(ProxyHeaderWriter(version: .v1), ends.0, ends.1, tls: tls)
        == Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".utf8))
  }
}
