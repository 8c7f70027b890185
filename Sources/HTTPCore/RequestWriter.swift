/// What becomes of a request on its way to a backend. What is not said stays as the client sent it.
///
/// The buffers are lent for the call of `RequestWriter.write` only.
public struct RequestRewrite {
  /// The path as `PathNormalizer` or a route's rewrite made it: what was matched is what is sent. nil where the
  /// normalizer said that the path is `unchanged`.
  public var path: UnsafeRawBufferPointer?
  /// In place of the client's query, when a rewrite changes it. Without the question mark; empty for none.
  public var query: UnsafeRawBufferPointer?
  /// The Host of a route that does not keep the client's, checked by `FieldText.isHost`. To be given where
  /// `RequestHead.authority` is nil, or Host is sent empty.
  public var host: UnsafeRawBufferPointer?
  public var edits: FieldEdits?
  public var forwarding = Forwarding(style: [])
  /// Name and value of the request's identifier (`http.requestId`), in place of the client's. nil leaves that as it is:
  /// for a trusted peer that has given one.
  public var requestID: (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)?
  /// This program's name in Via (RFC 9110, 7.6.3), a token; nil to write none.
  public var via: UnsafeRawBufferPointer?
  /// How the body is framed when it is another than the head says, because it was read whole for instance.
  public var framing: BodyFraming?
  /// Whether the backend is to close the connection after its response.
  public var closes = false
  /// Whether an expectation of 100-continue is passed on. If not, the client must be told to go on here.
  public var passesExpect = true
  /// Whether a wish to switch protocols is passed on.
  public var passesUpgrade = true
  /// Field lines that are ready, each with its end, written as they are.
  public var extra: UnsafeRawBufferPointer?

  public init() {}
}

/// Writes the head of a request to a backend, anew from what was parsed: no byte of the client's gets there that is not
/// a part of a method, a target or a field that was judged.
public enum RequestWriter {
  /// Fields that are written by rules of their own.
  private static let rewritten: UInt64 =
    KnownField.host.bit | KnownField.contentLength.bit | KnownField.expect.bit

  /// - Parameters:
  ///   - head, fields, bytes: as `RequestHead.parse` left them.
  ///   - room: where to write; it must not overlap `bytes`.
  public static func write(
    _ head: RequestHead, _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer,
    rewrite: borrowing RequestRewrite, into room: UnsafeMutableRawBufferPointer
  ) -> HeadWriter.Outcome {
    var writer = HeadWriter(room)
    let edits = rewrite.edits
    writeRequestLine(&writer, head, of: bytes, rewrite)

    writer.append("Host: ")
    if let host = rewrite.host {
      writer.append(host)
    } else if let authority = head.authority {
      writer.append(authority, of: bytes)
    }
    writer.append("\r\n")

    let framing = rewrite.framing ?? head.framing
    var skipped = rewritten | rewrite.forwarding.replaced
    if rewrite.via != nil { skipped |= KnownField.via.bit }
    if head.maxForwards != nil { skipped |= KnownField.maxForwards.bit }
    // Trailers are announced where there can be some.
    if framing != .chunked { skipped |= KnownField.trailer.bit }
    for index in 0..<fields.count {
      let field = fields[index]
      if field.isDropped || skipped & field.known.bit != 0 { continue }
      if let edits, edits.replaces(field.known, named: bytes[field.name]) { continue }
      if let id = rewrite.requestID, isSpelling(bytes[field.name], of: id.name) { continue }
      writer.append(field, of: bytes)
    }

    rewrite.forwarding.append(to: &writer, head, fields, of: bytes, edits: edits)
    if let id = rewrite.requestID, !(edits?.replaces(KnownField.find(id.name), named: id.name) ?? false) {
      writer.append(id.name)
      writer.append(": ")
      writer.append(id.value)
      writer.append("\r\n")
    }
    if let via = rewrite.via, !(edits?.replaces(.via) ?? false) {
      writer.appendVia(via, version: head.version, fields, of: bytes)
    }
    if let maxForwards = head.maxForwards, maxForwards > 0 {
      writer.appendField("Max-Forwards", decimal: maxForwards - 1)
    }
    if head.expectsContinue, rewrite.passesExpect { writer.append("Expect: 100-continue\r\n") }
    edits?.appendLines(to: &writer)
    if let extra = rewrite.extra { writer.append(extra) }
    writer.appendFraming(framing)
    writeConnection(&writer, head, of: bytes, rewrite)
    writer.append("\r\n")
    return writer.outcome
  }

  private static func writeRequestLine(
    _ writer: inout HeadWriter, _ head: RequestHead, of bytes: UnsafeRawBufferPointer,
    _ rewrite: borrowing RequestRewrite
  ) {
    writer.append(bytes[head.methodName])
    writer.append(byte: Byte.space)
    let query = rewrite.query ?? head.target.query.map { bytes[$0] }
    switch head.target.form {
    case .authority: writer.append(bytes[head.target.whole])
    case .asterisk: writer.append("*")
    case .absolute where head.target.path.isEmpty && head.method == .options && query == nil && rewrite.path == nil:
      // RFC 9112, 3.2.4.
      writer.append("*")
    case .origin, .absolute:
      let path = rewrite.path ?? bytes[head.target.path]
      if path.isEmpty { writer.append("/") } else { writer.append(path) }
      // An empty query of the client's is a query; one that a rewrite empties is none.
      if let query, !query.isEmpty || rewrite.query == nil {
        writer.append("?")
        writer.append(query)
      }
    }
    writer.append(" HTTP/1.1\r\n")
  }

  private static func writeConnection(
    _ writer: inout HeadWriter, _ head: RequestHead, of bytes: UnsafeRawBufferPointer,
    _ rewrite: borrowing RequestRewrite
  ) {
    let upgrade = rewrite.passesUpgrade ? head.upgrade : .none
    if head.acceptsTrailers { writer.append("TE: trailers\r\n") }
    writer.appendUpgrade(upgrade, of: bytes)
    switch (rewrite.closes, head.acceptsTrailers, upgrade != .none) {
    case (false, false, false): break
    case (true, false, _): writer.append("Connection: close\r\n")
    case (true, true, _): writer.append("Connection: close, TE\r\n")
    case (false, true, false): writer.append("Connection: TE\r\n")
    case (false, false, true): writer.append("Connection: Upgrade\r\n")
    case (false, true, true): writer.append("Connection: Upgrade, TE\r\n")
    }
  }

  /// Whether both are the same name, in any case and with underscores read as hyphens.
  private static func isSpelling(_ name: UnsafeRawBufferPointer, of other: UnsafeRawBufferPointer) -> Bool {
    guard name.count == other.count else { return false }
    for index in 0..<name.count {
      let byte = name[index] == 0x5F ? 0x2D : Byte.lowercased(name[index])
      let otherByte = other[index] == 0x5F ? 0x2D : Byte.lowercased(other[index])
      guard byte == otherByte else { return false }
    }
    return true
  }
}

extension HeadWriter {
  /// What says how long the body is; nothing where nothing may.
  mutating func appendFraming(_ framing: BodyFraming) {
    switch framing {
    case .length(let length): appendField("Content-Length", decimal: length)
    case .chunked: append("Transfer-Encoding: chunked\r\n")
    case .none, .untilClose, .tunnel: break
    }
  }

  mutating func appendUpgrade(_ upgrade: Upgrade, of bytes: UnsafeRawBufferPointer) {
    switch upgrade {
    case .none: break
    case .webSocket: append("Upgrade: websocket\r\n")
    case .other(let protocols): appendField("Upgrade", bytes[protocols])
    }
  }

  /// RFC 9110, 7.6.3: what came, and the version in which this program received it.
  mutating func appendVia(
    _ pseudonym: UnsafeRawBufferPointer, version: Version, _ fields: borrowing FieldTable,
    of bytes: UnsafeRawBufferPointer
  ) {
    beginList("Via", .via, of: fields, in: bytes)
    append(version == .http11 ? "1.1 " : "1.0 ")
    append(pseudonym)
    append("\r\n")
  }
}
