/// How long the body of a message is (RFC 9112, 6.3). Decided once, when the head is read; what is sent on is framed
/// by this and never by the fields that came.
public enum BodyFraming: Equatable, Sendable, BitwiseCopyable {
  /// There is no body, and nothing says how long it would be.
  case none
  /// This many bytes; at most Int64.max. A request with `Content-Length: 0` is this with 0.
  case length(UInt64)
  /// Chunks: `ChunkedDecoder`.
  case chunked
  /// Whatever comes until the backend closes. Responses only.
  case untilClose
  /// No message follows: the connection carries something else now. A response with 101, or 2xx to a CONNECT.
  case tunnel

  /// Whether nothing of a body is to be waited for.
  public var isEmpty: Bool { self == .none || self == .length(0) }

  /// Whether the body is known to be larger than `limit` bytes (`http.maxBody`): 413, before any of it is read. A chunked
  /// one is measured by its decoder.
  public func exceeds(_ limit: UInt64) -> Bool {
    if case .length(let length) = self { length > limit } else { false }
  }
}

/// The two fields that say how long a body is.
struct BodyFields {
  var length: UInt64?
  var isChunked = false

  /// - Parameter mayRepeat: whether a Content-Length that is said several times counts when it is always the same. The
  ///   RFC leaves that to the recipient: a client that does it is refused, a backend forgiven.
  static func read(
    _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer, version: Version, mayRepeat: Bool
  ) throws(MessageFault) -> BodyFields {
    var body = BodyFields()
    // Nearly every message has at most one of them.
    if fields.present & (KnownField.contentLength.bit | KnownField.transferEncoding.bit) == 0 { return body }
    let hasLength = fields.contains(.contentLength)
    if fields.contains(.transferEncoding) {
      // RFC 9112, 6.1 and 6.3: what a server of the other view would read as two messages is closed.
      guard !hasLength else { throw .bothLengths }
      guard version == .http11 else { throw .transferEncodingInOldVersion }
      try TransferEncoding.check(fields, of: bytes)
      body.isChunked = true
    } else {
      body.length = try ContentLength.read(fields, of: bytes, mayRepeat: mayRepeat)
    }
    return body
  }
}
