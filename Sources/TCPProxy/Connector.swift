import Balancing
import Base
import Logging
import Reactor

/// From an accepted client to a connected backend: picking, connecting, trying another.
extension Worker {
  /// When a session is first looked at again, if nothing is due before: it then counts as one that lives long.
  private static var firstLookNanoseconds: UInt64 { 3_000_000_000 }
  /// How long a retry waits for those that `retryBudget` lets go first, and how often it looks.
  private static var retryWaitNanoseconds: UInt64 { 1_000_000_000 }
  private static var retryPauseNanoseconds: UInt64 { 10_000_000 }
  /// How soon a session tries again that found no descriptor left.
  private static var descriptorRetryNanoseconds: UInt64 { 50_000_000 }

  /// Picks a backend and starts to connect; goes on to the next while connects fail at once.
  mutating func connect(_ handle: Handle) {
    while let session = sessions.pointer(to: handle), let destination = session.pointee.destination {
      if session.pointee.awaitsRetry {
        guard destination.pool.beginRetry(percent: destination.retryBudget) else {
          // The others are over soon: the client need not notice.
          waiting.insert(handle)
          wait(handle, session, until: min(now.later(Self.retryPauseNanoseconds), session.pointee.waitEnd))
          return
        }
        session.pointee.awaitsRetry = false
        session.pointee.isRetrying = true
        session.pointee.meters.pool?.add(to: .retries)
      }
      let avoided = session.pointee.failures == 0 ? [] : tried[handle] ?? []
      let pick = destination.pick(
        avoiding: avoided, client: session.pointee.clientAddress,
        serverName: session.pointee.greeting?.serverName, random: &random, now: now,
        orWait: Waiter(session: handle, served: served))
      switch pick {
      case .backend(let backend, _):
        if !attempt(backend, handle, session) { return }
      case .wait:
        waiting.insert(handle)
        wait(handle, session, until: session.pointee.waitEnd)
        return
      case .queued(let place):
        queued[handle] = QueuePlace(handle: place, since: clock())
        session.pointee.meters.pool?.add(to: .queued)
        wait(handle, session, until: now.later(destination.queueNanoseconds))
        return
      case .none(let reason):
        group.incidents.add(.noBackend, destination.pool.name, cause: "\(reason)")
        end(handle, reset: false)
        return
      }
    }
  }

  /// Starts to connect to the backend that the session counts on.
  /// - Parameter mayUseSpare: a connection that is there already will do.
  /// - Returns: whether that failed at once, and another may be tried.
  mutating func attempt(
    _ backend: Backend, _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, mayUseSpare: Bool = true
  ) -> Bool {
    session.pointee.backend = backend
    session.pointee.meters.backend = backend.meters.row(index)
    session.pointee.attempted = clock()
    session.pointee.isOnSpare = false
    if case .unix = backend.address { session.pointee.toClient.thorough = true }
    if let destination = session.pointee.destination, destination.prewarm > 0, mayUseSpare,
      useSpare(of: backend, for: destination, handle, session)
    {
      return false
    }
    session.pointee.awaitsAnswer = true
    let options = session.pointee.destination?.options ?? ConnectOptions()
    switch Connecting.to(backend.address, options, client: session.pointee.clientAddress) {
    case .connected(let server):
      if watch(server, handle, session) { established(handle, session, []) }
      return false
    case .underway(let server):
      if watch(server, handle, session) { startConnectTimer(handle, session) }
      return false
    case .failed(let error):
      if error.isExhaustion {
        waitForDescriptor(handle, session, error)
        return false
      }
      return countFailure(handle, session, "\(error)")
    }
  }

  /// A place in a pool's queue has come to the front.
  mutating func granted(_ handle: Handle, _ pool: Pool, _ backend: Backend) {
    guard let session = sessions.pointer(to: handle), takePlace(handle, session.pointee.meters) != nil else {
      pool.release(backend)
      return
    }
    if attempt(backend, handle, session) { connect(handle) }
  }

  private mutating func watch(
    _ server: consuming Descriptor, _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>
  ) -> Bool {
    let socket = server.number
    session.pointee.server = server
    do throws(SystemError) {
      try poller.add(socket, .everyEdge, token: Token(.server, handle).rawValue)
      return true
    } catch {
      group.incidents.add(.failed, session.pointee.service.listener, cause: "watching a backend failed: \(error)")
      end(handle, reset: true)
      return false
    }
  }

  mutating func startConnectTimer(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    leaveWaiting(handle, session)
    session.pointee.phase = .connecting
    session.pointee.lastActive = now
    let deadline = now.later(session.pointee.destination?.connectNanoseconds ?? 0)
    session.pointee.timer = timers.schedule(Token(.client, handle), at: deadline)
  }

  mutating func leaveWaiting(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    if session.pointee.phase == .waiting, !waiting.isEmpty { waiting.remove(handle) }
    timers.cancel(session.pointee.timer)
    session.pointee.timer = .none
  }

  /// The backend has answered: bytes may flow.
  mutating func established(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness
  ) {
    if session.pointee.serverTLS.isEmpty, let peers = session.pointee.destination?.tls,
      secureBackend(handle, session, peers, readiness)
    {
      return
    }
    // The timer of a connect is left to fire, and set again from there: most sessions end before it.
    let firstLook = min(session.pointee.idleNanoseconds, session.pointee.lifeNanoseconds(now))
    let connect = session.pointee.destination?.connectNanoseconds ?? 0
    if session.pointee.phase == .waiting {
      leaveWaiting(handle, session)
    } else if firstLook < connect {
      timers.cancel(session.pointee.timer)
      session.pointee.timer = .none
    }
    session.pointee.phase = session.pointee.relaying
    tellAnswer(session, failed: false)
    session.pointee.endRetry()
    if !session.pointee.isOnSpare || !session.pointee.serverTLS.isEmpty { countServed(&session.pointee) }
    session.pointee.lastActive = now
    if session.pointee.timer == .none {
      session.pointee.timer = timers.schedule(
        Token(.client, handle), at: now.later(min(firstLook, Self.firstLookNanoseconds)))
    }
    if session.pointee.failures > 0 { tried[handle] = nil }
    if session.pointee.serverTLS.isEmpty, session.pointee.destination?.sendProxy != nil,
      !sendProxyHeader(handle, session)
    {
      return
    }
    session.pointee.greeting = nil
    let early = session.pointee.early
    if !early.isEmpty {
      clientEvent(handle, early)
      guard sessions.pointer(to: handle) != nil else { return }
    }
    if !readiness.isDisjoint(with: [.readable, .peerFinished]) { serverEvent(handle, readiness) }
  }

  /// Tells the backend whose connection it gets, before anything else.
  /// - Returns: whether the session still is.
  mutating func sendProxyHeader(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) -> Bool {
    guard let writer = session.pointee.destination?.sendProxy else { return true }
    let source = session.pointee.clientAddress.map { SocketAddress.ip($0, port: session.pointee.clientPort) }
    let destination =
      session.pointee.greeting?.destination ?? SocketIO.localAddress(of: session.pointee.client.number)
    let output = UnsafeMutableRawBufferPointer(start: buffer, count: Int(Flow.largestReadSize))
    let count = writer.write(
      source: source ?? .unix(""), destination: destination ?? .unix(""),
      authority: session.pointee.greeting?.serverName,
      tls: writer.version == .v2 ? session.pointee.side(.client).flatMap { ProxyHeaderTLS($0.pointee.engine) } : nil,
      to: output)
    // The socket is new and empty, and the header fits the smallest segment: it is taken whole or not at all.
    if SocketIO.send(session.pointee.server.number, from: buffer, count: count, more: false) == .bytes(count) {
      return true
    }
    connectFailed(handle, session, "the PROXY header could not be sent")
    return false
  }

  /// An event of a backend's socket while the connect is under way.
  mutating func connectEvent(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness
  ) {
    if !readiness.isDisjoint(with: [.error, .hungUp]) {
      let error = SocketIO.takeError(of: session.pointee.server.number, "connect")
      connectFailed(handle, session, error.map { "\($0)" } ?? "closed while connecting")
    } else if readiness.contains(.writable) {
      established(handle, session, readiness)
    }
  }

  /// A connect that was under way has failed: the next backend, if the retries allow it.
  mutating func connectFailed(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ cause: String) {
    if session.pointee.isOnSpare, exchangeIfClosed(handle, session) { return }
    session.pointee.server.close()
    dropBackend(session)
    if countFailure(handle, session, cause) { connect(handle) }
  }

  /// - Returns: whether another try is left; otherwise the session is over.
  private mutating func countFailure(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ cause: String
  ) -> Bool {
    leaveWaiting(handle, session)
    session.pointee.phase = .connecting
    guard let backend = session.pointee.backend, let destination = session.pointee.destination else { return false }
    tellAnswer(session, failed: true)
    session.pointee.endRetry()
    session.pointee.backend = nil
    session.pointee.meters.backend?.add(to: .connectFailures)
    session.pointee.meters.backend = nil
    noteFailure(of: backend, destination, cause)
    destination.pool.release(backend)
    session.pointee.failures += 1
    let failures = Int(session.pointee.failures)
    tried[handle, default: []].append(backend)
    if failures > destination.retries {
      group.incidents.add(
        .connectsFailed, destination.pool.name,
        cause: "\(failures) of \(failures) connects failed, the last to \(backend.name): \(cause)")
      end(handle, reset: false)
      return false
    }
    session.pointee.awaitsRetry = true
    session.pointee.waitEnd = now.later(Self.retryWaitNanoseconds)
    group.logger.debug("connect to \(backend) failed: \(cause); retry \(failures) of \(destination.retries)")
    return true
  }

  // MARK: Waiting

  private mutating func wait(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, until end: Instant) {
    session.pointee.phase = .waiting
    timers.cancel(session.pointee.timer)
    session.pointee.timer = timers.schedule(Token(.client, handle), at: end)
  }

  /// The client is kept: descriptors come back as soon as any session ends.
  private mutating func waitForDescriptor(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ error: SystemError
  ) {
    session.pointee.awaitsAnswer = false
    if let backend = session.pointee.backend {
      session.pointee.backend = nil
      session.pointee.meters.backend = nil
      session.pointee.destination?.pool.release(backend)
    }
    descriptorsExhausted(error)
    let retry = now.later(Self.descriptorRetryNanoseconds)
    waiting.insert(handle)
    wait(handle, session, until: min(retry, session.pointee.waitEnd))
  }

  mutating func waitingTimer(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    if queued[handle] != nil {
      group.incidents.add(
        .noBackend, session.pointee.destination?.pool.name ?? "",
        cause: "all backends stayed full for timeouts.queue")
      end(handle, reset: false)
      return
    }
    if now < session.pointee.waitEnd {
      connect(handle)
    } else if session.pointee.awaitsRetry {
      group.incidents.add(
        .retryRefused, session.pointee.destination?.pool.name ?? "",
        cause: "\(session.pointee.failures) of its connects failed")
      end(handle, reset: false)
    } else {
      group.incidents.add(
        .noBackend, session.pointee.destination?.pool.name ?? "",
        cause: "no backend could be used within the time to wait for one"
      )
      end(handle, reset: false)
    }
  }

  /// The pool has other eligible backends than before: all who wait for it try again.
  mutating func retryWaiting(for pool: Pool) {
    for handle in waiting.sorted(by: { $0.slot < $1.slot })
    where sessions.pointer(to: handle)?.pointee.destination?.pool === pool {
      connect(handle)
    }
  }
}
