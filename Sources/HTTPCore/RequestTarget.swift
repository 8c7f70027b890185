/// What a request is for (RFC 9112, 3.2).
public struct RequestTarget: Equatable, Sendable, BitwiseCopyable {
  public enum Form: UInt8, Sendable, BitwiseCopyable {
    /// `/path?query`.
    case origin
    /// `http://host/path?query`, as to a proxy; every server must take it.
    case absolute
    /// `host:port`; CONNECT only.
    case authority
    /// `*`; OPTIONS only.
    case asterisk
  }

  public var form: Form
  /// All of it, as the client sent it: for the access log.
  public var whole: ByteRange
  /// Absolute form only.
  public var scheme: Scheme?
  /// Absolute and authority form only; `RequestHead.authority` is the one that counts.
  public var authority: Authority?
  /// Without the query; as sent, so not for matching: see `PathNormalizer`. Empty in authority and asterisk form, and
  /// perhaps in absolute form, where it means `/` (OPTIONS: `*`).
  public var path: ByteRange
  /// Behind the question mark; nil when there is none, which is not the same as an empty one.
  public var query: ByteRange?

  init(form: Form, whole: ByteRange, path: ByteRange = .empty) {
    self.form = form
    self.whole = whole
    self.path = path
  }
}

extension RequestTarget {
  @inline(__always)
  static func parse(
    _ bytes: UnsafeRawBufferPointer, _ whole: ByteRange, method: Method
  ) throws(MessageFault) -> RequestTarget {
    guard !whole.isEmpty else { throw .badTarget }
    if method == .connect {
      guard let authority = Authority.parse(bytes, whole), authority.port != nil else { throw .badTarget }
      var target = RequestTarget(form: .authority, whole: whole)
      target.authority = authority
      return target
    }
    let start = Int(whole.start)
    if bytes[start] == Byte.slash {
      var target = RequestTarget(form: .origin, whole: whole)
      try target.readPath(bytes, from: start)
      return target
    }
    if bytes[start] == 0x2A, whole.count == 1 {
      guard method == .options else { throw .badTarget }
      return RequestTarget(form: .asterisk, whole: whole)
    }
    return try parseAbsolute(bytes, whole)
  }

  private static func parseAbsolute(
    _ bytes: UnsafeRawBufferPointer, _ whole: ByteRange
  ) throws(MessageFault) -> RequestTarget {
    let start = Int(whole.start)
    let end = Int(whole.end)
    var colon = start
    while colon < end, bytes[colon] != Byte.colon { colon += 1 }
    guard colon + 3 <= end, bytes[colon + 1] == Byte.slash, bytes[colon + 2] == Byte.slash else { throw .badTarget }
    var target = RequestTarget(form: .absolute, whole: whole)
    let scheme = bytes[ByteRange(start, colon)]
    if scheme.equalsIgnoringCase("http") {
      target.scheme = .http
    } else if scheme.equalsIgnoringCase("https") {
      target.scheme = .https
    } else {
      throw .badScheme
    }
    let authorityStart = colon + 3
    var authorityEnd = authorityStart
    while authorityEnd < end, bytes[authorityEnd] != Byte.slash, bytes[authorityEnd] != 0x3F {
      // RFC 9110, 4.2.4: nobody but an attacker sends these.
      guard bytes[authorityEnd] != 0x40 else { throw .userInformation }
      authorityEnd += 1
    }
    guard let authority = Authority.parse(bytes, ByteRange(authorityStart, authorityEnd)) else { throw .badHost }
    target.authority = authority
    try target.readPath(bytes, from: authorityEnd)
    return target
  }

  /// Reads from the path's first character to the end of the target.
  @inline(__always)
  private mutating func readPath(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(MessageFault) {
    let end = Int(whole.end)
    var index = start
    while index < end, ByteSet.rawPath.contains(bytes[index]) { index &+= 1 }
    path = ByteRange(start, index)
    guard index < end else { return }
    guard bytes[index] == 0x3F else { throw bytes[index] == Byte.backslash ? .backslash : .badTarget }
    let query = ByteRange(index &+ 1, end)
    guard ByteSet.query.containsAll(bytes[query]) else { throw .badTarget }
    self.query = query
  }
}
