extension ProxyHeader {
  /// Why bytes are no PROXY header that the listener takes.
  public enum Malformed: Error, Equatable, Sendable {
    case notAHeader
    case versionNotAccepted(Version)

    // Version 1.
    case lineTooLong
    case strayLineEnd
    case unknownProtocol
    case wrongFields
    case badSourceAddress
    case badDestinationAddress
    case badSourcePort
    case badDestinationPort

    // Version 2.
    case unknownVersion(UInt8)
    case unknownCommand(UInt8)
    case unknownFamily(UInt8)
    case unknownTransport(UInt8)
    case tooLong(Int)
    case shortAddresses(Int)
    case truncatedTLV
    case badTLV(UInt8)
    case secondChecksum
    case wrongChecksum
  }
}

extension ProxyHeader.Malformed: CustomStringConvertible {
  /// In words that finish the sentence "PROXY header: …".
  public var description: String {
    switch self {
    case .notAHeader: "the connection does not begin with one"
    case .versionNotAccepted(.v1): "version 1, and the listener takes version 2 only"
    case .versionNotAccepted(.v2): "version 2, and the listener takes version 1 only"
    case .lineTooLong: "the line does not end within \(ProxyHeader.longestV1) bytes"
    case .strayLineEnd: "a carriage return or a line feed stands alone"
    case .unknownProtocol: "neither TCP4, TCP6 nor UNKNOWN"
    case .wrongFields: "not two addresses and two ports with one space before each"
    case .badSourceAddress: "the source is not an address of the family it names"
    case .badDestinationAddress: "the destination is not an address of the family it names"
    case .badSourcePort: "the source port is not a number from 0 to 65535"
    case .badDestinationPort: "the destination port is not a number from 0 to 65535"
    case .unknownVersion(let version): "version \(version) of the binary form, and only 2 is known"
    case .unknownCommand(let command): "command \(command), and only 0 (LOCAL) and 1 (PROXY) are known"
    case .unknownFamily(let family): "address family \(family), and only 0 to 3 are known"
    case .unknownTransport(let transport): "transport \(transport), and only 0 to 2 are known"
    case .tooLong(let length): "\(length) bytes long, and at most \(ProxyHeader.longest) are read"
    case .shortAddresses(let length): "\(length) bytes cannot hold the addresses of its family"
    case .truncatedTLV: "a TLV goes on behind the end"
    case .badTLV(let type): "the TLV of type \(type) has an impossible length"
    case .secondChecksum: "more than one checksum"
    case .wrongChecksum: "its checksum (CRC32C) is wrong"
    }
  }
}
