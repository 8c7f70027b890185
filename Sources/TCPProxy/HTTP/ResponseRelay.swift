import AccessLog
import Balancing
import Base
import HTTPCore
import Reactor

/// The backends' side: reading responses and writing them anew for clients.
extension Worker {
  mutating func httpServerEvent(_ handle: Handle, _ readiness: Readiness) {
    guard let server = http.servers.pointer(to: handle) else { return }
    server.pointee.connection.notice(readiness)
    let exchangeHandle = server.pointee.exchange
    guard let exchange = http.exchanges.pointer(to: exchangeHandle) else {
      if server.pointee.mirror != .none { return mirrorEvent(handle, server, readiness) }
      // It owes nobody a word: whatever it says, it is not to be trusted with the next request.
      if server.pointee.connection.isReadable {
        http.removeIdle(handle)
        closeServer(handle)
      }
      return
    }
    if server.pointee.isConnecting {
      if !readiness.isDisjoint(with: [.error, .hungUp]) {
        let error = SocketIO.takeError(of: server.pointee.connection.socket.number, "connect")
        connectFailed(exchangeHandle, exchange, error.map { "\($0)" } ?? "closed while connecting")
      } else if readiness.contains(.writable) {
        connected(exchangeHandle, exchange)
      }
      return
    }
    if server.pointee.isSecuring {
      if !server.pointee.connection.unsent.isEmpty { _ = http.buffers.flush(&server.pointee.connection) }
      continueSecuring(handle, server)
      return
    }
    if readiness.contains(.writable), !server.pointee.connection.unsent.isEmpty {
      switch http.buffers.flush(&server.pointee.connection) {
      case .held: break
      case .failed:
        requestRefused(exchangeHandle, exchange)
        return
      case .sent:
        let client = exchange.pointee.client
        if let client = http.clients.pointer(to: client) { pumpRequest(exchange.pointee.client, client) }
        guard http.servers.pointer(to: handle) != nil else { return }
      }
    }
    pumpResponse(handle)
  }

  /// Moves what has come of a response to the client.
  mutating func pumpResponse(_ handle: Handle) {
    var reads = Self.readsPerTurn
    while let server = http.servers.pointer(to: handle),
      let exchange = http.exchanges.pointer(to: server.pointee.exchange),
      let client = http.clients.pointer(to: exchange.pointee.client)
    {
      if server.pointee.isConnecting || server.pointee.isSecuring || !client.pointee.connection.unsent.isEmpty {
        return
      }
      let exchangeHandle = server.pointee.exchange
      let size = Int(server.pointee.readSize)
      switch http.buffers.receive(&server.pointee.connection, atMost: size) {
      case .bytes(let count):
        takeResponse(count, exchangeHandle, exchange, server, client)
        guard http.exchanges.pointer(to: exchangeHandle) != nil else { return }
        server.pointee.adapt(read: count, wasTaken: client.pointee.connection.unsent.isEmpty)
      case .blocked:
        if exchange.pointee.needsFlush,
          sendEncoded(UnsafeRawBufferPointer(start: nil, count: 0), .flush, exchange, client) == .failed
        {
          endClient(exchange.pointee.client, reset: true)
        }
        return
      case .ended:
        responseStopped(exchangeHandle, exchange, "the backend closed the connection", isClean: true)
        return
      case .failed(let error):
        responseStopped(exchangeHandle, exchange, "\(error)", isClean: false)
        return
      case .broken:
        responseBroke(exchangeHandle, exchange, server)
        return
      }
      reads -= 1
      if reads == 0 {
        unfinished.append(Token(.httpServer, handle))
        return
      }
    }
  }

  private mutating func takeResponse(
    _ count: Int, _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>,
    _ server: UnsafeMutablePointer<BackendConnection>, _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    let input = http.buffers.received(count)
    var position = 0
    var prefix = 0
    if exchange.pointee.notes.access.isLogged, !exchange.pointee.hasAnswer {
      exchange.pointee.notes.access.firstByte = Clock.now
    }
    exchange.pointee.hasAnswer = true
    while exchange.pointee.status == 0 {
      let rest = UnsafeRawBufferPointer(rebasing: input[position...])
      switch ResponseHead.parse(
        rest, answering: exchange.pointee.head.method, limits: HTTPService.responseLimits,
        progress: &server.pointee.progress, into: &http.responseFields)
      {
      case .needMore:
        http.buffers.keep(rest, of: &server.pointee.connection, isNews: false)
        return
      case .fault(let fault):
        group.incidents.add(
          .badResponse, exchange.pointee.destination.pool.name, cause: "\(fault), from \(server.pointee.backend.name)")
        responseFailed(handle, exchange, 502)
        return
      case .head(let head):
        if head.isInterim {
          guard takeInterim(head, rest, handle, exchange, client) else { return }
          position += head.length
          continue
        }
        if head.framing == .tunnel {
          switchProtocols(head, rest, handle, exchange, client)
          return
        }
        prefix = beginResponse(head, rest, exchange, client)
        position += head.length
      }
    }
    var taken = exchange.pointee.responseBody.take(
      input, from: position, limits: HTTPService.responseLimits, trailers: &http.responseFields)
    if !exchange.pointee.forwardsTrailers { taken.trailers = nil }
    let hasEnded = exchange.pointee.responseBody.hasEnded
    if taken.fault == nil, !hasEnded {
      http.buffers.keep(
        UnsafeRawBufferPointer(rebasing: input[taken.used...]), of: &server.pointee.connection, isNews: false)
    } else if taken.used < input.count {
      // More than its length: whose words would the rest be?
      exchange.pointee.keepsServer = false
    }
    if exchange.pointee.coding != nil {
      let isLast = hasEnded && taken.fault == nil
      // A short read has emptied the socket: who made this may be waiting for what comes of it.
      let pauses = !server.pointee.connection.isReadable
      let delivery = sendEncoded(
        UnsafeRawBufferPointer(rebasing: input[taken.body]), isLast ? .finish : pauses ? .flush : .more, exchange,
        client, prefix: prefix)
      tookResponse(taken, delivery, hasEnded: hasEnded, handle, exchange, server, client)
      return
    }
    exchange.pointee.bytesToClient &+= taken.body.count
    if prefix > HTTPBuffers.headroom - ChunkedEncoder.room + taken.body.lowerBound {
      let head = UnsafeRawBufferPointer(rebasing: http.buffers.head[..<prefix])
      if http.buffers.send(head, to: &client.pointee.connection, more: !taken.body.isEmpty) == .failed {
        endClient(exchange.pointee.client, reset: true)
        return
      }
      prefix = 0
    }
    let delivery = sendBody(
      taken, input, &exchange.pointee.responseChunks, exchange.pointee.responseFraming,
      isLast: hasEnded && taken.fault == nil, isRequest: false, prefix: prefix, to: &client.pointee.connection)
    tookResponse(taken, delivery, hasEnded: hasEnded, handle, exchange, server, client)
  }

  /// A part of a response is on its way.
  private mutating func tookResponse(
    _ taken: BodyReader.Taken, _ delivery: Delivery, hasEnded: Bool, _ handle: Handle,
    _ exchange: UnsafeMutablePointer<Exchange>, _ server: UnsafeMutablePointer<BackendConnection>,
    _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    if delivery == .failed {
      endClient(exchange.pointee.client, reset: true)
    } else if let fault = taken.fault {
      group.incidents.add(
        .badResponse, exchange.pointee.destination.pool.name, cause: "\(fault), from \(server.pointee.backend.name)")
      cutResponse(handle, exchange, .badResponse)
    } else if hasEnded {
      finish(handle, exchange)
    } else {
      awaitResponse(exchange, client)
    }
  }

  /// Sets how long it may take until a response goes on: for its backend, or for the client that has to take a part first.
  mutating func awaitResponse(
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    let idle =
      client.pointee.connection.unsent.isEmpty
      ? exchange.pointee.destination.serverIdleNanoseconds : client.pointee.service.clientIdleNanoseconds
    setDeadline(exchange.pointee.client, client, now.later(idle))
  }

  /// A response with 1xx, before the real one (RFC 9110, 15.2).
  /// - Returns: whether the exchange goes on.
  private mutating func takeInterim(
    _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ handle: Handle,
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>
  ) -> Bool {
    exchange.pointee.interims += 1
    guard exchange.pointee.interims <= Exchange.mostInterims else {
      group.incidents.add(
        .badResponse, exchange.pointee.destination.pool.name,
        cause: "more than \(Exchange.mostInterims) interim responses to one request")
      responseFailed(handle, exchange, 502)
      return false
    }
    // HTTP/1.0 has none of them, and 100 is for those who asked.
    guard exchange.pointee.head.version == .http11, head.status != 100 || exchange.pointee.head.expectsContinue else {
      return true
    }
    let size = writeResponse(head, bytes, exchange, client)
    let sent = http.buffers.send(
      UnsafeRawBufferPointer(rebasing: http.buffers.head[..<size]), to: &client.pointee.connection)
    if sent == .failed {
      endClient(exchange.pointee.client, reset: true)
      return false
    }
    return true
  }

  /// The head of the response is there.
  /// - Returns: its size as the client gets it, at the start of `HTTPBuffers.head`.
  private mutating func beginResponse(
    _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ exchange: UnsafeMutablePointer<Exchange>,
    _ client: UnsafeMutablePointer<HTTPClient>
  ) -> Int {
    exchange.pointee.status = head.status
    exchange.pointee.keepsServer = head.keepsAlive && !exchange.pointee.isPersonal
    exchange.pointee.forwardsTrailers = head.forwardsTrailers
    exchange.pointee.responseBody = BodyReader(head.framing)
    exchange.pointee.responseFraming = head.framing(towards: exchange.pointee.head.version)
    if let compression = client.pointee.http.compression { chooseCoding(compression, head, bytes, exchange) }
    if exchange.pointee.responseFraming == .untilClose { exchange.pointee.keepsClient = false }
    // Who has not said all will not be asked to: the connection could not be used again before.
    if !exchange.pointee.requestBody.hasEnded { exchange.pointee.keepsClient = false }
    if isLast(client) { exchange.pointee.keepsClient = false }
    countAnswer(exchange, head.status)
    tellAnswer(exchange, failed: false)
    exchange.pointee.endRetry()
    if let backend = exchange.pointee.backend {
      noteResponse(of: backend, exchange.pointee.destination, status: head.status)
    }
    // Whose connection it is now, another client must not get: see `Exchange.isPersonal`.
    if bindsConnection(bytes) { exchange.pointee.keepsServer = false }
    return writeResponse(head, bytes, exchange, client)
  }

  /// Whether the response's backend authenticates the connection and not the request.
  func bindsConnection(_ bytes: UnsafeRawBufferPointer) -> Bool {
    http.responseFields.contains(.wwwAuthenticate)
      && AuthenticationScheme.bindsConnection(.wwwAuthenticate, in: http.responseFields, of: bytes)
  }

  /// The lines that a response gets here, in `HTTPWork.lines`.
  private mutating func lines(_ exchange: UnsafeMutablePointer<Exchange>) -> UnsafeRawBufferPointer {
    var count = 0
    if let cookies = exchange.pointee.destination.cookies { count = setCookie(cookies, exchange) }
    if exchange.pointee.varies {
      let vary: StaticString = "Vary: Accept-Encoding\r\n"
      UnsafeMutableRawBufferPointer(rebasing: http.lines[count...])
        .copyBytes(from: UnsafeRawBufferPointer(start: vary.utf8Start, count: vary.utf8CodeUnitCount))
      count += vary.utf8CodeUnitCount
    }
    return UnsafeRawBufferPointer(rebasing: http.lines[..<count])
  }

  private mutating func writeResponse(
    _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ exchange: UnsafeMutablePointer<Exchange>,
    _ client: UnsafeMutablePointer<HTTPClient>
  ) -> Int {
    var extra: UnsafeRawBufferPointer?
    if exchange.pointee.varies || exchange.pointee.destination.cookies != nil, !head.isInterim {
      extra = lines(exchange)
    }
    while true {
      var rewrite = ResponseRewrite()
      rewrite.extra = extra
      rewrite.contentCoding = exchange.pointee.coding
      rewrite.wouldEncode = exchange.pointee.wouldEncode
      rewrite.clientVersion = exchange.pointee.head.version
      rewrite.keepsAlive = exchange.pointee.keepsClient
      rewrite.date = http.date(now)
      rewrite.edits = exchange.pointee.route?.route.settings.responseEdits
      switch client.pointee.http.server {
      case .keep: break
      case .remove: rewrite.server = .remove
      case .text: if let text = client.pointee.http.serverText { rewrite.server = .text(text.bytes) }
      }
      switch ResponseWriter.write(head, http.responseFields, of: bytes, rewrite: rewrite, into: http.buffers.head) {
      case .written(let size): return size
      case .needsRoom(let size): http.buffers.growHead(to: size)
      }
    }
  }

  // MARK: Ends before the end

  /// The backend says no more.
  private mutating func responseStopped(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ cause: String, isClean: Bool
  ) {
    if exchange.pointee.status == 0 {
      backendFailed(handle, exchange, cause)
      return
    }
    guard isClean, case .untilClose = exchange.pointee.responseBody.rest,
      let client = http.clients.pointer(to: exchange.pointee.client)
    else {
      cutResponse(handle, exchange, .backendReset)
      return
    }
    exchange.pointee.responseBody.rest = .ended
    if exchange.pointee.coding != nil {
      if sendEncoded(UnsafeRawBufferPointer(start: nil, count: 0), .finish, exchange, client) == .failed {
        endClient(exchange.pointee.client, reset: true)
        return
      }
    } else if exchange.pointee.responseFraming == .chunked {
      let room = http.buffers.head
      let count = exchange.pointee.responseChunks.end(into: room)
      if http.buffers.send(UnsafeRawBufferPointer(rebasing: room[..<count]), to: &client.pointee.connection) == .failed
      {
        endClient(exchange.pointee.client, reset: true)
        return
      }
    }
    finish(handle, exchange)
  }

  /// The backend has left the rules of TLS, refused with an alert, or its stream was cut.
  private mutating func responseBroke(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ server: UnsafeMutablePointer<BackendConnection>
  ) {
    let words = server.pointee.connection.takeTLSFailure().map { "\($0)" } ?? "\(SystemError.connectionCut)"
    // One that has rested may be over for any reason.
    if !exchange.pointee.isReused || exchange.pointee.hasAnswer {
      group.incidents.add(
        .tlsBroken, "pool \(exchange.pointee.destination.pool.name)", cause: "\(words) (\(server.pointee.backend.name))"
      )
    }
    responseStopped(handle, exchange, "TLS: \(words)", isClean: false)
  }

  /// No response has come, and none will on this connection: another try, where that is allowed, or an error.
  mutating func backendFailed(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ cause: String) {
    let hadServed = exchange.pointee.isReused
    closeServer(exchange.pointee.server)
    exchange.pointee.server = .none
    let isRepeatable = exchange.pointee.isRepeatable
    if hadServed, isRepeatable {
      // The backend closed it just as we took it, which speaks against nobody.
      exchange.pointee.needsFresh = true
      exchange.pointee.phase = .waiting
      if let backend = exchange.pointee.backend {
        exchange.pointee.backend = nil
        exchange.pointee.meters.backend = nil
        exchange.pointee.sentAt = .zero
        exchange.pointee.endRetry()
        exchange.pointee.destination.pool.release(backend)
      }
      findBackend(handle)
      return
    }
    guard isRepeatable else {
      let pool = exchange.pointee.destination.pool.name
      let name = exchange.pointee.backend?.name ?? ""
      if let backend = exchange.pointee.backend { noteFailure(of: backend, exchange.pointee.destination, cause) }
      exchange.pointee.meters.served.add(to: .resets)
      group.incidents.add(.badResponse, pool, cause: "\(cause), at \(name)")
      exchange.pointee.notes.access.ending = .backendReset
      fail(handle, exchange, 502)
      return
    }
    if countFailure(handle, exchange, cause) { findBackend(handle) }
  }

  /// The response cannot be used, or does not come. Nothing of it has reached the client.
  mutating func responseFailed(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ status: UInt16) {
    exchange.pointee.keepsServer = false
    exchange.pointee.meters.served.add(to: status == 504 ? .timeouts : .faults)
    if let backend = exchange.pointee.backend {
      noteFailure(
        of: backend, exchange.pointee.destination,
        status == 504 ? "no response within timeouts.response" : "a response that is no HTTP")
    }
    fail(handle, exchange, status)
  }

  /// A part of the response is out and the rest will not come: the client must see that.
  mutating func cutResponse(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ ending: AccessEnding
  ) {
    switch ending {
    case .backendReset: exchange.pointee.meters.served.add(to: .resets)
    case .backendTimeout: exchange.pointee.meters.served.add(to: .timeouts)
    case .badResponse: exchange.pointee.meters.served.add(to: .faults)
    default: break
    }
    endClient(exchange.pointee.client, reset: true, ending)
  }
}
