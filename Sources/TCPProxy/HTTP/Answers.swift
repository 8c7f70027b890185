import Base
import HTTPCore
import Reactor

/// What the program says by itself.
extension Worker {
  /// Answers a client whose request no backend answers.
  /// - Parameters:
  ///   - method: nil when it is not known.
  ///   - closes: whether this is the last answer.
  mutating func answer(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ status: UInt16, version: Version = .http11,
    method: Method? = nil, closes: Bool, body: UnsafeRawBufferPointer? = nil, isFixed: Bool = false,
    edits: FieldEdits? = nil, extra: UnsafeRawBufferPointer? = nil
  ) {
    let body = body ?? ErrorBody.of(status)
    let closes = closes || isDraining
    while true {
      var response = LocalResponse(status: status)
      if !isFixed { response.contentType = ErrorBody.contentType }
      response.edits = edits
      response.contentLength = body.count
      response.clientVersion = version
      response.keepsAlive = !closes
      response.date = http.date(now)
      response.extra = extra
      if extra == nil, status == 503 { response.extra = ErrorBody.retryAfter }
      if extra == nil, status == 405 { response.extra = ErrorBody.allow }
      switch response.write(into: http.buffers.head) {
      case .written(let size):
        http.buffers.growHead(to: size + body.count, keeping: size)
        var total = size
        if method != .head {
          UnsafeMutableRawBufferPointer(rebasing: http.buffers.head[size...]).copyMemory(from: body)
          total += body.count
        }
        let sent = http.buffers.send(
          UnsafeRawBufferPointer(rebasing: http.buffers.head[..<total]), to: &client.pointee.connection)
        if sent == .failed {
          endClient(handle, reset: true)
          return
        }
        client.pointee.progress = HeadProgress()
        if closes {
          finishClient(handle, client)
        } else {
          becomeIdle(handle, client)
          if client.pointee.connection.hasNews || client.pointee.connection.isReadable {
            unfinished.append(Token(.httpClient, handle))
          }
        }
        return
      case .needsRoom(let size): http.buffers.growHead(to: size)
      }
    }
  }
}

/// The bodies of errors: no detail that would help an attacker.
enum ErrorBody {
  static func of(_ status: UInt16) -> UnsafeRawBufferPointer {
    let text: StaticString =
      switch status {
      case 400: "400 Bad Request\n"
      case 301: "301 Moved Permanently\n"
      case 302: "302 Found\n"
      case 303: "303 See Other\n"
      case 307: "307 Temporary Redirect\n"
      case 308: "308 Permanent Redirect\n"
      case 404: "404 Not Found\n"
      case 429: "429 Too Many Requests\n"
      case 405: "405 Method Not Allowed\n"
      case 408: "408 Request Timeout\n"
      case 413: "413 Content Too Large\n"
      case 414: "414 URI Too Long\n"
      case 417: "417 Expectation Failed\n"
      case 431: "431 Request Header Fields Too Large\n"
      case 501: "501 Not Implemented\n"
      case 502: "502 Bad Gateway\n"
      case 503: "503 Service Unavailable\n"
      case 504: "504 Gateway Timeout\n"
      case 505: "505 HTTP Version Not Supported\n"
      default: "500 Internal Server Error\n"
      }
    return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  static var contentType: UnsafeRawBufferPointer { bytes("text/plain; charset=utf-8") }
  static var retryAfter: UnsafeRawBufferPointer { bytes("Retry-After: 1\r\n") }
  static var allow: UnsafeRawBufferPointer { bytes("Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n") }

  private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }
}
