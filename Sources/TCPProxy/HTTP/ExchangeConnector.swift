import Balancing
import Base
import HTTPCore
import Logging
import Reactor

/// From a request to a connection that carries it: picking a backend, taking an idle connection or making one, trying
/// another. What `Connector.swift` does for sessions, for one request at a time.
extension Worker {
  private static var retryWaitNanoseconds: UInt64 { 1_000_000_000 }
  private static var retryPauseNanoseconds: UInt64 { 10_000_000 }
  private static var descriptorRetryNanoseconds: UInt64 { 50_000_000 }

  mutating func findBackend(_ handle: Handle) {
    while let exchange = http.exchanges.pointer(to: handle),
      let client = http.clients.pointer(to: exchange.pointee.client)
    {
      let destination = exchange.pointee.destination
      if exchange.pointee.awaitsRetry {
        guard destination.pool.beginRetry(percent: destination.retryBudget) else {
          // The others are over soon: the client need not notice.
          wait(handle, exchange, until: min(now.later(Self.retryPauseNanoseconds), exchange.pointee.waitEnd))
          return
        }
        exchange.pointee.awaitsRetry = false
        exchange.pointee.isRetrying = true
        exchange.pointee.meters.pool?.add(to: .retries)
      }
      let avoided = exchange.pointee.failures == 0 ? [] : http.tried[handle] ?? []
      var key: UInt64?
      if destination.pool.schedulerNeeds.contains(.request), parse(handle, exchange, client) {
        key = self.key(of: exchange, for: destination)
      }
      let pick = destination.pick(
        avoiding: avoided, client: exchange.pointee.notes.client, serverName: nil, key: key,
        preferred: exchange.pointee.preferred, random: &random, now: now,
        orWait: Waiter(session: handle, served: servedExchange))
      switch pick {
      case .backend(let backend, _):
        if !attempt(backend, handle, exchange) { return }
      case .wait:
        wait(handle, exchange, until: exchange.pointee.waitEnd)
        return
      case .queued(let place):
        http.queued[handle] = QueuePlace(handle: place, since: clock())
        exchange.pointee.meters.pool?.add(to: .queued)
        exchange.pointee.phase = .waiting
        setDeadline(exchange.pointee.client, client, now.later(destination.queueNanoseconds))
        return
      case .none(let reason):
        group.incidents.add(.noBackend, destination.pool.name, cause: "\(reason)")
        if case .queueFull = reason { exchange.pointee.notes.access.ending = .queueTimeout }
        fail(handle, exchange, 503)
        return
      }
    }
  }

  private mutating func wait(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, until end: Instant) {
    exchange.pointee.phase = .waiting
    http.waiting.insert(handle)
    if let client = http.clients.pointer(to: exchange.pointee.client) {
      setDeadline(exchange.pointee.client, client, end)
    }
  }

  /// A place in a pool's queue has come to the front.
  mutating func grantedExchange(_ handle: Handle, _ pool: Pool, _ backend: Backend) {
    guard let exchange = http.exchanges.pointer(to: handle),
      takePlace(ofExchange: handle, exchange.pointee.meters) != nil
    else {
      pool.release(backend)
      return
    }
    if attempt(backend, handle, exchange) { findBackend(handle) }
  }

  /// Takes an idle connection to the backend that the exchange counts on, or begins to make one.
  /// - Returns: whether that failed at once, and another may be tried.
  private mutating func attempt(
    _ backend: Backend, _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>
  ) -> Bool {
    if !http.waiting.isEmpty { http.waiting.remove(handle) }
    exchange.pointee.backend = backend
    exchange.pointee.meters.backend = backend.meters.row(index)
    exchange.pointee.isCounted = false
    exchange.pointee.attempted = clock()
    if exchange.pointee.notes.access.isLogged { exchange.pointee.notes.access.attempt(at: Clock.now) }
    let destination = exchange.pointee.destination
    if destination.pool.schedulerNeeds.contains(.answers) { exchange.pointee.sentAt = Clock.now }
    if !exchange.pointee.needsFresh,
      let server = takeIdle(
        destination, backend,
        isChecked: !exchange.pointee.head.method.isIdempotent || exchange.pointee.keptBody == nil)
    {
      exchange.pointee.isReused = true
      assign(server, handle, exchange)
      sendRequest(handle, exchange)
      return false
    }
    exchange.pointee.isReused = false
    let client = http.clients.pointer(to: exchange.pointee.client).flatMap { $0.pointee.address }
    switch Connecting.to(backend.address, destination.options, client: client) {
    case .connected(let socket):
      if watch(socket, backend, handle, exchange) {
        connected(handle, exchange)
      }
      return false
    case .underway(let socket):
      if watch(socket, backend, handle, exchange) {
        exchange.pointee.phase = .connecting
        if let client = http.clients.pointer(to: exchange.pointee.client) {
          setDeadline(exchange.pointee.client, client, now.later(destination.connectNanoseconds))
        }
      }
      return false
    case .failed(let error):
      if error.isExhaustion {
        exchange.pointee.backend = nil
        exchange.pointee.meters.backend = nil
        exchange.pointee.sentAt = .zero
        destination.pool.release(backend)
        descriptorsExhausted(error)
        wait(handle, exchange, until: min(now.later(Self.descriptorRetryNanoseconds), exchange.pointee.waitEnd))
        return false
      }
      return countFailure(handle, exchange, "\(error)")
    }
  }

  /// An idle connection that may carry a request.
  /// - Parameter isChecked: the request may not be sent twice: it is worth a look whether the connection is still there.
  mutating func takeIdle(_ destination: Destination, _ backend: Backend, isChecked: Bool) -> Handle? {
    // One that keeps its client's address is that client's alone.
    guard destination.sharesConnections else { return nil }
    while let handle = http.takeIdle(backend) {
      guard let server = http.servers.pointer(to: handle) else { return nil }
      // A reload may have changed how connections are made.
      guard server.pointee.destination.sharesConnections(with: destination),
        server.pointee.peer === destination.tls?.known(backend)
      else {
        closeServer(handle)
        continue
      }
      // The news of its end may be on the way.
      if isChecked,
        SocketIO.peek(server.pointee.connection.socket.number, into: http.buffers.input, count: 1) != .blocked
      {
        closeServer(handle)
        continue
      }
      return handle
    }
    return nil
  }

  private mutating func assign(_ server: Handle, _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    exchange.pointee.server = server
    http.servers.pointer(to: server)?.pointee.exchange = handle
  }

  private mutating func watch(
    _ socket: consuming Descriptor, _ backend: Backend, _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>
  ) -> Bool {
    let number = socket.number
    let server = http.servers.insert(
      BackendConnection(
        backend: backend, destination: exchange.pointee.destination, server: socket,
        connectStart: exchange.pointee.attempted))
    http.servers.pointer(to: server)?.pointee.connection.meters = exchange.pointee.meters.served
    assign(server, handle, exchange)
    do throws(SystemError) {
      try poller.add(number, .everyEdge, token: Token(.httpServer, server).rawValue)
      return true
    } catch {
      let listener = http.clients.pointer(to: exchange.pointee.client)?.pointee.service.listener ?? backend.pool
      group.incidents.add(.failed, listener, cause: "watching a backend failed: \(error)")
      exchange.pointee.notes.access.ending = .failed
      fail(handle, exchange, 503)
      return false
    }
  }

  /// The backend has answered the connect.
  mutating func connected(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    let serverHandle = exchange.pointee.server
    guard let server = http.servers.pointer(to: serverHandle) else { return }
    if let client = http.clients.pointer(to: exchange.pointee.client),
      let writer = exchange.pointee.destination.sendProxy,
      !sendProxyHeader(writer, client, server.pointee.connection.socket.number)
    {
      connectFailed(handle, exchange, "the PROXY header could not be sent")
      return
    }
    switch beginSecuring(serverHandle, server) {
    case .inTheClear: sendRequest(handle, exchange)
    case .failed(let cause): connectFailed(handle, exchange, cause)
    case .begun:
      if exchange.pointee.phase == .connecting { break }
      exchange.pointee.phase = .connecting
      if let client = http.clients.pointer(to: exchange.pointee.client) {
        setDeadline(exchange.pointee.client, client, now.later(exchange.pointee.destination.connectNanoseconds))
      }
    }
  }

  /// Writes the PROXY header of a client to the start of `HTTPBuffers.head`.
  /// - Returns: its size.
  func proxyHeader(_ writer: ProxyHeaderWriter, _ client: UnsafeMutablePointer<HTTPClient>) -> Int {
    let source = client.pointee.address.map { SocketAddress.ip($0, port: client.pointee.port) }
    let destination = SocketIO.localAddress(of: client.pointee.connection.socket.number)
    return writer.write(
      source: source ?? .unix(""), destination: destination ?? .unix(""), authority: nil, to: http.buffers.head)
  }

  private func sendProxyHeader(
    _ writer: ProxyHeaderWriter, _ client: UnsafeMutablePointer<HTTPClient>, _ socket: Int32
  ) -> Bool {
    let count = proxyHeader(writer, client)
    guard let base = http.buffers.head.baseAddress else { return false }
    return SocketIO.send(socket, from: base, count: count, more: true) == .bytes(count)
  }

  /// - Parameter status: what the client is told when no try is left.
  mutating func connectFailed(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ cause: String, status: UInt16 = 502
  ) {
    closeServer(exchange.pointee.server)
    if countFailure(handle, exchange, cause, status: status) { findBackend(handle) }
  }

  /// - Returns: whether another try is left; otherwise the request has been answered.
  mutating func countFailure(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ cause: String, status: UInt16 = 502
  ) -> Bool {
    let destination = exchange.pointee.destination
    let wasConnected = exchange.pointee.phase == .answering
    exchange.pointee.phase = .waiting
    guard let backend = exchange.pointee.backend else { return false }
    tellAnswer(exchange, failed: true)
    exchange.pointee.endRetry()
    exchange.pointee.backend = nil
    if wasConnected { countRequest(&exchange.pointee) }
    exchange.pointee.meters.backend?.add(to: wasConnected ? .resets : .connectFailures)
    exchange.pointee.meters.backend = nil
    noteFailure(of: backend, destination, cause)
    destination.pool.release(backend)
    exchange.pointee.failures += 1
    let failures = Int(exchange.pointee.failures)
    http.tried[handle, default: []].append(backend)
    if failures > exchange.pointee.route?.route.settings.retries ?? destination.retries {
      group.incidents.add(
        .connectsFailed, destination.pool.name,
        cause: "\(failures) of \(failures) tries failed, the last at \(backend.name): \(cause)")
      exchange.pointee.notes.access.ending = wasConnected ? .backendReset : .connectFailed
      fail(handle, exchange, status)
      return false
    }
    exchange.pointee.awaitsRetry = true
    exchange.pointee.waitEnd = now.later(Self.retryWaitNanoseconds)
    group.logger.debug("a request to \(backend) failed: \(cause); retry \(failures) of \(destination.retries)")
    return true
  }

  /// Tells the pool how long its backend took until its response began, where the pool wants to know.
  mutating func tellAnswer(_ exchange: UnsafeMutablePointer<Exchange>, failed: Bool) {
    let sentAt = exchange.pointee.sentAt
    if sentAt == .zero { return }
    let now = Clock.now
    if let backend = exchange.pointee.backend {
      exchange.pointee.destination.pool.answered(backend, after: now - sentAt, failed: failed, now: now)
    }
    exchange.pointee.sentAt = .zero
  }

  /// The pool has other eligible backends than before.
  mutating func exchangesRetry(for pool: Pool) {
    for handle in http.waiting.sorted(by: { $0.slot < $1.slot })
    where http.exchanges.pointer(to: handle)?.pointee.destination.pool === pool {
      findBackend(handle)
    }
  }

  /// Descriptors have run out: connections that wait for requests go first, and copies, for which nobody waits.
  mutating func surrenderIdle() {
    for handle in http.servers.handles {
      guard let server = http.servers.pointer(to: handle), server.pointee.exchange == .none else { continue }
      if server.pointee.mirror != .none {
        endMirrored(handle, cause: "descriptors have run out")
      } else {
        http.removeIdle(handle)
        closeServer(handle)
      }
    }
  }

  /// Closes the idle connections to backends that the pool does not use now.
  mutating func closeIdle(of pool: Pool) {
    for handle in http.servers.handles {
      guard let server = http.servers.pointer(to: handle), server.pointee.exchange == .none,
        server.pointee.mirror == .none, server.pointee.destination.pool === pool,
        !server.pointee.backend.isUsable.load(ordering: .relaxed)
      else { continue }
      http.removeIdle(handle)
      closeServer(handle)
    }
  }
}
