import Base

/// What a backend is told of the client behind this program (RFC 7239, and the X-Forwarded- fields that everybody had
/// before it).
public struct Forwarding: Sendable {
  /// Which fields are written (`http.forwarded`).
  public struct Style: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// X-Forwarded-For, -Proto, -Host and -Port.
    public static let xForwarded = Style(rawValue: 1)
    /// Forwarded.
    public static let forwarded = Style(rawValue: 2)
  }

  public var style: Style
  /// Whether the peer is one of `trustedProxies`: then what it says of who was before it is kept and added to. From
  /// anybody else these fields are taken away, whatever the style: `KnownField.forwarding`.
  public var trustsPeer: Bool
  /// The peer's address, or what its PROXY header says; nil for a Unix socket.
  public var client: IPAddress?
  /// How the client came here.
  public var scheme: Scheme
  /// The port that the client came to; nil for a Unix socket.
  public var port: UInt16?

  public init(
    style: Style = .xForwarded, trustsPeer: Bool = false, client: IPAddress? = nil, scheme: Scheme = .http,
    port: UInt16? = nil
  ) {
    self.style = style
    self.trustsPeer = trustsPeer
    self.client = client
    self.scheme = scheme
    self.port = port
  }

  /// The fields that came and are not passed on as they are: all of them from a stranger, and from a trusted peer those
  /// that are written anew with one more value.
  var replaced: UInt64 {
    guard trustsPeer else { return KnownField.forwarding }
    var fields: UInt64 = 0
    if style.contains(.xForwarded) { fields |= KnownField.xForwardedFor.bit }
    if style.contains(.forwarded) { fields |= KnownField.forwarded.bit }
    return fields
  }

  func append(
    to writer: inout HeadWriter, _ head: RequestHead, _ fields: borrowing FieldTable,
    of bytes: UnsafeRawBufferPointer, edits: FieldEdits?
  ) {
    if style.contains(.xForwarded) { appendXForwarded(to: &writer, head, fields, of: bytes, edits: edits) }
    guard style.contains(.forwarded), !(edits?.replaces(.forwarded) ?? false) else { return }
    beginList(to: &writer, "Forwarded", .forwarded, fields, bytes)
    writer.append("for=")
    if let client {
      // A colon or a bracket is no part of a token, so an IPv6 address is quoted (RFC 7239, 6).
      if client.isIPv4 {
        append(client, to: &writer)
      } else {
        writer.append("\"[")
        append(client, to: &writer)
        writer.append("]\"")
      }
    } else {
      writer.append("unknown")
    }
    if let authority = head.authority {
      let isToken = authority.port == nil && bytes[Int(authority.host.start)] != 0x5B
      writer.append(";host=")
      if !isToken { writer.append(byte: Byte.quote) }
      writer.append(authority, of: bytes)
      if !isToken { writer.append(byte: Byte.quote) }
    }
    writer.append(scheme == .https ? ";proto=https\r\n" : ";proto=http\r\n")
  }

  private func appendXForwarded(
    to writer: inout HeadWriter, _ head: RequestHead, _ fields: borrowing FieldTable,
    of bytes: UnsafeRawBufferPointer, edits: FieldEdits?
  ) {
    // What a trusted peer says of the first three stands: it was nearer to the client.
    let kept = trustsPeer ? fields.present : 0
    func writes(_ field: KnownField) -> Bool { kept & field.bit == 0 && !(edits?.replaces(field) ?? false) }

    if !(edits?.replaces(.xForwardedFor) ?? false), client != nil || kept & KnownField.xForwardedFor.bit != 0 {
      beginList(to: &writer, "X-Forwarded-For", .xForwardedFor, fields, bytes)
      if let client { append(client, to: &writer) } else { writer.append("unknown") }
      writer.append("\r\n")
    }
    if writes(.xForwardedProto) {
      writer.append(scheme == .https ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n")
    }
    if writes(.xForwardedHost), let authority = head.authority {
      writer.append("X-Forwarded-Host: ")
      writer.append(authority, of: bytes)
      writer.append("\r\n")
    }
    if writes(.xForwardedPort), let port { writer.appendField("X-Forwarded-Port", decimal: UInt64(port)) }
  }

  private func beginList(
    to writer: inout HeadWriter, _ name: StaticString, _ known: KnownField, _ fields: borrowing FieldTable,
    _ bytes: UnsafeRawBufferPointer
  ) {
    if trustsPeer {
      writer.beginList(name, known, of: fields, in: bytes)
    } else {
      writer.append(name)
      writer.append(": ")
    }
  }

  private func append(_ address: IPAddress, to writer: inout HeadWriter) {
    var text = InlineArray<45, UInt8>(repeating: 0)
    withUnsafeMutableBytes(of: &text) { room in
      let count = address.writeText(to: room)
      writer.append(UnsafeRawBufferPointer(rebasing: room[..<count]))
    }
  }
}

extension HeadWriter {
  /// A host, and its port if it was said.
  mutating func append(_ authority: Authority, of bytes: UnsafeRawBufferPointer) {
    append(bytes[authority.host])
    guard let port = authority.port else { return }
    append(byte: Byte.colon)
    append(decimal: UInt64(port))
  }
}
