import AccessLog
import Base
import HTTPCore
import Reactor
import Routing

/// The clients' side: reading requests, one after the other.
extension Worker {
  /// What one read of a head asks for: nearly all heads, and no more of a body than is sent along with one.
  private static var headReadSize: Int { 16 << 10 }
  /// What is answered where a client asks only what this program can do.
  private static var allowedMethods: String { "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n" }

  /// Takes charge of a client that speaks HTTP.
  /// - Parameter watched: the socket is in the poller already, under another name.
  mutating func beginHTTP(_ client: consuming HTTPClient, watched: Bool) {
    let socket = client.connection.socket.number
    let listener = client.service.listener
    let handle = http.clients.insert(client)
    guard let client = http.clients.pointer(to: handle) else { return }
    do throws(SystemError) {
      let token = Token(.httpClient, handle).rawValue
      let owes = !client.pointee.connection.unsent.isEmpty
      if !owes { client.pointee.connection.readingToken = token }
      if watched {
        try poller.change(socket, owes ? .everyEdge : .everyReadingEdge, token: token)
        // What it has said already may be in the engine.
        unfinished.append(Token(.httpClient, handle))
      } else {
        try poller.add(socket, .everyReadingEdge, token: token)
      }
    } catch {
      group.incidents.add(.failed, listener, cause: "watching a client failed: \(error)")
      endClient(handle, reset: true)
      return
    }
    let life = client.pointee.service.sessionNanoseconds
    if life != .max, client.pointee.lifeEnd.nanoseconds == .max { client.pointee.lifeEnd = lifeEnd(life) }
    // Whoever connects has something to ask: it has as long for that as for a head.
    setDeadline(handle, client, now.later(client.pointee.http.requestNanoseconds))
  }

  /// A client has greeted, and goes on with requests.
  mutating func beginHTTP(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ http: HTTPService) {
    let unsent = session.pointee.toClient.spill.isHolding
    guard let session = sessions.remove(handle) else { return }
    var client = HTTPClient(
      service: session.service, http: http, client: session.client, address: session.clientAddress,
      port: session.clientPort, begun: session.begun, now: now)
    client.ticket = session.ticket
    client.connection.meters.listener = session.meters.listener
    client.serverName = session.greeting?.serverName
    if session.lifeEnd != .zero { client.lifeEnd = session.lifeEnd }
    client.connection.tls = session.clientTLS
    if let side = client.connection.tls.pointer { group.freeMemory(side.pointee.early.size) }
    client.connection.isReadable = true
    client.connection.isFinished = session.early.contains(.peerFinished)
    if unsent {
      let rest = session.toClient.spill.remaining
      client.connection.unsent.append(rest, from: &self.http.buffers.blocks)
      group.freeMemory(session.toClient.spill.size)
    }
    beginHTTP(client, watched: true)
  }

  mutating func httpClientEvent(_ handle: Handle, _ readiness: Readiness) {
    guard let client = http.clients.pointer(to: handle) else { return }
    client.pointee.connection.notice(readiness)
    if !readiness.isDisjoint(with: [.error, .hungUp]) {
      // Nobody is left to serve.
      endClient(handle, reset: true)
      return
    }
    if readiness.contains(.writable), !client.pointee.connection.unsent.isEmpty {
      switch http.buffers.flush(&client.pointee.connection) {
      case .held: clientTakes(handle, client)
      case .failed:
        endClient(handle, reset: true)
        return
      case .sent:
        clientTakes(handle, client)
        clientTookAll(handle, client)
      }
    }
    serveClient(handle)
  }

  /// A part of what waited for the client is through: its time for the rest begins anew.
  private mutating func clientTakes(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    switch client.pointee.phase {
    case .idle: awaitRequest(handle, client)
    case .exchange:
      if let exchange = http.exchanges.pointer(to: client.pointee.exchange), exchange.pointee.status != 0 {
        awaitResponse(exchange, client)
      }
    case .closing: setDeadline(handle, client, now.later(client.pointee.http.bodyNanoseconds))
    case .head, .verifying, .lingering: break
    }
  }

  /// What waited for the client is through: more may follow.
  private mutating func clientTookAll(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    switch client.pointee.phase {
    case .exchange:
      if let exchange = http.exchanges.pointer(to: client.pointee.exchange) { pumpResponse(exchange.pointee.server) }
    case .closing: closeClient(handle, client)
    case .idle, .head, .verifying, .lingering: break
    }
  }

  /// Goes on with a client as far as it goes without waiting.
  mutating func serveClient(_ handle: Handle) {
    while let client = http.clients.pointer(to: handle) {
      switch client.pointee.phase {
      case .idle, .head:
        // A client that asks on and on without reading the answers waits for itself.
        guard client.pointee.connection.unsent.isEmpty else { return }
        if let service = client.pointee.service.successor, let http = service.http {
          client.pointee.follow(service, http)
        }
        switch http.buffers.receive(&client.pointee.connection, atMost: Self.headReadSize) {
        case .bytes(let count):
          takeHead(handle, client, count)
          // Answered at once: the next request of this client comes behind those of others (`unfinished`).
          if http.clients.pointer(to: handle)?.pointee.phase == .idle { return }
        case .blocked: return
        case .ended:
          endClient(handle, reset: false)
          return
        case .failed:
          endClient(handle, reset: true)
          return
        case .broken:
          clientBroke(handle, client)
          return
        }
      case .exchange:
        pumpRequest(handle, client)
        return
      case .lingering:
        linger(handle, client)
        return
      case .verifying, .closing: return
      }
    }
  }

  private mutating func takeHead(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ count: Int) {
    let input = http.buffers.received(count)
    let bytes = UnsafeRawBufferPointer(input)
    http.parsed = .none
    if http.access != nil, client.pointee.headBegan == .zero { client.pointee.headBegan = Clock.now }
    switch RequestHead.parse(
      bytes, limits: client.pointee.http.limits, progress: &client.pointee.progress, into: &http.requestFields)
    {
    case .needMore:
      http.buffers.keep(bytes, of: &client.pointee.connection, isNews: false)
      if client.pointee.phase == .idle {
        client.pointee.phase = .head
        setDeadline(handle, client, now.later(client.pointee.http.requestNanoseconds))
      }
    case .fault(let fault):
      client.pointee.service.counters.malformed.add(1, ordering: .relaxed)
      client.pointee.connection.meters.add(to: .requests)
      group.incidents.add(
        .badRequest, client.pointee.service.listener, cause: "\(fault), from \(client.pointee.name)")
      if http.access != nil { logMalformed(client, .badRequest, status: fault.status) }
      // Nobody can tell where it would have ended.
      client.pointee.owesBody = true
      answer(handle, client, fault.status, closes: true)
    case .head(let head): beginExchange(handle, client, head, input)
    }
  }

  /// A request has come.
  private mutating func beginExchange(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead,
    _ input: UnsafeMutableRawBufferPointer
  ) {
    let bytes = UnsafeRawBufferPointer(input)
    client.pointee.requests &+= 1
    client.pointee.phase = .exchange
    var kept = head.length
    var keptBody: Int?
    if case .length(let length) = head.framing, length <= UInt64(Exchange.mostKept),
      head.length + Int(length) <= min(bytes.count, Exchange.mostKept)
    {
      keptBody = Int(length)
      kept += Int(length)
    } else if head.framing == .none {
      keptBody = 0
    }
    http.buffers.keep(
      UnsafeRawBufferPointer(rebasing: bytes[kept...]), of: &client.pointee.connection, isNews: true)
    note(head, bytes, of: client)
    http.isAskedAgain = client.pointee.isAskedAgain
    client.pointee.isAskedAgain = false
    if !http.isAskedAgain { client.pointee.connection.meters.add(to: .requests) }
    if let seconds = client.pointee.ticket?.retryAfter {
      refuse(handle, client, head, 429, retryAfter: seconds)
      return
    }
    if !http.isAskedAgain, let limit = client.pointee.http.requestLimit, let address = http.notes.client,
      case .tooFast(let seconds) = limit.admit(address, now: now)
    {
      client.pointee.service.counters.refused.add(1, ordering: .relaxed)
      refuse(handle, client, head, 429, retryAfter: seconds)
      return
    }
    if head.method == .connect || head.method == .trace {
      refuse(handle, client, head, 405)
      return
    }
    if head.framing.exceeds(client.pointee.http.maxBody) {
      refuse(handle, client, head, 413)
      return
    }
    // RFC 9110, 7.4: who believes to be on https is not, unless a proxy that is trusted says so.
    if head.target.scheme == .https, client.pointee.connection.tls.isEmpty, !client.pointee.isTrusted {
      refuse(handle, client, head, 421)
      return
    }
    if http.requestFields.contains(.via), Via.count(Self.viaName, in: http.requestFields, of: bytes) >= Via.mostPasses {
      group.incidents.add(
        .badRequest, client.pointee.service.listener,
        cause: "a request came through here \(Via.mostPasses) times, at last from \(client.pointee.name): "
          + "a backend sends it back")
      refuse(handle, client, head, 508)
      return
    }
    if head.maxForwards == 0 {
      reply(handle, client, head, 200, line: Self.allowedMethods, body: RoutedRequest.nothing)
      return
    }
    guard case .pool(let destination, let route) = decide(handle, client, head, bytes) else { return }
    var request = HeldBytes()
    request.append(UnsafeRawBufferPointer(rebasing: bytes[..<kept]), from: &http.buffers.blocks)
    var exchange = Exchange(
      client: handle, head: head, request: request, destination: destination, notes: http.notes, route: route,
      maxBody: client.pointee.http.maxBody, now: now)
    exchange.meters = client.pointee.connection.meters
    exchange.meters.pool = destination.pool.meters.row(index)
    if let cookies = destination.cookies { exchange.notes.visit = visit(cookies, bytes) }
    exchange.keptBody = keptBody
    if keptBody != nil { exchange.requestBody = BodyReader(.none) }
    exchange.keepsClient = head.keepsAlive && !isLast(client)
    if http.requestFields.contains(.authorization) {
      exchange.isPersonal = AuthenticationScheme.bindsConnection(.authorization, in: http.requestFields, of: bytes)
    }
    let exchangeHandle = http.exchanges.insert(exchange)
    client.pointee.exchange = exchangeHandle
    // Whoever switches protocols has no end that a copy could have.
    if route?.mirror != nil, head.upgrade == .none {
      http.exchanges.pointer(to: exchangeHandle)?.pointee.mirror = .wanted
    }
    if let timeout = route?.route.settings.timeout { client.pointee.exchangeEnd = now + timeout }
    http.parsed = exchangeHandle
    findBackend(exchangeHandle)
  }

  /// Answers a request that is not passed on. Its body, if it has one, is left unread.
  mutating func refuse(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead, _ status: UInt16,
    retryAfter: Int? = nil, extra: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    client.pointee.owesBody = !head.framing.isEmpty
    if http.notes.access.isLogged {
      logRefused(
        client, head, AccessEnding(answeredWith: status), status: status,
        sent: client.pointee.http.errorPages.page(for: status).body.count)
    }
    answer(
      handle, client, status, version: head.version, method: head.method,
      closes: !head.keepsAlive || isLast(client) || !head.framing.isEmpty, retryAfter: retryAfter, extra: extra)
  }

  // MARK: Requests' bodies

  /// Moves what has come of a request's body to the backend.
  mutating func pumpRequest(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    guard let exchange = http.exchanges.pointer(to: client.pointee.exchange), exchange.pointee.phase == .answering,
      !exchange.pointee.isSent, let server = http.servers.pointer(to: exchange.pointee.server)
    else { return }
    var reads = Self.readsPerTurn
    while !exchange.pointee.requestBody.hasEnded {
      guard server.pointee.connection.unsent.isEmpty else { return }
      switch http.buffers.receive(&client.pointee.connection) {
      case .bytes(let count):
        setDeadline(handle, client, now.later(client.pointee.http.bodyNanoseconds))
        let input = http.buffers.received(count)
        var taken = exchange.pointee.requestBody.take(
          input, from: 0, limits: client.pointee.http.limits, trailers: &http.requestFields)
        http.parsed = .none
        if !exchange.pointee.head.forwardsTrailers { taken.trailers = nil }
        if let fault = taken.fault {
          requestBodyFailed(client.pointee.exchange, exchange, fault)
          return
        }
        let isLast = exchange.pointee.requestBody.hasEnded
        // Behind the body: the next request, or the beginning of trailers.
        http.buffers.keep(
          UnsafeRawBufferPointer(rebasing: input[taken.used...]), of: &client.pointee.connection, isNews: isLast)
        exchange.pointee.hasSpentBody = true
        exchange.pointee.bytesToBackend &+= taken.body.count
        exchange.pointee.bodyReceived &+= taken.body.count
        if exchange.pointee.mirror == .collecting {
          collect(UnsafeRawBufferPointer(rebasing: input[taken.body]), exchange, client)
        }
        let delivery = sendBody(
          taken, input, &exchange.pointee.requestChunks, exchange.pointee.head.framing, isLast: isLast,
          isRequest: true, to: &server.pointee.connection)
        if delivery == .failed {
          // It may have said why before it went.
          requestRefused(client.pointee.exchange, exchange)
          return
        }
        reads -= 1
        if reads == 0, !exchange.pointee.requestBody.hasEnded {
          unfinished.append(Token(.httpClient, handle))
          return
        }
      case .blocked: return
      case .ended, .failed:
        // Half a request is nobody's.
        endClient(handle, reset: true)
        return
      case .broken:
        clientBroke(handle, client)
        return
      }
    }
    requestSent(client.pointee.exchange, exchange)
  }

  /// Sends a part of a body with what stands around it, put before it and behind it in the same memory: one write sends
  /// all of it. What is behind the body in the input must be saved before.
  mutating func sendBody(
    _ taken: BodyReader.Taken, _ input: UnsafeMutableRawBufferPointer, _ chunks: inout ChunkedEncoder,
    _ framing: BodyFraming, isLast: Bool, isRequest: Bool, prefix: Int = 0,
    to connection: UnsafeMutablePointer<Connection>
  ) -> Delivery {
    let base = input.baseAddress.unsafelyUnwrapped
    var start = base + taken.body.lowerBound
    var count = taken.body.count
    if framing == .chunked {
      if count > 0 {
        let room = UnsafeMutableRawBufferPointer(start: start - ChunkedEncoder.room, count: ChunkedEncoder.room)
        let written = chunks.beginChunk(of: count, atEndOf: room)
        start -= written
        count += written
      }
      // Nothing is behind a body but what is kept elsewhere, and before trailers the last chunk.
      let behind = UnsafeMutableRawBufferPointer(start: base + taken.body.upperBound, count: ChunkedEncoder.room)
      count += isLast && taken.trailers == nil ? chunks.end(into: behind) : chunks.endChunk(into: behind)
    }
    if prefix > 0 {
      start -= prefix
      count += prefix
      start.copyMemory(from: http.buffers.head.baseAddress.unsafelyUnwrapped, byteCount: prefix)
    }
    let delivery = http.buffers.send(
      UnsafeRawBufferPointer(start: start, count: count), to: connection, more: taken.trailers != nil)
    guard let trailers = taken.trailers, isLast, framing == .chunked, delivery != .failed else { return delivery }
    return sendTrailers(&chunks, of: UnsafeRawBufferPointer(rebasing: input[trailers...]), isRequest, to: connection)
  }
  private mutating func sendTrailers(
    _ chunks: inout ChunkedEncoder, of bytes: UnsafeRawBufferPointer, _ isRequest: Bool,
    to connection: UnsafeMutablePointer<Connection>
  ) -> Delivery {
    let begun = chunks
    while true {
      chunks = begun
      let room = http.buffers.head
      let count = chunks.beginTrailers(into: room)
      var writer = HeadWriter(UnsafeMutableRawBufferPointer(rebasing: room[count...]))
      if isRequest {
        writer.appendTrailers(http.requestFields, of: bytes)
      } else {
        writer.appendTrailers(http.responseFields, of: bytes)
      }
      switch writer.outcome {
      case .written(let written):
        return http.buffers.send(UnsafeRawBufferPointer(rebasing: room[..<(count + written)]), to: connection)
      case .needsRoom(let needed): http.buffers.growHead(to: needed + count)
      }
    }
  }

  // MARK: What nobody wants

  /// Throws away whatever comes behind the last response.
  private mutating func linger(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    for _ in 0..<Self.readsPerTurn {
      switch http.buffers.receive(&client.pointee.connection) {
      case .bytes: setDeadline(handle, client, now.later(HTTPClient.lingerNanoseconds))
      case .blocked: return
      case .ended, .failed, .broken:
        endClient(handle, reset: false)
        return
      }
    }
    unfinished.append(Token(.httpClient, handle))
  }
}
