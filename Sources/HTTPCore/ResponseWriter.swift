/// What becomes of a response on its way to the client. The buffers are lent for the call only.
public struct ResponseRewrite {
  /// What is done with Server (`http.serverHeader`).
  public enum Server {
    case keep
    case remove
    case text(UnsafeRawBufferPointer)
  }

  /// The version that the client spoke: it decides about the framing.
  public var clientVersion = Version.http11
  /// Whether the client's connection goes on after this response. With HTTP/1.0 that must be said, with 1.1 the opposite.
  public var keepsAlive = true
  public var edits: FieldEdits?
  public var server = Server.keep
  /// The date now, `HTTPDate.length` bytes: written when the backend sent none (RFC 9110, 6.6.1).
  public var date: UnsafeRawBufferPointer?
  /// This program's name in Via; nil to write none, which a gateway may do (RFC 9110, 7.6.3).
  public var via: UnsafeRawBufferPointer?
  /// The coding that the body gets here, in lower case, such as `gzip`; the head is changed to match: no length, no
  /// ranges, a weak entity tag, and Vary (RFC 9110, 8.8.1 and 12.5.5).
  public var contentCoding: StaticString?
  /// There is no body, and one would have been changed here: how long it is at the backend is left out (RFC 9110, 8.6), and
  /// the entity tag is weak as it would be then (15.4.5).
  public var wouldEncode = false
  /// Field lines that are ready, each with its end, written as they are: a Set-Cookie, for instance.
  public var extra: UnsafeRawBufferPointer?

  public init() {}
}

extension ResponseHead {
  /// How the body is framed for a client: as it came if the client's version can have that. `untilClose` means that its
  /// connection ends with the body. The writer writes exactly this, so the session asks here how to send the body.
  /// - Parameter isRecoded: whether the body is changed on the way, so that its length is not known.
  public func framing(towards clientVersion: Version, isRecoded: Bool = false) -> BodyFraming {
    switch framing {
    case .none, .tunnel: framing
    case .length(let length):
      isRecoded ? (clientVersion == .http11 ? .chunked : .untilClose) : .length(length)
    case .chunked, .untilClose: clientVersion == .http11 ? .chunked : .untilClose
    }
  }
}

/// Writes the head of a response to a client, anew from what was parsed.
public enum ResponseWriter {
  /// The interim response that tells a client to send its body (RFC 9110, 15.2.1); for HTTP/1.1 only.
  public static let continueResponse: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

  /// - Parameters:
  ///   - head, fields, bytes: as `ResponseHead.parse` left them.
  ///   - room: where to write; it must not overlap `bytes`.
  public static func write(
    _ head: ResponseHead, _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer,
    rewrite: borrowing ResponseRewrite, into room: UnsafeMutableRawBufferPointer
  ) -> HeadWriter.Outcome {
    var writer = HeadWriter(room)
    let edits = rewrite.edits
    let framing = head.framing(towards: rewrite.clientVersion, isRecoded: rewrite.contentCoding != nil)
    writer.append("HTTP/1.1 ")
    writer.append(decimal: UInt64(head.status))
    writer.append(byte: Byte.space)
    if head.reason.isEmpty {
      writer.append(StatusReason.phrase(head.status))
    } else {
      writer.append(bytes[head.reason])
    }
    writer.append("\r\n")

    var skipped = KnownField.contentLength.bit
    if case .keep = rewrite.server {} else { skipped |= KnownField.server.bit }
    if rewrite.via != nil { skipped |= KnownField.via.bit }
    if framing != .chunked { skipped |= KnownField.trailer.bit }
    if rewrite.contentCoding != nil {
      // Trailers are not sent on: they may tell of the bytes before.
      skipped |= KnownField.contentEncoding.bit | KnownField.acceptRanges.bit | KnownField.trailer.bit
    }
    for index in 0..<fields.count {
      let field = fields[index]
      if field.isDropped || skipped & field.known.bit != 0 { continue }
      if let edits, edits.replaces(field.known, named: bytes[field.name]) { continue }
      if rewrite.contentCoding != nil, field.known == .other, isDigest(bytes[field.name]) { continue }
      if rewrite.contentCoding != nil || rewrite.wouldEncode, field.known == .etag {
        writer.appendWeakened(field, of: bytes)
      } else {
        writer.append(field, of: bytes)
      }
    }

    if let coding = rewrite.contentCoding {
      writer.appendField("Content-Encoding", coding.bytes)
      writer.append("Vary: Accept-Encoding\r\n")
    }
    if !head.isInterim {
      if case .text(let text) = rewrite.server, !(edits?.replaces(.server) ?? false) {
        writer.appendField("Server", text)
      }
      if let date = rewrite.date, !fields.contains(.date), !(edits?.replaces(.date) ?? false) {
        writer.appendField("Date", date)
      }
    }
    if let via = rewrite.via, !(edits?.replaces(.via) ?? false) {
      writer.appendVia(via, version: head.version, fields, of: bytes)
    }
    edits?.appendLines(to: &writer)
    if let extra = rewrite.extra { writer.append(extra) }
    writer.appendFraming(framing)
    // What a body would have been long: in answers to HEAD and in 304.
    if framing == .none, rewrite.contentCoding == nil, !rewrite.wouldEncode, let length = head.declaredLength {
      writer.appendField("Content-Length", decimal: length)
    }
    writer.appendUpgrade(head.upgrade, of: bytes)
    if framing == .tunnel {
      if head.upgrade != .none { writer.append("Connection: Upgrade\r\n") }
    } else if !head.isInterim {
      writer.appendPersistence(
        rewrite.keepsAlive && framing != .untilClose, rewrite.clientVersion, upgrades: head.upgrade != .none)
    }
    writer.append("\r\n")
    return writer.outcome
  }

  /// What was computed of the bytes before they were recoded (RFC 9530; RFC 3230; RFC 1864).
  private static func isDigest(_ name: UnsafeRawBufferPointer) -> Bool {
    name.equalsIgnoringCase("content-digest") || name.equalsIgnoringCase("repr-digest")
      || name.equalsIgnoringCase("digest") || name.equalsIgnoringCase("content-md5")
  }
}

extension HeadWriter {
  /// Whether the connection goes on, where that does not go without saying (RFC 9112, 9.3).
  /// - Parameter upgrades: whether there is an Upgrade, which must be named beside it (RFC 9110, 7.8).
  mutating func appendPersistence(_ keepsAlive: Bool, _ clientVersion: Version, upgrades: Bool = false) {
    switch (keepsAlive, clientVersion) {
    case (true, .http11):
      if upgrades { append("Connection: Upgrade\r\n") }
      return
    case (true, .http10): append("Connection: keep-alive")
    case (false, _): append("Connection: close")
    }
    append(upgrades ? ", Upgrade\r\n" : "\r\n")
  }

  fileprivate mutating func appendWeakened(_ field: Field, of bytes: UnsafeRawBufferPointer) {
    guard let prefix = EntityTag.weakening(bytes[field.value]) else { return }
    append(bytes[field.name])
    append(": ")
    append(prefix)
    append(bytes[field.value])
    append("\r\n")
  }
}
