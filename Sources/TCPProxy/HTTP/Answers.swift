import Base
import HTTPCore
import HTTPProxy
import Reactor

/// What the program says by itself.
extension Worker {
  /// Answers a client whose request no backend answers: with the listener's page for the status.
  /// - Parameters:
  ///   - status: of an error.
  ///   - method: nil when it is not known.
  ///   - closes: whether this is the last answer.
  ///   - retryAfter: seconds after which the client may come again; of 503 it is 1 if nothing else is said.
  mutating func answer(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ status: UInt16, version: Version = .http11,
    method: Method? = nil, closes: Bool, retryAfter: Int? = nil
  ) {
    let page = client.pointee.http.errorPages[ErrorStatus(rawValue: Int(status)) ?? .internalServerError]
    let closes = closes || isDraining
    var details = ErrorPage.Details()
    details.closes = closes
    details.retryAfter = retryAfter ?? (status == 503 ? 1 : nil)
    details.fields = answerFields(client, page.status, version, closes: closes)
    let body = method == .head ? 0 : page.body.count
    http.buffers.growHead(to: page.headCapacity(details) + body)
    var size = page.writeHead(details, to: http.buffers.head)
    if body > 0 {
      UnsafeMutableRawBufferPointer(rebasing: http.buffers.head[size...]).copyBytes(from: page.body)
      size += body
    }
    let sent = http.buffers.send(
      UnsafeRawBufferPointer(rebasing: http.buffers.head[..<size]), to: &client.pointee.connection)
    if sent == .failed {
      endClient(handle, reset: true)
      return
    }
    client.pointee.progress = HeadProgress()
    if closes {
      finishClient(handle, client)
      return
    }
    becomeIdle(handle, client)
    if client.pointee.connection.hasNews || client.pointee.connection.isReadable {
      unfinished.append(Token(.httpClient, handle))
    }
  }

  /// The lines that an answer has beside those of its page.
  private mutating func answerFields(
    _ client: UnsafeMutablePointer<HTTPClient>, _ status: ErrorStatus, _ version: Version, closes: Bool
  ) -> UnsafeRawBufferPointer {
    let date = http.date(now)
    var room = http.lines
    while true {
      var writer = HeadWriter(room)
      if let server = client.pointee.http.serverText { writer.appendField("Server", server.bytes) }
      writer.appendField("Date", date)
      if status == .methodNotAllowed { writer.append("Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n") }
      // RFC 9112, 9.3: what goes without saying only between two who speak 1.1.
      if version == .http10, !closes { writer.append("Connection: keep-alive\r\n") }
      switch writer.outcome {
      case .written(let count): return UnsafeRawBufferPointer(rebasing: room[..<count])
      case .needsRoom(let count): room = http.growLines(to: count)
      }
    }
  }
}
