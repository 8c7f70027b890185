import AccessLog
import Balancing
import Base
import HTTPCore
import Reactor

/// How exchanges and connections end, and what becomes of those who are left.
extension Worker {
  /// The response is out as a whole.
  mutating func finish(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    let clientHandle = exchange.pointee.client
    guard let client = http.clients.pointer(to: clientHandle) else { return }
    let keepsClient = exchange.pointee.keepsClient
    client.pointee.owesBody = !exchange.pointee.requestBody.hasEnded
    endExchange(handle, .completed)
    // Who had not said all when its response began is not kept.
    if !keepsClient {
      finishClient(clientHandle, client)
    } else {
      becomeIdle(clientHandle, client)
      // What came behind the request, or meanwhile, has no edge of its own.
      if client.pointee.connection.hasNews || client.pointee.connection.isReadable {
        unfinished.append(Token(.httpClient, clientHandle))
      }
    }
  }

  /// Whether a client makes no request after this one.
  @inline(__always)
  func isLast(_ client: UnsafeMutablePointer<HTTPClient>) -> Bool {
    isDraining || client.pointee.service.isOver || client.pointee.lifeEnd <= now
      || client.pointee.ticket?.retryAfter != nil
  }

  mutating func becomeIdle(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    if isDraining || client.pointee.lifeEnd <= now {
      finishClient(handle, client)
      return
    }
    client.pointee.phase = .idle
    awaitRequest(handle, client)
  }

  /// Sets how long the next request may be in coming.
  mutating func awaitRequest(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    let end = now.later(client.pointee.http.keepAliveNanoseconds)
    setDeadline(handle, client, min(end, client.pointee.lifeEnd))
  }

  /// Takes an exchange off everything that knows it. Its client lives on.
  /// - Parameters:
  ///   - status: what was answered here instead of a backend's response.
  ///   - sent: bytes of that.
  private mutating func endExchange(
    _ handle: Handle, _ ending: AccessEnding, status: UInt16? = nil, sent: Int? = nil
  ) {
    guard var exchange = http.exchanges.remove(handle) else { return }
    if exchange.notes.access.isLogged, let client = http.clients.pointer(to: exchange.client) {
      log(
        exchange, client, ending, status: status ?? exchange.status, sent: sent ?? exchange.bytesToClient)
    }
    if exchange.mirror == .collecting, let client = http.clients.pointer(to: exchange.client),
      let mirror = exchange.route?.mirror
    {
      countDropped(client.pointee.service, mirror.pool, "its body did not come to its end")
    }
    http.forgetCopy(&exchange)
    if let encoder = exchange.encoder.take() { http.encoders.give(back: encoder) }
    exchange.endRetry()
    if exchange.failures > 0 { http.tried[handle] = nil }
    if exchange.phase == .waiting {
      http.waiting.remove(handle)
      if let place = takePlace(ofExchange: handle, exchange.meters) { exchange.destination.pool.leave(place) }
    }
    if let client = http.clients.pointer(to: exchange.client) {
      client.pointee.exchange = .none
      client.pointee.exchangeEnd = Instant(nanoseconds: .max)
    }
    exchange.request.free(into: &http.buffers.blocks)
    let isReusable =
      exchange.keepsServer && exchange.status != 0 && exchange.responseBody.hasEnded && exchange.requestBody.hasEnded
      && exchange.isSent
    // Closed before the place of its request is given to another.
    if !isReusable { releaseServer(exchange.server, isReusable: false) }
    if let backend = exchange.backend {
      if exchange.phase == .answering {
        countRequest(&exchange)
        exchange.meters.served.record(.session, from: exchange.attempted, to: clock())
      }
      exchange.destination.pool.release(backend)
    }
    if isReusable { releaseServer(exchange.server, isReusable: true) }
  }

  /// The request gets no response from a backend: an error is said instead, if nothing else was.
  mutating func fail(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ status: UInt16) {
    let clientHandle = exchange.pointee.client
    guard let client = http.clients.pointer(to: clientHandle) else { return }
    if exchange.pointee.status != 0 {
      cutResponse(handle, exchange, exchange.pointee.notes.access.ending ?? AccessEnding(answeredWith: status))
      return
    }
    let head = exchange.pointee.head
    let hasRest = !exchange.pointee.requestBody.hasEnded
    client.pointee.owesBody = hasRest
    let closes = !exchange.pointee.keepsClient || hasRest
    exchange.pointee.keepsServer = false
    let ending = exchange.pointee.notes.access.ending ?? AccessEnding(answeredWith: status)
    let sent = head.method == .head ? 0 : client.pointee.http.errorPages.page(for: status).body.count
    endExchange(handle, ending, status: status, sent: sent)
    answer(clientHandle, client, status, version: head.version, method: head.method, closes: closes)
  }

  // MARK: Connections to backends

  /// A connection has served a request.
  mutating func releaseServer(_ handle: Handle, isReusable: Bool) {
    guard let server = http.servers.pointer(to: handle) else { return }
    server.pointee.exchange = .none
    server.pointee.served &+= 1
    // A read that was filled, and any of a unix socket, may have left something; most have not.
    if isReusable, server.pointee.connection.isReadable, !server.pointee.connection.isFinished,
      SocketIO.peek(server.pointee.connection.socket.number, into: http.buffers.input, count: 1) == .blocked
    {
      server.pointee.connection.isReadable = false
    }
    guard isReusable, !server.pointee.isWorn(after: server.pointee.served), !isDraining,
      server.pointee.backend.isUsable.load(ordering: .relaxed),
      server.pointee.connection.unread.isEmpty, server.pointee.connection.unsent.isEmpty,
      !server.pointee.connection.isReadable, !server.pointee.connection.isFinished
    else {
      closeServer(handle)
      return
    }
    server.pointee.idleSince = now
    server.pointee.connection.hasNews = false
    server.pointee.progress = HeadProgress()
    // One that is set already is earlier, and catches up when it fires.
    if server.pointee.timer == .none {
      server.pointee.timer = timers.schedule(
        Token(.httpServer, handle), at: now.later(server.pointee.destination.idleNanoseconds))
    }
    let list = http.addIdle(handle, server)
    if list.pointee.count > server.pointee.destination.http.idle {
      let oldest = list.pointee.oldest
      http.removeIdle(oldest)
      closeServer(oldest)
    }
  }

  /// Closes a connection that is in no list of idle ones.
  mutating func closeServer(_ handle: Handle) {
    guard let server = http.servers.pointer(to: handle) else { return }
    timers.cancel(server.pointee.timer)
    if let exchange = http.exchanges.pointer(to: server.pointee.exchange) { exchange.pointee.server = .none }
    if !server.pointee.connection.tls.isEmpty {
      if !server.pointee.isSecuring { http.buffers.sayClose(&server.pointee.connection) }
      group.freeMemory(TLSSide.openSSLMemory)
    }
    http.buffers.forget(&server.pointee.connection)
    _ = http.servers.remove(handle)
  }

  /// An idle connection has been kept long enough, unless it was used meanwhile.
  mutating func httpServerTimer(_ handle: Handle) {
    guard let server = http.servers.pointer(to: handle) else { return }
    server.pointee.timer = .none
    guard server.pointee.exchange == .none else { return }
    if server.pointee.mirror != .none { return mirrorTimer(handle, server) }
    let end = server.pointee.idleSince.later(server.pointee.destination.idleNanoseconds)
    if end > now {
      server.pointee.timer = timers.schedule(Token(.httpServer, handle), at: end)
      return
    }
    http.removeIdle(handle)
    closeServer(handle)
  }

  // MARK: Clients

  /// All has been said to a client: it is closed when it has taken that.
  mutating func finishClient(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    client.pointee.phase = .closing
    if client.pointee.connection.unsent.isEmpty {
      closeClient(handle, client)
    } else {
      setDeadline(handle, client, now.later(client.pointee.http.bodyNanoseconds))
    }
  }

  mutating func closeClient(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    let isQuiet =
      client.pointee.connection.unread.isEmpty && !client.pointee.connection.isReadable
      && !client.pointee.owesBody
    if isQuiet || client.pointee.connection.isExhausted {
      endClient(handle, reset: false)
      return
    }
    http.buffers.sayClose(&client.pointee.connection)
    SocketIO.finish(client.pointee.connection.socket.number)
    client.pointee.phase = .lingering
    client.pointee.connection.unread.free(into: &http.buffers.blocks)
    client.pointee.connection.hasNews = false
    client.pointee.connection.isReadable = true
    client.pointee.exchangeEnd = now.later(HTTPClient.longestLingerNanoseconds)
    setDeadline(handle, client, now.later(HTTPClient.lingerNanoseconds))
    unfinished.append(Token(.httpClient, handle))
  }

  /// Ends a client's connection and what is served on it.
  /// - Parameter ending: what becomes of an exchange.
  mutating func endClient(_ handle: Handle, reset: Bool, _ ending: AccessEnding = .clientClosed) {
    guard let client = http.clients.pointer(to: handle) else { return }
    abandonCheck(client)
    if client.pointee.exchange != .none {
      if let exchange = http.exchanges.pointer(to: client.pointee.exchange) { exchange.pointee.keepsServer = false }
      endExchange(client.pointee.exchange, ending)
    }
    if !client.pointee.connection.tls.isEmpty {
      if !reset { http.buffers.sayClose(&client.pointee.connection) }
      group.freeMemory(TLSSide.openSSLMemory)
    }
    if reset { SocketIO.resetOnClose(client.pointee.connection.socket.number) }
    timers.cancel(client.pointee.timer)
    http.buffers.forget(&client.pointee.connection)
    guard let ended = http.clients.remove(handle) else { return }
    let service = ended.service
    ended.connection.meters.record(.session, from: ended.begun, to: clock())
    if let ticket = ended.ticket { service.clients?.release(ticket) }
    // The descriptor is closed here, before the place is given to somebody who needs it.
    _ = consume ended
    group.ended(on: index)
    group.leave(service)
    tellDrained()
  }

  /// A client has left the rules of TLS, or its stream was cut. It got its alert, and nothing more is read.
  mutating func clientBroke(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>) {
    // Clients cut their streams every day.
    if let failure = client.pointee.connection.takeTLSFailure(), failure.cause != .cut {
      group.incidents.add(.tlsBroken, "listener \(client.pointee.service.listener)", cause: "\(failure)")
    }
    endClient(handle, reset: false)
  }

  /// Ends all exchanges of a backend that is not to serve them any longer.
  mutating func endExchanges(of backend: Backend) {
    for handle in http.servers.handles {
      guard let server = http.servers.pointer(to: handle), server.pointee.backend === backend else { continue }
      let exchangeHandle = server.pointee.exchange
      if let exchange = http.exchanges.pointer(to: exchangeHandle) {
        if exchange.pointee.status == 0 {
          exchange.pointee.isReused = false
          backendFailed(exchangeHandle, exchange, "the backend went down")
        } else {
          cutResponse(exchangeHandle, exchange, .drained)
        }
      } else if server.pointee.mirror != .none {
        endMirrored(handle, cause: "the backend went down")
      } else {
        http.removeIdle(handle)
        closeServer(handle)
      }
    }
  }

  /// No new requests: who is between two of them is closed, who has one is told with its response.
  mutating func drainHTTP() {
    for handle in http.clients.handles {
      guard let client = http.clients.pointer(to: handle), client.pointee.phase == .idle else { continue }
      finishClient(handle, client)
    }
  }

  // MARK: Time

  /// Sets when patience with a client ends. Most of the time that is later than before, which costs nothing: the timer
  /// catches up when it fires.
  @inline(__always)
  mutating func setDeadline(_ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ deadline: Instant) {
    let deadline = min(deadline, client.pointee.exchangeEnd)
    client.pointee.deadline = deadline
    if client.pointee.timer != .none, client.pointee.timerEnd <= deadline { return }
    timers.cancel(client.pointee.timer)
    client.pointee.timer = .none
    client.pointee.timerEnd = deadline
    if deadline.nanoseconds != .max {
      client.pointee.timer = timers.schedule(Token(.httpClient, handle), at: deadline)
    }
  }

  mutating func httpClientTimer(_ handle: Handle) {
    guard let client = http.clients.pointer(to: handle) else { return }
    client.pointee.timer = .none
    let deadline = client.pointee.deadline
    if deadline > now {
      setDeadline(handle, client, deadline)
      return
    }
    switch client.pointee.phase {
    case .idle:
      endClient(handle, reset: false)
    case .head:
      client.pointee.connection.meters.add(to: .requests)
      group.incidents.add(
        .badRequest, client.pointee.service.listener,
        cause: "no whole request head within timeouts.request, from \(client.pointee.name)")
      if http.access != nil { logMalformed(client, .clientTimeout, status: 408) }
      client.pointee.owesBody = true
      answer(handle, client, 408, closes: true)
    case .verifying:
      abandonCheck(client)
      answer(handle, client, 503, closes: true)
    case .exchange: exchangeTimer(client)
    case .closing, .lingering: endClient(handle, reset: client.pointee.phase == .closing)
    }
  }

  private mutating func exchangeTimer(_ client: UnsafeMutablePointer<HTTPClient>) {
    let handle = client.pointee.exchange
    guard let exchange = http.exchanges.pointer(to: handle) else { return }
    if client.pointee.exchangeEnd <= now {
      if exchange.pointee.phase == .answering { exchange.pointee.meters.served.add(to: .timeouts) }
      group.incidents.add(
        .badResponse, exchange.pointee.destination.pool.name,
        cause: "an exchange was not over within its route's timeout")
      exchange.pointee.keepsServer = false
      fail(handle, exchange, 504)
      return
    }
    switch exchange.pointee.phase {
    case .waiting: waitingExchangeTimer(handle, exchange)
    case .connecting: connectFailed(handle, exchange, "no answer within timeouts.connect", status: 504)
    case .answering:
      if exchange.pointee.status != 0 {
        // Who does not go on with it, or who does not take it?
        let isBackends = client.pointee.connection.unsent.isEmpty
        if isBackends {
          group.incidents.add(
            .badResponse, exchange.pointee.destination.pool.name,
            cause: "a response stood still for timeouts.server, from \(exchange.pointee.backend?.name ?? "")")
        } else {
          group.incidents.add(
            .unread, client.pointee.service.listener,
            cause: "nothing of a response was read for timeouts.client, by \(client.pointee.name)")
        }
        cutResponse(handle, exchange, isBackends ? .backendTimeout : .clientTimeout)
      } else if exchange.pointee.isSent {
        group.incidents.add(
          .badResponse, exchange.pointee.destination.pool.name,
          cause: "no response within timeouts.response, from \(exchange.pointee.backend?.name ?? "")")
        exchange.pointee.keepsServer = false
        responseFailed(handle, exchange, 504)
      } else {
        // Its body does not come, or the backend does not take it.
        let isClients = http.servers.pointer(to: exchange.pointee.server)?.pointee.connection.unsent.isEmpty ?? true
        if !isClients { exchange.pointee.meters.served.add(to: .timeouts) }
        fail(handle, exchange, isClients ? 408 : 504)
      }
    }
  }

  private mutating func waitingExchangeTimer(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    let pool = exchange.pointee.destination.pool.name
    if http.queued[handle] != nil {
      group.incidents.add(.noBackend, pool, cause: "all backends stayed full for timeouts.queue")
      exchange.pointee.notes.access.ending = .queueTimeout
      fail(handle, exchange, 503)
    } else if now < exchange.pointee.waitEnd {
      http.waiting.remove(handle)
      findBackend(handle)
    } else if exchange.pointee.awaitsRetry {
      group.incidents.add(.retryRefused, pool, cause: "\(exchange.pointee.failures) of its tries failed")
      exchange.pointee.notes.access.ending = .connectFailed
      fail(handle, exchange, 502)
    } else {
      group.incidents.add(.noBackend, pool, cause: "no backend could be used within the time to wait for one")
      fail(handle, exchange, 503)
    }
  }
}
