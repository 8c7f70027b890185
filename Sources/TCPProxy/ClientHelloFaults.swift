extension ClientHello {
  /// How a connection shows that it is not TLS.
  public enum NotTLS: Equatable, Sendable {
    /// No handshake record; an SSLv2 hello begins with 0x80 or more.
    case firstByte(UInt8)
    /// A handshake record of no version of SSL 3 or TLS.
    case version(UInt8)
  }

  /// Why what began as TLS is no ClientHello.
  public enum Malformed: Error, Equatable, Sendable {
    case otherRecord(UInt8)
    case recordVersion(UInt8)
    case emptyRecord
    case longRecord(Int)
    case otherMessage(UInt8)
    case tooLong
    case truncated
    case trailingBytes
    case version(UInt16)
    case badSession
    case badCipherSuites
    case badCompression
    case tooManyExtensions
    case secondExtension(UInt16)
    case badServerName
    case secondHostName
    case badHostName
    case badProtocols
    case tooManyProtocols
  }
}

extension ClientHello.NotTLS: CustomStringConvertible {
  /// In words that finish the sentence "not TLS: …".
  public var description: String {
    switch self {
    case .firstByte(let byte) where (0x21...0x7E).contains(byte):
      "the first byte is the character \"\(Character(Unicode.Scalar(byte)))\""
    case .firstByte(let byte) where byte >= 0x80: "the first byte is \(byte), as in an SSLv2 hello"
    case .firstByte(let byte): "the first byte is \(byte)"
    case .version(let major): "a handshake of version \(major)"
    }
  }
}

extension ClientHello.Malformed: CustomStringConvertible {
  /// In words that finish the sentence "ClientHello: …".
  public var description: String {
    switch self {
    case .otherRecord(let type): "a record of type \(type) before its end"
    case .recordVersion(let major): "a record of version \(major) before its end"
    case .emptyRecord: "an empty record"
    case .longRecord(let length): "a record of \(length) bytes, and at most \(ClientHello.longestRecord) are allowed"
    case .otherMessage(let type): "a handshake that begins with message \(type)"
    case .tooLong: "it does not end within \(ClientHello.longest) bytes"
    case .truncated: "a field goes on behind its end"
    case .trailingBytes: "bytes behind its last field"
    case .version(let version): "version \(version >> 8).\(version & 0xFF), and 3 is the only major version"
    case .badSession: "a session id of more than 32 bytes"
    case .badCipherSuites: "no cipher suites, or half of one"
    case .badCompression: "no compression methods"
    case .tooManyExtensions: "more than \(ClientHello.mostExtensions) extensions"
    case .secondExtension(let type): "extension \(type) comes twice"
    case .badServerName: "the list of server names is not well formed"
    case .secondHostName: "more than one host name"
    case .badHostName: "the server name is no host name"
    case .badProtocols: "the list of protocols is not well formed"
    case .tooManyProtocols: "more than \(ClientHello.mostProtocols) protocols"
    }
  }
}
