import Base

/// Writes the header that tells a backend whose connection it gets (haproxy's doc/proxy-protocol.txt).
public struct ProxyHeaderWriter: Equatable, Sendable {
  public let version: ProxyHeader.Version
  /// Whether a header of version 2 carries a CRC32C of itself.
  public let hasChecksum: Bool

  /// The longest header that is written: the smallest segment that TCP guarantees, so that one write sends it whole, and
  /// what every receiver takes. What is known of TLS is left out where it would not fit.
  public static let longest = 536
  /// A host name has at most 253 bytes.
  public static let longestAuthority = 255

  public init(version: ProxyHeader.Version, hasChecksum: Bool = false) {
    self.version = version
    self.hasChecksum = hasChecksum
  }

  /// The header of a relayed connection. Between IPv4 and IPv6 both addresses are written as IPv6; of a pair that the
  /// version cannot express, it says no more than that it is one (UNKNOWN, UNSPEC).
  /// - Parameters:
  ///   - source: who connected.
  ///   - destination: what they connected to.
  ///   - authority: the name that the client asked for (SNI). Version 1 has no room for it.
  ///   - tls: what is known of the client's TLS, where it ends here. Version 1 has no room for it.
  ///   - buffer: at least `longest` bytes.
  /// - Returns: how many bytes were written.
  public func write(
    source: SocketAddress, destination: SocketAddress, authority: String? = nil, tls: ProxyHeaderTLS? = nil,
    to buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(buffer.count >= Self.longest)
    var output = Output(buffer)
    switch version {
    case .v1: Self.writeV1(source, destination, to: &output)
    case .v2: writeV2(command: 1, (source, destination), authority: authority, tls: tls, to: &output)
    }
    return output.count
  }

  /// The header of a connection that serves nobody else, such as a health check. Version 1 has no word for it that
  /// every backend takes, so there it names the ends of the connection itself (section 2.1).
  /// - Parameters:
  ///   - own: this end of the connection.
  ///   - peer: the backend's end.
  ///   - buffer: at least `longest` bytes.
  /// - Returns: how many bytes were written.
  public func writeLocal(own: SocketAddress, peer: SocketAddress, to buffer: UnsafeMutableRawBufferPointer) -> Int {
    precondition(buffer.count >= Self.longest)
    var output = Output(buffer)
    switch version {
    case .v1: Self.writeV1(own, peer, to: &output)
    case .v2: writeV2(command: 0, nil, authority: nil, tls: nil, to: &output)
    }
    return output.count
  }

  private static func writeV1(_ source: SocketAddress, _ destination: SocketAddress, to output: inout Output) {
    guard case .ip(let source, let sourcePort) = source, case .ip(let destination, let destinationPort) = destination
    else {
      output.put(text: "PROXY UNKNOWN\r\n")
      return
    }
    let isIPv4 = source.isIPv4 && destination.isIPv4
    output.put(text: isIPv4 ? "PROXY TCP4 " : "PROXY TCP6 ")
    output.put(address: source, mapped: !isIPv4)
    output.put(text: " ")
    output.put(address: destination, mapped: !isIPv4)
    output.put(text: " ")
    output.put(decimal: sourcePort)
    output.put(text: " ")
    output.put(decimal: destinationPort)
    output.put(text: "\r\n")
  }

  private func writeV2(
    command: UInt8, _ ends: (source: SocketAddress, destination: SocketAddress)?, authority: String?,
    tls: ProxyHeaderTLS?, to output: inout Output
  ) {
    for index in 0..<ProxyHeader.signatureV2.count { output.put(ProxyHeader.signatureV2[index]) }
    output.put(0x20 | command)
    switch ends {
    case (.ip(let source, let sourcePort), .ip(let destination, let destinationPort))?:
      if let source = source.ipv4, let destination = destination.ipv4 {
        output.put(UInt8(0x11))
        output.put(UInt16(0))
        output.put(source)
        output.put(destination)
      } else {
        output.put(UInt8(0x21))
        output.put(UInt16(0))
        output.put(source.high)
        output.put(source.low)
        output.put(destination.high)
        output.put(destination.low)
      }
      output.put(sourcePort)
      output.put(destinationPort)
    case (.unix(let source), .unix(let destination))?:
      output.put(UInt8(0x31))
      output.put(UInt16(0))
      output.put(path: source)
      output.put(path: destination)
    default:
      output.put(UInt8(0x00))
      output.put(UInt16(0))
    }
    if let authority, (1...Self.longestAuthority).contains(authority.utf8.count) {
      output.put(ProxyHeader.TLV.authority)
      output.put(UInt16(authority.utf8.count))
      output.put(text: authority)
    }
    let room = Self.longest - output.count - (hasChecksum ? 7 : 0)
    if let tls { Self.put(tls, room: room, to: &output) }
    var checksumOffset: Int?
    if hasChecksum {
      output.put(ProxyHeader.TLV.checksum)
      output.put(UInt16(4))
      checksumOffset = output.count
      output.put(UInt32(0))
    }
    let length = UInt16(output.count - ProxyHeader.shortestV2)
    output.set(length, at: ProxyHeader.shortestV2 - 2)
    if let checksumOffset {
      output.set(ProxyHeader.computeChecksum(of: output.written, at: checksumOffset), at: checksumOffset)
    }
  }
}

extension ProxyHeaderWriter {
  /// The TLVs of TLS (section 2.2.1 and 2.2.6), each if it fits.
  private static func put(_ tls: ProxyHeaderTLS, room: Int, to output: inout Output) {
    let end = output.count + room
    func fits(_ count: Int) -> Bool { output.count + 3 + count <= end }
    func put(_ type: UInt8, _ text: String) {
      output.put(type)
      output.put(UInt16(text.utf8.count))
      output.put(text: text)
    }
    if let alpn = tls.alpn, fits(alpn.utf8.count) { put(ProxyHeader.TLV.alpn, alpn) }
    // Flags and the result of the verification.
    guard fits(5) else { return }
    output.put(ProxyHeader.TLV.tls)
    let lengthOffset = output.count
    output.put(UInt16(0))
    output.put(tls.flags)
    output.put(UInt32(tls.isVerified ? 0 : 1))
    for (type, text) in [
      (ProxyHeader.TLV.tlsVersion, tls.version), (ProxyHeader.TLV.tlsCipher, tls.cipher),
      (ProxyHeader.TLV.tlsCommonName, tls.commonName ?? ""),
    ] where !text.isEmpty && fits(text.utf8.count) {
      put(type, text)
    }
    output.set(UInt16(output.count - lengthOffset - 2), at: lengthOffset)
  }
}

/// Bytes put one behind the other into a buffer that is known to be large enough.
private struct Output {
  private let buffer: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

  var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

  mutating func put(_ number: some FixedWidthInteger & UnsignedInteger) {
    set(number, at: count)
    count += MemoryLayout.size(ofValue: number)
  }

  func set(_ number: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
    buffer.storeBytes(of: number.bigEndian, toByteOffset: offset, as: type(of: number))
  }

  mutating func put(text: String) {
    for byte in text.utf8 { put(byte) }
  }

  mutating func put(address: IPAddress, mapped: Bool) {
    count += address.writeText(to: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]), mapped: mapped)
  }

  mutating func put(decimal number: UInt16) {
    count += IPAddress.writeDecimal(UInt32(number), to: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
  }

  /// A path and zeros up to the size of its field; one that does not fit is not a path of any socket.
  mutating func put(path: String) {
    var room = ProxyHeader.unixPathField
    for byte in path.utf8.prefix(room - 1) {
      put(byte)
      room -= 1
    }
    for _ in 0..<room { put(UInt8(0)) }
  }
}
