/// The head of a response, read and judged (RFC 9112, 2 and 4).
///
/// Used as `RequestHead` is. A fault is a 502 for the client, and the connection to the backend is closed. A response
/// with a status from 100 to 199, other than 101, is followed by another: parse again behind it (RFC 9110, 15.2). Bytes
/// of a backend that owes no response are no response: close the connection.
public struct ResponseHead: Equatable, Sendable, BitwiseCopyable {
  public var version: Version
  /// 100 to 599.
  public var status: UInt16
  /// As it came; perhaps empty.
  public var reason: ByteRange
  /// How long the body is, given the method that is answered.
  public var framing: BodyFraming
  /// What Content-Length says: the same as `framing`, or what a body would have been long in the answer to a HEAD and
  /// in a 304.
  public var declaredLength: UInt64?
  /// Whether the backend's connection can be used again when the body has been read. False whenever there is doubt about
  /// where this message ends.
  public var keepsAlive: Bool
  /// Whether trailers, if there are any, may be sent on: see `RequestHead.forwardsTrailers`.
  public var forwardsTrailers: Bool
  /// With 101, what is switched to. It must be what the client asked for (RFC 9110, 7.8): compare with
  /// `RequestHead.upgrade`, else 502. With 426, what the client is to ask for, whether that is passed on or not.
  public var upgrade: Upgrade
  /// Bytes of the head: where the body begins.
  public var length: Int

  /// Whether another response follows this one.
  public var isInterim: Bool { status < 200 && status != 101 }

  public enum Answer: Equatable, Sendable {
    case needMore
    case head(ResponseHead)
    case fault(MessageFault)
  }
}

extension ResponseHead {
  /// Reads the head at the start of `bytes`.
  /// - Parameter method: of the request that this answers: it decides whether there is a body.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, answering method: Method, limits: HeadLimits, progress: inout HeadProgress,
    into fields: inout FieldTable
  ) -> Answer {
    let isResumed = progress != HeadProgress()
    do throws(MessageFault) {
      if let head = try read(
        bytes, answering: method, limits: limits, progress: &progress, into: &fields, isFilling: !isResumed)
      {
        progress = HeadProgress()
        return .head(head)
      }
      guard progress.isComplete else { return .needMore }
      progress = HeadProgress()
      let head = try read(
        bytes, answering: method, limits: limits, progress: &progress, into: &fields, isFilling: true)
      progress = HeadProgress()
      return head.map(Answer.head) ?? .needMore
    } catch {
      progress = HeadProgress()
      return .fault(error)
    }
  }

  @inline(__always)
  private static func read(
    _ bytes: UnsafeRawBufferPointer, answering method: Method, limits: HeadLimits, progress: inout HeadProgress,
    into fields: inout FieldTable, isFilling: Bool
  ) throws(MessageFault) -> ResponseHead? {
    var statusLine: StatusLine?
    if !progress.hasFirstLine {
      if let first = bytes.first, first != 0x48 { throw .badStatusLine }
      switch HeadLine.next(bytes, limits: limits, progress: &progress) {
      case .needMore: return nil
      case .fault(let fault): throw fault
      case .line(let start, let end, _):
        statusLine = try StatusLine.parse(bytes, from: start, to: end)
        progress.hasFirstLine = true
      }
    }
    if isFilling { fields.removeAll() }
    switch FieldSection.read(bytes, limits: limits, progress: &progress, into: &fields, isFilling: isFilling) {
    case .needMore: return nil
    case .fault(let fault): throw fault
    case .end(let length):
      guard isFilling, let statusLine else {
        progress.isComplete = true
        return nil
      }
      return try ResponseHead(statusLine, answering: method, fields: &fields, of: bytes, length: length)
    }
  }

  @inline(__always)
  private init(
    _ line: StatusLine, answering method: Method, fields: inout FieldTable, of bytes: UnsafeRawBufferPointer,
    length: Int
  ) throws(MessageFault) {
    // What a tunnel's head says of lengths is to be ignored (RFC 9110, 9.3.6).
    let isTunnel = line.status == 101 || method == .connect && (200...299).contains(line.status)
    let body = isTunnel ? BodyFields() : try BodyFields.read(fields, of: bytes, version: line.version, mayRepeat: true)
    let options =
      fields.contains(.connection) ? try ConnectionOptions.read(&fields, of: bytes) : ConnectionOptions()
    let framing: BodyFraming
    var isDoubtful = false
    switch line.status {
    case _ where isTunnel:
      framing = .tunnel
    case 100...199, 204:
      framing = .none
      // It must not say how long it is. A backend that does may well send a body.
      isDoubtful = body.isChunked || body.length ?? 0 > 0
    case 304:
      framing = .none
    default:
      if method == .head {
        framing = .none
      } else if body.isChunked {
        framing = .chunked
      } else {
        framing = body.length.map(BodyFraming.length) ?? .untilClose
      }
    }

    version = line.version
    status = line.status
    reason = line.reason
    self.framing = framing
    declaredLength = line.status < 200 || line.status == 204 ? nil : body.length
    keepsAlive =
      options.keepsAlive(line.version) && !isDoubtful && framing != .untilClose && framing != .tunnel
    forwardsTrailers = !options.contains(.named)
    upgrade =
      switch line.status {
      case 101 where options.contains(.upgrade): Upgrade.read(fields, of: bytes)
      // It switches nothing, and without the field it would say nothing (RFC 9110, 15.5.22).
      case 426: fields.first(.upgrade).map { .other($0.value) } ?? .none
      default: .none
      }
    self.length = length
  }
}
