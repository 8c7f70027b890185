/// A response that this program gives by itself: an error, a redirect, a fixed answer. The body, if there is one, is
/// written behind the head by the caller.
public struct LocalResponse {
  public var status: UInt16
  /// nil for none: then there is no body and a Content-Length of 0, where there may be one.
  public var contentType: UnsafeRawBufferPointer?
  /// Of the body. The answer to a HEAD says the same and has none.
  public var contentLength = 0
  public var clientVersion = Version.http11
  public var keepsAlive = false
  public var date: UnsafeRawBufferPointer?
  public var server: UnsafeRawBufferPointer?
  public var edits: FieldEdits?
  /// Field lines that are ready, each with its end: Location, Retry-After, Allow and the like.
  public var extra: UnsafeRawBufferPointer?

  public init(status: UInt16) { self.status = status }

  public func write(into room: UnsafeMutableRawBufferPointer) -> HeadWriter.Outcome {
    var writer = HeadWriter(room)
    writer.append("HTTP/1.1 ")
    writer.append(decimal: UInt64(status))
    writer.append(byte: Byte.space)
    writer.append(StatusReason.phrase(status))
    writer.append("\r\n")
    if let server, !(edits?.replaces(.server) ?? false) { writer.appendField("Server", server) }
    if let date, !(edits?.replaces(.date) ?? false) { writer.appendField("Date", date) }
    if let contentType, !(edits?.replaces(.contentType) ?? false) { writer.appendField("Content-Type", contentType) }
    edits?.appendLines(to: &writer)
    if let extra { writer.append(extra) }
    // RFC 9110, 8.6: not in 1xx and 204.
    if status >= 200, status != 204, status != 304 {
      writer.appendField("Content-Length", decimal: UInt64(max(contentLength, 0)))
    }
    if status >= 200 { writer.appendPersistence(keepsAlive, clientVersion) }
    writer.append("\r\n")
    return writer.outcome
  }
}
