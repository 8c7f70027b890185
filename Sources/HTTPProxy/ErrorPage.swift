/// The whole answer to one error, ready to be sent: made when a configuration is loaded, the same bytes for everybody.
public final class ErrorPage: Sendable {
  public let status: ErrorStatus
  /// The value of Content-Type.
  public let contentType: StaticString
  public let body: [UInt8]
  /// The status line and the fields that are always there, without the empty line.
  private let head: [UInt8]

  init(_ status: ErrorStatus, contentType: StaticString, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
    head = Array(
      """
      HTTP/1.1 \(status.rawValue) \(status.reason)\r
      Content-Type: \(contentType)\r
      Content-Length: \(body.count)\r
      Cache-Control: no-store\r

      """.utf8)
  }

  /// What stands in a head beside the fixed part.
  public struct Details {
    /// Adds `Connection: close`.
    public var closes = false
    /// Seconds of Retry-After (RFC 9110, 10.2.3), held at 0…86400; for 429 and 503.
    public var retryAfter: Int?
    /// Complete field lines, each with its CRLF, such as Date and the request's name.
    public var fields = UnsafeRawBufferPointer(start: nil, count: 0)

    public init() {}
  }

  private static let close: StaticString = "Connection: close\r\n"
  private static let retryAfter: StaticString = "Retry-After: "

  /// Bytes that are enough for a head with these details.
  public func headCapacity(_ details: Details) -> Int {
    head.count + Self.close.utf8CodeUnitCount + Self.retryAfter.utf8CodeUnitCount + 8 + details.fields.count + 2
  }

  /// Writes the head, its empty line included. `body` follows, except to HEAD, whose Content-Length is what GET's would be
  /// (RFC 9110, 9.3.2).
  /// - Parameter buffer: at least `headCapacity` bytes.
  /// - Returns: how many bytes were written.
  public func writeHead(_ details: Details, to buffer: UnsafeMutableRawBufferPointer) -> Int {
    precondition(buffer.count >= headCapacity(details))
    var count = 0
    func put(_ bytes: UnsafeRawBufferPointer) {
      UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: bytes)
      count += bytes.count
    }
    func put(_ text: StaticString) { text.withUTF8Buffer { put(UnsafeRawBufferPointer($0)) } }
    head.withUnsafeBytes { put($0) }
    if let seconds = details.retryAfter {
      put(Self.retryAfter)
      var digits = min(max(seconds, 0), 86_400)
      var divisor = 1
      while digits / divisor >= 10 { divisor *= 10 }
      while divisor > 0 {
        buffer[count] = UInt8(digits / divisor) + 0x30
        digits %= divisor
        divisor /= 10
        count += 1
      }
      put("\r\n")
    }
    if details.closes { put(Self.close) }
    put(details.fields)
    put("\r\n")
    return count
  }
}
