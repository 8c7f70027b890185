/// The first line of a response (RFC 9112, 4), without its end.
struct StatusLine {
  let version: Version
  let status: UInt16
  let reason: ByteRange

  /// The blank before a reason that is empty is often left out, and then not missed.
  @inline(__always)
  static func parse(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) throws(MessageFault) -> StatusLine {
    guard end &- start >= 12, bytes[start &+ 8] == Byte.space else { throw .badStatusLine }
    let version: Version
    switch Version.parse(bytes[ByteRange(start, start &+ 8)]) {
    case .version(let read): version = read
    case .fault(let fault): throw fault
    }
    let digits = ByteRange(start &+ 9, start &+ 12)
    guard let status = bytes[digits].decimal(), (100...599).contains(status) else { throw .badStatus }
    var reason = ByteRange(end, end)
    if end > start &+ 12 {
      guard bytes[start &+ 12] == Byte.space else { throw .badStatus }
      reason = ByteRange(start &+ 13, end)
      guard bytes.isFieldContent(from: start &+ 13, to: end) else { throw .badStatusLine }
    }
    return StatusLine(version: version, status: UInt16(truncatingIfNeeded: status), reason: reason)
  }

  private init(version: Version, status: UInt16, reason: ByteRange) {
    self.version = version
    self.status = status
    self.reason = reason
  }
}
