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
  ///   - extra: lines, each with its end.
  mutating func answer(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ status: UInt16, version: Version = .http11,
    method: Method? = nil, closes: Bool, retryAfter: Int? = nil,
    extra: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    client.pointee.connection.meters.add(to: .responses(status))
    let page = client.pointee.http.errorPages.page(for: status)
    let closes = closes || isLast(client)
    var details = ErrorPage.Details()
    details.closes = closes
    details.retryAfter = retryAfter ?? (status == 503 ? 1 : nil)
    details.fields = answerFields(client, page.status, version, closes: closes, extra)
    let body = method == .head ? 0 : page.body.count
    http.buffers.growHead(to: page.headCapacity(details) + body)
    var size = page.writeHead(details, to: http.buffers.head)
    if body > 0 {
      UnsafeMutableRawBufferPointer(rebasing: http.buffers.head[size...]).copyBytes(from: page.body)
      size += body
    }
    send(answerOf: size, handle, client, closes: closes)
  }

  /// Answers a request as its route says, instead of a backend.
  /// - Parameters:
  ///   - response: without what is the same for all.
  ///   - closes: whether this is the last answer.
  mutating func answer(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ response: LocalResponse,
    body: UnsafeRawBufferPointer, method: Method, closes: Bool
  ) {
    client.pointee.connection.meters.add(to: .responses(response.status))
    let closes = closes || isLast(client)
    var response = response
    response.contentLength = body.count
    response.keepsAlive = !closes
    response.date = http.date(now)
    if let server = client.pointee.http.serverText { response.server = server.bytes }
    while true {
      switch response.write(into: http.buffers.head) {
      case .written(var size):
        if method != .head, !body.isEmpty {
          http.buffers.growHead(to: size + body.count, keeping: size)
          UnsafeMutableRawBufferPointer(rebasing: http.buffers.head[size...]).copyMemory(from: body)
          size += body.count
        }
        send(answerOf: size, handle, client, closes: closes)
        return
      case .needsRoom(let size): http.buffers.growHead(to: size)
      }
    }
  }

  /// Sends what is written at the start of `HTTPBuffers.head`, and goes on with the client.
  private mutating func send(
    answerOf size: Int, _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, closes: Bool
  ) {
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
    _ client: UnsafeMutablePointer<HTTPClient>, _ status: ErrorStatus, _ version: Version, closes: Bool,
    _ extra: UnsafeRawBufferPointer
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
      writer.append(extra)
      switch writer.outcome {
      case .written(let count): return UnsafeRawBufferPointer(rebasing: room[..<count])
      case .needsRoom(let count): room = http.growLines(to: count)
      }
    }
  }
}

extension ErrorPages {
  /// What is answered with a status; one that is none of ours is a fault of ours.
  func page(for status: UInt16) -> ErrorPage { self[ErrorStatus(rawValue: Int(status)) ?? .internalServerError] }
}
