import Base

extension ClientHello {
  /// Extensions in one hello; clients in use send about 20.
  static let mostExtensions = 128
  /// Names in one ALPN extension; clients in use send 2.
  static let mostProtocols = 64

  private enum Extension {
    static let serverName: UInt16 = 0
    static let protocols: UInt16 = 16
  }

  /// Reads the message behind its type and length (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2).
  init(reading body: UnsafeRawBufferPointer) throws(Malformed) {
    self.init()
    var reader = ByteReader(body)
    guard let version = reader.readUInt16(), reader.skip(32) else { throw .truncated }
    guard version >> 8 == 3 else { throw .version(version) }
    guard let session = reader.readVector8() else { throw .truncated }
    guard session.count <= 32 else { throw .badSession }
    guard let suites = reader.readVector16() else { throw .truncated }
    guard suites.count >= 2, suites.count % 2 == 0 else { throw .badCipherSuites }
    guard let compression = reader.readVector8() else { throw .truncated }
    guard !compression.isEmpty else { throw .badCompression }
    // Before TLS 1.3 the message may end here.
    if reader.isAtEnd { return }
    guard let extensions = reader.readVector16() else { throw .truncated }
    guard reader.isAtEnd else { throw .trailingBytes }
    try readExtensions(extensions)
  }

  private mutating func readExtensions(_ extensions: UnsafeRawBufferPointer) throws(Malformed) {
    var seen = InlineArray<128, UInt16>(repeating: 0)
    var count = 0
    var reader = ByteReader(extensions)
    while !reader.isAtEnd {
      guard let type = reader.readUInt16(), let data = reader.readVector16() else { throw .truncated }
      guard count < Self.mostExtensions else { throw .tooManyExtensions }
      for index in 0..<count where seen[index] == type { throw .secondExtension(type) }
      seen[count] = type
      count += 1
      // GREASE, Encrypted Client Hello and all else is the backend's business.
      switch type {
      case Extension.serverName: serverName = try Self.readServerName(data)
      case Extension.protocols: protocols = try Self.readProtocols(data)
      default: break
      }
    }
  }

  /// RFC 6066, 3: a list with at most one name of each type, of which only host names are in use.
  private static func readServerName(_ data: UnsafeRawBufferPointer) throws(Malformed) -> String? {
    var reader = ByteReader(data)
    guard let list = reader.readVector16(), reader.isAtEnd, !list.isEmpty else { throw .badServerName }
    var entries = ByteReader(list)
    var name: String?
    var hasName = false
    while !entries.isAtEnd {
      // Other types of name must begin with their length, too, so that they can be skipped.
      guard let type = entries.readUInt8(), let entry = entries.readVector16() else { throw .badServerName }
      guard type == 0 else { continue }
      guard !hasName else { throw .secondHostName }
      hasName = true
      // Addresses are forbidden here, and yet some clients send them: they ask for no name.
      if IPAddress(text: entry) != nil { continue }
      guard let valid = HostName.lowercased(entry) else { throw .badHostName }
      name = valid
    }
    return name
  }

  /// RFC 7301, 3.1: a list of names of at least one byte.
  private static func readProtocols(_ data: UnsafeRawBufferPointer) throws(Malformed) -> [String] {
    var reader = ByteReader(data)
    guard let list = reader.readVector16(), reader.isAtEnd, !list.isEmpty else { throw .badProtocols }
    var entries = ByteReader(list)
    var count = 0
    var names: [String] = []
    while !entries.isAtEnd {
      guard let name = entries.readVector8(), !name.isEmpty else { throw .badProtocols }
      count += 1
      guard count <= mostProtocols else { throw .tooManyProtocols }
      if name.allSatisfy({ (0x21...0x7E).contains($0) }) { names.append(String(decoding: name, as: UTF8.self)) }
    }
    return names
  }
}
