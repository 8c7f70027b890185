import Base

/// Version 2 (section 2.2): a signature, what is proxied, the length of the rest, addresses, and TLVs.
extension ProxyHeader {
  /// The types of TLV that are looked into (section 2.2 and its table).
  enum TLV {
    static let alpn: UInt8 = 0x01
    static let authority: UInt8 = 0x02
    static let checksum: UInt8 = 0x03
    static let uniqueID: UInt8 = 0x05
    static let tls: UInt8 = 0x20
    // Within `tls`.
    static let tlsVersion: UInt8 = 0x21
    static let tlsCommonName: UInt8 = 0x22
    static let tlsCipher: UInt8 = 0x23
  }

  static let longestUniqueID = 128
  static let unixPathField = 108

  static func parseV2(_ bytes: UnsafeRawBufferPointer) -> Answer {
    guard agrees(bytes, signatureV2) else { return .malformed(.notAHeader) }
    // Each byte is judged as soon as it is there.
    if bytes.count > 12 {
      guard bytes[12] >> 4 == 2 else { return .malformed(.unknownVersion(bytes[12] >> 4)) }
      guard bytes[12] & 0xF <= 1 else { return .malformed(.unknownCommand(bytes[12] & 0xF)) }
    }
    if bytes.count > 13, bytes[12] & 0xF == 1 {
      guard bytes[13] >> 4 <= 3 else { return .malformed(.unknownFamily(bytes[13] >> 4)) }
      guard bytes[13] & 0xF <= 2 else { return .malformed(.unknownTransport(bytes[13] & 0xF)) }
    }
    guard bytes.count >= shortestV2 else { return .needMore(minimum: shortestV2) }
    let isLocal = bytes[12] & 0xF == 0
    let family = bytes[13] >> 4
    let transport = bytes[13] & 0xF
    let length = shortestV2 + (Int(bytes[14]) << 8 | Int(bytes[15]))
    guard length <= longest else { return .malformed(.tooLong(length)) }
    let addressSize =
      switch family {
      case 1: 12
      case 2: 36
      case 3: 2 * unixPathField
      default: 0
      }
    // The family of LOCAL is to be ignored, and nobody knows how long the addresses of UNSPEC are. What lies behind
    // those is not held against the sender, except for a checksum that is there and wrong.
    let isRead = !isLocal && family != 0 && transport != 0
    guard !isRead || length >= shortestV2 + addressSize else { return .malformed(.shortAddresses(length - shortestV2)) }
    guard bytes.count >= length else { return .needMore(minimum: length) }

    let header = UnsafeRawBufferPointer(rebasing: bytes[..<length])
    let fault = checkTLVs(of: header, from: min(shortestV2 + addressSize, length))
    if let fault, isRead || fault == .wrongChecksum { return .malformed(fault) }
    var origin = Origin.unknown
    if isLocal {
      origin = .local
    } else if isRead, transport == 1 {
      origin = readAddresses(
        of: family, from: UnsafeRawBufferPointer(rebasing: header[shortestV2..<shortestV2 + addressSize]))
    }
    return .header(ProxyHeader(version: .v2, origin: origin, length: length))
  }

  private static func readAddresses(of family: UInt8, from bytes: UnsafeRawBufferPointer) -> Origin {
    if family == 3 {
      return .proxied(
        source: .unix(readPath(UnsafeRawBufferPointer(rebasing: bytes[..<unixPathField]))),
        destination: .unix(readPath(UnsafeRawBufferPointer(rebasing: bytes[unixPathField...]))))
    }
    var reader = ByteReader(bytes)
    func address() -> IPAddress {
      family == 1
        ? IPAddress(ipv4: reader.readUInt32() ?? 0)
        : IPAddress(high: reader.readUInt64() ?? 0, low: reader.readUInt64() ?? 0)
    }
    let source = address()
    let destination = address()
    let sourcePort = reader.readUInt16() ?? 0
    return .proxied(
      source: .ip(source, port: sourcePort), destination: .ip(destination, port: reader.readUInt16() ?? 0))
  }

  /// The path up to its closing zero; empty for a socket without a name, `@name` for one in the abstract namespace. It
  /// goes into logs, so that bytes which could forge a line are replaced.
  private static func readPath(_ field: UnsafeRawBufferPointer) -> String {
    let isAbstract = field[0] == 0
    let name = field.dropFirst(isAbstract ? 1 : 0).prefix { $0 != 0 }
    if name.isEmpty { return "" }
    let printable = name.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }
    return (isAbstract ? "@" : "") + String(decoding: printable, as: UTF8.self)
  }

  /// Walks the TLVs of a whole header and verifies its checksum, if it has one.
  private static func checkTLVs(of header: UnsafeRawBufferPointer, from offset: Int) -> Malformed? {
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: header[offset...]))
    var checksum: (value: UInt32, offset: Int)?
    while let type = reader.readUInt8() {
      guard let value = reader.readVector16() else { return .truncatedTLV }
      switch type {
      case TLV.checksum:
        guard value.count == 4 else { return .badTLV(type) }
        guard checksum == nil else { return .secondChecksum }
        var valueReader = ByteReader(value)
        checksum = (valueReader.readUInt32() ?? 0, offset + reader.position - 4)
      case TLV.uniqueID:
        guard value.count <= longestUniqueID else { return .badTLV(type) }
      case TLV.tls:
        // A byte of flags and the result of the verification, then TLVs of its own.
        var parts = ByteReader(value)
        guard parts.skip(5) else { return .badTLV(type) }
        while parts.readUInt8() != nil {
          guard parts.readVector16() != nil else { return .truncatedTLV }
        }
      default:
        break
      }
    }
    if let checksum, computeChecksum(of: header, at: checksum.offset) != checksum.value { return .wrongChecksum }
    return nil
  }

  /// The checksum of a whole header whose checksum field, at `offset`, counts as zero (section 2.2.3).
  static func computeChecksum(of header: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
    var checksum = CRC32C()
    checksum.update(UnsafeRawBufferPointer(rebasing: header[..<offset]))
    let zeros: UInt32 = 0
    withUnsafeBytes(of: zeros) { checksum.update($0) }
    checksum.update(UnsafeRawBufferPointer(rebasing: header[(offset + 4)...]))
    return checksum.value
  }
}
