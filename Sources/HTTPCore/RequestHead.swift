/// The head of a request, read and judged (RFC 9112, 2 and 3).
///
/// How it is used, with `buffer` the bytes of the connection from the first one of this request on, and `fields` the
/// worker's table:
///
///     switch RequestHead.parse(buffer, limits: limits, progress: &session.progress, into: &fields) {
///     case .needMore:         // keep the bytes, read on, and ask again with all of them and the same progress
///     case .fault(let fault): // answer fault.status with `Connection: close`, and close
///     case .head(let head):   // head.length bytes were the head; the body is framed by head.framing
///     }
///
/// The head and the table hold ranges into `buffer`. Nothing of it is ever copied to a backend as it is: `RequestWriter`
/// writes the head anew. A head is trivial and small: keep it in the session as long as its bytes are kept.
public struct RequestHead: Equatable, Sendable, BitwiseCopyable {
  public var method: Method
  /// The method as it came.
  public var methodName: ByteRange
  public var target: RequestTarget
  public var version: Version
  /// The host that is asked for: the target's, or else the Host field's. nil only for HTTP/1.0 without Host.
  public var authority: Authority?
  /// How long the body is. With `exceeds` it is compared with `http.maxBody`.
  public var framing: BodyFraming
  /// Whether the client wants the connection to go on after the response.
  public var keepsAlive: Bool
  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1). Never without a body,
  /// and never of HTTP/1.0.
  public var expectsContinue: Bool
  /// What the client wants to switch to; `none` for whatever is not passed on, and when there is a body.
  public var upgrade: Upgrade
  /// Whether the client takes trailers (`TE: trailers`, RFC 9110, 10.1.4).
  public var acceptsTrailers: Bool
  /// Whether trailers, if there are any, may be sent on. Not when the Connection field names fields of its own: one
  /// of the trailers could be meant, and the names may be gone when they come (RFC 9110, 7.6.1).
  public var forwardsTrailers: Bool
  /// Of an OPTIONS or TRACE only (RFC 9110, 7.6.2): at 0 it must be answered here and not be forwarded. The writer
  /// sends one less.
  public var maxForwards: UInt64?
  /// Bytes of the head, with an empty line before it and the one that ends it: where the body begins.
  public var length: Int

  public enum Answer: Equatable, Sendable {
    /// All that is there is fine so far.
    case needMore
    case head(RequestHead)
    /// The connection is to be closed after the answer.
    case fault(MessageFault)
  }
}

extension RequestHead {
  /// Reads the head at the start of `bytes`.
  ///
  /// However the bytes are cut, the answer is the same in the end.
  /// - Parameters:
  ///   - bytes: everything that has come since the last message, from its first byte on; more than the head does no harm.
  ///   - progress: `HeadProgress()` for a new head; back to that when the answer is not `needMore`.
  ///   - fields: filled when the answer is `head`; else undefined.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: HeadLimits, progress: inout HeadProgress, into fields: inout FieldTable
  ) -> Answer {
    let isResumed = progress != HeadProgress()
    do throws(MessageFault) {
      if let head = try read(bytes, limits: limits, progress: &progress, into: &fields, isFilling: !isResumed) {
        progress = HeadProgress()
        return .head(head)
      }
      guard progress.isComplete else { return .needMore }
      // It came in pieces and is whole now: once more, into the table.
      progress = HeadProgress()
      let head = try read(bytes, limits: limits, progress: &progress, into: &fields, isFilling: true)
      progress = HeadProgress()
      return head.map(Answer.head) ?? .needMore
    } catch {
      progress = HeadProgress()
      return .fault(error)
    }
  }

  /// nil when the head is not complete, or complete but not filled in.
  @inline(__always)
  private static func read(
    _ bytes: UnsafeRawBufferPointer, limits: HeadLimits, progress: inout HeadProgress, into fields: inout FieldTable,
    isFilling: Bool
  ) throws(MessageFault) -> RequestHead? {
    var requestLine: RequestLine?
    while !progress.hasFirstLine {
      // Whoever speaks something else here, TLS for one, need not be waited for.
      let start = Int(progress.lineStart)
      if start < bytes.count {
        let first = bytes[start]
        guard ByteSet.token.contains(first) || first == Byte.carriageReturn && start == 0 else { throw .badMethod }
      }
      switch HeadLine.next(bytes, limits: limits, progress: &progress) {
      case .needMore: return nil
      case .fault(let fault): throw fault
      case .line(let start, let end, _):
        // One empty line before a request is passed over (RFC 9112, 2.2).
        if start == end, start == 0 { continue }
        requestLine = try RequestLine.parse(bytes, from: start, to: end)
        progress.hasFirstLine = true
      }
    }
    if isFilling { fields.removeAll() }
    switch FieldSection.read(bytes, limits: limits, progress: &progress, into: &fields, isFilling: isFilling) {
    case .needMore: return nil
    case .fault(let fault): throw fault
    case .end(let length):
      guard isFilling, let requestLine else {
        progress.isComplete = true
        return nil
      }
      return try RequestHead(requestLine, fields: &fields, of: bytes, length: length)
    }
  }

  /// What only all fields together can say.
  @inline(__always)
  private init(
    _ line: RequestLine, fields: inout FieldTable, of bytes: UnsafeRawBufferPointer, length: Int
  ) throws(MessageFault) {
    let authority = try Self.authority(line, fields, of: bytes)
    let body = try BodyFields.read(fields, of: bytes, version: line.version, mayRepeat: false)
    if line.method == .connect, body.isChunked || body.length ?? 0 > 0 { throw .bodyOfConnect }
    let framing: BodyFraming =
      if line.method == .connect { .none } else if body.isChunked { .chunked } else {
        body.length.map(BodyFraming.length) ?? .none
      }
    let options =
      fields.contains(.connection) ? try ConnectionOptions.read(&fields, of: bytes) : ConnectionOptions()
    let expectsContinue = fields.contains(.expect) ? try Self.expectsContinue(fields, of: bytes) : false

    self.method = line.method
    self.methodName = line.methodName
    self.target = line.target
    self.version = line.version
    self.authority = authority
    self.framing = framing
    self.keepsAlive = options.keepsAlive(line.version)
    self.expectsContinue = expectsContinue && line.version == .http11 && !framing.isEmpty
    self.upgrade =
      options.contains(.upgrade) && line.version == .http11 && framing.isEmpty && line.method != .connect
      ? Upgrade.read(fields, of: bytes) : .none
    if upgrade == .webSocket, line.method != .get { self.upgrade = .none }
    self.acceptsTrailers = fields.contains(.te) && Self.acceptsTrailers(fields, of: bytes)
    self.forwardsTrailers = !options.contains(.named)
    self.maxForwards =
      fields.contains(.maxForwards) && (line.method == .options || line.method == .trace)
      ? try Self.maxForwards(fields, of: bytes) : nil
    self.length = length
  }
}
