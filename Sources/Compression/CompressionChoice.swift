/// Whether a response is compressed, and what becomes of its fields. Pure: the facts are handed in, the fields are changed
/// by whoever has them.
public struct CompressionChoice: Equatable, Sendable {
  /// What is known of a response when its head has come. Its bytes are lent: it lives no longer than they do.
  public struct Response {
    public var status: Int
    /// It answers HEAD.
    public var isToHead = false
    /// The value of Content-Type; nil without one.
    public var contentType: UnsafeRawBufferPointer?
    /// Nil for a body whose length is not known beforehand.
    public var contentLength: UInt64?
    /// There is a Content-Encoding other than `identity`.
    public var isEncoded = false
    /// There is a Content-Range.
    public var hasContentRange = false
    /// Cache-Control holds `no-transform` (RFC 9111, 5.2.2.6): a proxy must leave the content alone (RFC 9110, 7.7).
    public var forbidsTransform = false

    public init(status: Int) { self.status = status }
  }

  /// What is compressed; nil: the response goes out as it came.
  public var coding: ContentCoding?
  /// Another client would have got another answer: Vary has to name Accept-Encoding, so that caches keep the two apart
  /// (RFC 9110, 12.5.5).
  public var varies: Bool
  /// To HEAD and in a 304: a response with content would be compressed, or may be. How long it would be is not known then,
  /// and must not be said (RFC 9110, 8.6); its tag would be a weak one, and a 304 has to have the same (15.4.5).
  public var wouldEncode = false

  /// With a coding: the bytes are not those that a strong ETag promised, so it becomes a weak one (RFC 9110, 8.8.3.3). A
  /// client that asks again with it is still answered 304, because If-None-Match compares weakly.
  public var weakensETag: Bool { coding != nil }

  /// With a coding: the fields that told of the bytes before. The length is not known beforehand; ranges would be counted
  /// in other bytes; digests are of the content as it was (RFC 9530, and the older RFC 3230 and RFC 1864).
  public var removedFields: [StaticString] { coding == nil ? [] : Self.fieldsOfTheFormerBytes }

  private static let fieldsOfTheFormerBytes: [StaticString] = [
    "content-length", "accept-ranges", "content-digest", "digest", "content-md5",
  ]

  private static let untouched = CompressionChoice(coding: nil, varies: false)

  private init(coding: ContentCoding?, varies: Bool) {
    self.coding = coding
    self.varies = varies
  }

  /// - Parameters:
  ///   - response: as the backend sent it.
  ///   - accepted: from the request.
  ///   - types: what is worth it.
  ///   - minimum: bytes below which it is not; a body of unknown length is.
  ///   - available: the codings there are encoders for, the best first.
  public init(
    _ response: Response, accepted: AcceptedCodings, types: CompressibleTypes, minimum: UInt64,
    available: [ContentCoding] = ContentCoding.preferred
  ) {
    self = .untouched
    guard !response.isEncoded, !response.hasContentRange, !response.forbidsTransform else { return }
    let isShort = response.contentLength.map { $0 < max(minimum, 1) } ?? false
    // A stored response that a 304 confirms may be a compressed one; its type is often left out.
    if response.status == 304 {
      varies = response.contentType.map(types.contains) ?? true
      wouldEncode = varies && !isShort && accepted.best(of: available) != nil
      return
    }
    // Interim and empty responses, parts of one, and 204 and 205, which have no content.
    guard response.status >= 200, response.status != 204, response.status != 205, response.status != 206,
      let type = response.contentType, types.contains(type), !isShort
    else { return }
    varies = true
    let best = accepted.best(of: available)
    // To HEAD there is nothing to compress, and what GET would send is not known without it.
    if response.isToHead { wouldEncode = best != nil } else { coding = best }
  }
}

/// Vary, as far as compression needs it.
public enum Vary {
  /// The value names Accept-Encoding, or everything: nothing has to be added.
  public static func coversAcceptEncoding(_ value: UnsafeRawBufferPointer) -> Bool {
    var start = 0
    while start <= value.count {
      let end = value[start...].firstIndex(of: UInt8(ascii: ",")) ?? value.count
      let name = Token.trimmed(UnsafeRawBufferPointer(rebasing: value[start..<end]))
      if Token.equal(name, "accept-encoding") || Token.equal(name, "*") { return true }
      start = end + 1
    }
    return false
  }

  /// What is sent as one more member, or as a field of its own, where it does not.
  public static let acceptEncoding: StaticString = "Accept-Encoding"
}
