import Base

/// Version 1 (section 2.1): `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and a line end.
extension ProxyHeader {
  /// With its line end.
  static let longestV1 = 107

  private enum Word {
    case tcp4, tcp6, unknown
  }

  static func parseV1(_ bytes: UnsafeRawBufferPointer) -> Answer {
    guard agrees(bytes, signatureV1) else { return .malformed(.notAHeader) }
    let afterSignature = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(signatureV1.count))
    let word: Word
    switch afterSignature.first {
    case nil:
      return .needMore(minimum: shortestV1)
    case UInt8(ascii: "T"):
      guard agrees(afterSignature, [0x54, 0x43, 0x50] as InlineArray<3, UInt8>) else {
        return .malformed(.unknownProtocol)
      }
      switch afterSignature.dropFirst(3).first {
      case nil: return .needMore(minimum: shortestTCP6)
      case UInt8(ascii: "4"): word = .tcp4
      case UInt8(ascii: "6"): word = .tcp6
      default: return .malformed(.unknownProtocol)
      }
      if afterSignature.count > 4, afterSignature[4] != space { return .malformed(.unknownProtocol) }
    default:
      guard agrees(afterSignature, [0x55, 0x4E, 0x4B, 0x4E, 0x4F, 0x57, 0x4E] as InlineArray<7, UInt8>) else {
        return .malformed(.unknownProtocol)
      }
      if afterSignature.count > 7, afterSignature[7] != space, afterSignature[7] != carriageReturn {
        return .malformed(.unknownProtocol)
      }
      word = .unknown
    }

    let shortest =
      switch word {
      case .tcp4: shortestTCP4
      case .tcp6: shortestTCP6
      case .unknown: shortestV1
      }
    // The line ends with both bytes or not at all; what comes before the line feed is read only then.
    let searched = bytes.prefix(longestV1 - 1)
    guard let end = searched.firstIndex(where: { $0 == carriageReturn || $0 == lineFeed }) else {
      return bytes.count < longestV1 - 1
        ? .needMore(minimum: max(bytes.count + 2, shortest)) : .malformed(.lineTooLong)
    }
    guard bytes[end] == carriageReturn else { return .malformed(.strayLineEnd) }
    guard end + 1 < bytes.count else { return .needMore(minimum: end + 2) }
    guard bytes[end + 1] == lineFeed else { return .malformed(.strayLineEnd) }

    if word == .unknown { return .header(ProxyHeader(version: .v1, origin: .unknown, length: end + 2)) }
    let fields = UnsafeRawBufferPointer(rebasing: bytes[min(shortestWord, end)..<end])
    switch parseFields(fields, isIPv6: word == .tcp6) {
    case .success(let origin): return .header(ProxyHeader(version: .v1, origin: origin, length: end + 2))
    case .failure(let malformed): return .malformed(malformed)
    }
  }

  /// The four fields behind `PROXY TCP4 `.
  private static func parseFields(_ fields: UnsafeRawBufferPointer, isIPv6: Bool) -> Result<Origin, Malformed> {
    var rest = fields
    func next() -> UnsafeRawBufferPointer {
      let end = rest.firstIndex(of: space) ?? rest.count
      defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(end + 1)) }
      return UnsafeRawBufferPointer(rebasing: rest[..<end])
    }
    var spaces = 0
    for byte in fields where byte == space { spaces += 1 }
    guard spaces == 3 else { return .failure(.wrongFields) }
    let (source, destination, sourcePort, destinationPort) = (next(), next(), next(), next())
    guard !source.isEmpty, !destination.isEmpty, !sourcePort.isEmpty, !destinationPort.isEmpty else {
      return .failure(.wrongFields)
    }
    func address(_ text: UnsafeRawBufferPointer) -> IPAddress? {
      isIPv6 ? IPAddress(ipv6Text: text) : IPAddress(ipv4Text: text)
    }
    guard let source = address(source) else { return .failure(.badSourceAddress) }
    guard let destination = address(destination) else { return .failure(.badDestinationAddress) }
    guard let sourcePort = port(sourcePort) else { return .failure(.badSourcePort) }
    guard let destinationPort = port(destinationPort) else { return .failure(.badDestinationPort) }
    return .success(
      .proxied(source: .ip(source, port: sourcePort), destination: .ip(destination, port: destinationPort)))
  }

  private static func port(_ text: UnsafeRawBufferPointer) -> UInt16? {
    guard (1...5).contains(text.count), text.count == 1 || text[0] != 0x30 else { return nil }
    var port: UInt32 = 0
    for byte in text {
      guard (0x30...0x39).contains(byte) else { return nil }
      port = port * 10 + UInt32(byte - 0x30)
    }
    return UInt16(exactly: port)
  }

  /// `PROXY TCP4 `.
  private static let shortestWord = 11
  /// `PROXY TCP4 0.0.0.0 0.0.0.0 0 0` and its line end.
  private static let shortestTCP4 = 32
  /// `PROXY TCP6 :: :: 0 0` and its line end.
  private static let shortestTCP6 = 22

  private static let space = UInt8(ascii: " ")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let lineFeed = UInt8(ascii: "\n")
}
