import AccessLog
import Balancing
import Base
import Logging
import Reactor

/// A thread and its event loop: accepts clients, connects them to backends and relays their bytes.
///
/// It shares nothing with other workers but immutable services, the pools and counters, and it never blocks. It lives
/// on the stack of its thread as a value: nothing on the data path counts references or checks for exclusive access.
/// What is called on that path is mutating even where it changes nothing: a method that is not is lent a copy of all of this.
struct Worker: ~Copyable {
  let index: Int
  let group: WorkerGroup
  let poller: Poller
  var timers: TimerWheel<Token>
  var sessions = Slab<TCPSession>()
  var entrances = Slab<Entrance>(chunkSize: 8)
  /// Connections to backends that wait for sessions.
  var spares = Spares()
  /// All reads go through this one buffer: a session at rest owns none.
  let buffer = UnsafeMutableRawPointer.allocate(byteCount: Int(Flow.largestReadSize), alignment: 4096)
  /// What bulk flows go through.
  var splicing = Splicing()
  /// Clients that speak HTTP, and what serves them.
  var http = HTTPWork()
  /// Where TLS is done.
  let tls = TLSBuffers()
  /// The clock as of the last wake-up.
  var now: Instant
  /// The clock as of the event that is dealt with, to the nanosecond; zero until somebody asks: see `clock`.
  var exact = Instant.zero
  /// Flows that had more to move than one turn allows: they go on in the next.
  var unfinished: [Token] = []
  /// Those that go on in this one.
  var unfinishedNow: [Token] = []
  /// Handshakes that wait for their turn.
  var turns = HandshakeTurns()
  /// The backends that each session has tried in vain: only sessions in trouble are in here.
  var tried: [Handle: [Backend]] = [:]
  /// Sessions without a backend.
  var waiting: Set<Handle> = []
  /// Sessions that wait in the queue of their pool, and their places there.
  var queued: [Handle: QueuePlace] = [:]
  /// Tells this worker that a place has come to the front; made once, as every pick carries it.
  let served: @Sendable (Pool, Backend, Handle) -> Void
  /// The same for exchanges.
  let servedExchange: @Sendable (Pool, Backend, Handle) -> Void
  /// Until when accepting pauses because descriptors have run out.
  var exhaustedUntil: Instant?
  /// Of jitter and of schedulers that draw lots.
  var random: SeededGenerator
  var isDraining = false
  var isStopped = false

  init(index: Int, group: WorkerGroup) throws(SystemError) {
    let poller = try Poller()
    try poller.add(group.mailboxes[index].descriptor, .readable, token: Token.worker.rawValue)
    let now = Clock.recent
    self.init(index: index, group: group, poller: poller, now: now)
  }

  private init(index: Int, group: WorkerGroup, poller: consuming Poller, now: Instant) {
    self.index = index
    self.group = group
    self.poller = poller
    self.now = now
    let mailbox = group.mailboxes[index]
    served = { pool, backend, session in mailbox.post(.granted(session, pool, backend)) }
    servedExchange = { pool, backend, exchange in mailbox.post(.grantedExchange(exchange, pool, backend)) }
    timers = TimerWheel(now: now)
    random = SeededGenerator(seed: Clock.now.nanoseconds &+ UInt64(index))
    http.buffers.poller = self.poller.reference
  }

  deinit { buffer.deallocate() }

  mutating func run() {
    while !isStopped {
      let timeout = unfinished.isEmpty && turns.isEmpty ? Poller.timeout(until: timers.nextDeadline, now: now) : 0
      let count = poller.wait(timeout: timeout)
      now = Clock.recent
      http.buffers.encryptionTime = now
      turns.renew()
      for index in 0..<count {
        exact = .zero
        let (word, readiness) = poller.event(at: index)
        let token = Token(rawValue: word)
        switch token.subject {
        case .client: clientEvent(token.handle, readiness)
        case .server: serverEvent(token.handle, readiness)
        case .listener: accept(at: token.handle)
        case .worker: readMailbox()
        case .spare: spareEvent(token.handle, readiness)
        case .httpClient: httpClientEvent(token.handle, readiness)
        case .httpServer: httpServerEvent(token.handle, readiness)
        }
      }
      if !unfinished.isEmpty { continueUnfinished() }
      exact = .zero
      if !turns.isEmpty { continueHandshakes() }
      while let token = timers.popExpired(now: now) {
        exact = .zero
        switch token.subject {
        case .client, .server: sessionTimer(token.handle)
        case .worker, .listener: resumeAccepting()
        case .spare: spareTimer(token)
        case .httpClient: httpClientTimer(token.handle)
        case .httpServer: httpServerTimer(token.handle)
        }
      }
      tellHeld()
    }
    closeSpares()
    for handle in sessions.handles { end(handle, reset: true) }
    for handle in http.clients.handles { endClient(handle, reset: true, .drained) }
    tellHeld()
  }

  /// What HTTP holds counts for `limits.memory`, once a turn is over.
  private mutating func tellHeld() {
    let change = http.takeNewlyHeld(exactly: group.admission.isAwaited)
    if change > 0 { group.admission.hold(change) }
    if change < 0 { group.freeMemory(-change) }
  }

  // MARK: Messages

  private mutating func readMailbox() {
    for message in group.mailboxes[index].take() {
      exact = .zero
      switch message {
      case .adopt(let client, let service, let address, let port, let ticket):
        begin(Descriptor(adopting: client), service, address, port, ticket)
      case .open(let key, let socket, let service, let exclusive):
        openEntrance(Entrance(key: key, socket: socket, service: service, exclusive: exclusive))
      case .replace(let key, let service): replaceService(key, service)
      case .close(let key): closeEntrances { $0 == key }
      case .resumeAccepting: resumeAccepting()
      case .granted(let handle, let pool, let backend): granted(handle, pool, backend)
      case .grantedExchange(let handle, let pool, let backend): grantedExchange(handle, pool, backend)
      case .poolChanged(let pool):
        retryWaiting(for: pool)
        reviewSpares(of: pool)
        exchangesRetry(for: pool)
        closeIdle(of: pool)
      case .closeSessions(let backend):
        endSessions(of: backend)
        endExchanges(of: backend)
      case .keepSpares(let orders): keepSpares(orders)
      case .trimSpares(let backend): trimSpares(of: backend)
      case .drain:
        isDraining = true
        closeSpares()
        closeEntrances { _ in true }
        drainHTTP()
        tellDrained()
      case .logAccess(let log, let share):
        http.access = log.map { AccessDesk(log: $0, sampling: AccessSampling(share: share)) }
      case .list(let scan): list(scan)
      case .verified(let answer): verified(answer)
      case .stop: isStopped = true
      }
    }
  }

  /// The last one is gone.
  mutating func tellDrained() {
    if isDraining, sessions.count == 0, http.clients.count == 0 { group.onDrained() }
  }

  private mutating func endSessions(of backend: Backend) {
    for handle in sessions.handles where sessions.pointer(to: handle)?.pointee.backend === backend {
      end(handle, reset: true)
    }
  }

  // MARK: Sessions

  /// Takes charge of an accepted client that `Admission` has let in.
  /// - Parameter ticket: what it counts by, where its address is known already.
  mutating func begin(
    _ client: consuming Descriptor, _ service: Service, _ address: IPAddress?, _ port: UInt16,
    _ ticket: ClientTable.Ticket?
  ) {
    let socket = client.number
    let meters = service.counters.meters.row(index)
    meters.add(to: .sessions)
    if let http = service.http, !service.hasGreeting {
      var client = HTTPClient(
        service: service, http: http, client: client, address: address, port: port, begun: clock(), now: now)
      client.ticket = ticket
      client.connection.meters.listener = meters
      beginHTTP(client, watched: false)
      return
    }
    let handle = sessions.insert(
      TCPSession(service: service, client: client, address: address, port: port, begun: clock(), now: now))
    do throws(SystemError) {
      try poller.add(socket, .everyEdge, token: Token(.client, handle).rawValue)
    } catch {
      group.incidents.add(.failed, service.listener, cause: "watching a client failed: \(error)")
      end(handle, reset: true)
      return
    }
    guard let session = sessions.pointer(to: handle) else { return }
    session.pointee.ticket = ticket
    session.pointee.meters.listener = meters
    if service.sessionNanoseconds != .max { session.pointee.lifeEnd = lifeEnd(service.sessionNanoseconds) }
    if service.hasGreeting {
      startGreeting(handle, session)
    } else if let destination = service.destination {
      route(handle, session, destination)
    } else {
      end(handle, reset: true)
    }
  }

  /// A tenth earlier or later, so that what began together does not end together.
  mutating func lifeEnd(_ nanoseconds: UInt64) -> Instant {
    let tenth = nanoseconds / 10
    return now.later(nanoseconds - tenth + random.next() % (2 * tenth + 1))
  }

  /// The session knows its pool.
  mutating func route(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ destination: Destination
  ) {
    session.pointee.destination = destination
    session.pointee.meters.pool = destination.pool.meters.row(index)
    session.pointee.waitEnd = now.later(destination.waitNanoseconds)
    connect(handle)
  }

  /// Ends a session: its sockets are closed, its places given back.
  /// - Parameter reset: tell the peers by a reset that this is no orderly end.
  mutating func end(_ handle: Handle, reset: Bool) {
    guard var session = sessions.remove(handle) else { return }
    session.endRetry()
    if !reset, !session.broken, !session.clientTLS.isEmpty || !session.serverTLS.isEmpty { sayFarewell(&session) }
    if reset || session.holdsBytes {
      SocketIO.resetOnClose(session.client.number)
      if session.server.isOpen { SocketIO.resetOnClose(session.server.number) }
    }
    timers.cancel(session.timer)
    if session.failures > 0 { tried[handle] = nil }
    if session.phase == .waiting {
      waiting.remove(handle)
      if let place = takePlace(handle, session.meters) { session.destination?.pool.leave(place) }
    }
    if let backend = session.backend {
      countEnd(&session)
      if let destination = session.destination {
        if session.toClient.bytes > 0 || session.toClient.ended { noteSuccess(of: backend, destination) }
        destination.pool.release(backend)
      }
    }
    let service = session.service
    MeterRows(listener: session.meters.listener).record(.session, from: session.begun, to: clock())
    if let ticket = session.ticket { service.clients?.release(ticket) }
    let held = session.memory
    // The descriptors are closed here, before a place is given to somebody who needs two.
    _ = consume session
    group.ended(on: index)
    if held > 0 { group.freeMemory(held) }
    group.leave(service)
    tellDrained()
  }

  private mutating func sessionTimer(_ handle: Handle) {
    guard let session = sessions.pointer(to: handle) else { return }
    session.pointee.timer = .none
    switch session.pointee.phase {
    case .greeting: greetingTimer(handle, session)
    case .waiting: waitingTimer(handle, session)
    case .connecting: connectFailed(handle, session, "no answer within timeouts.connect")
    case .securing: connectFailed(handle, session, "no TLS handshake within timeouts.connect")
    case .poised, .relaying, .relayingSecurely: relayTimer(handle, session)
    }
  }

  /// Activity only moves `lastActive`: the timer catches up with it here, not at each chunk of data.
  private mutating func relayTimer(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    if !session.pointee.isKeptAlive { keepAlive(session) }
    let end = session.pointee.lifeEnd
    if end != .zero, end <= now {
      group.logger.debug("\(session.pointee.clientName) closed: timeouts.session is over")
      self.end(handle, reset: false)
      return
    }
    var next = Instant(nanoseconds: .max)
    let idle = session.pointee.idleNanoseconds
    if idle != .max {
      next = session.pointee.lastActive.later(idle)
      if next <= now {
        group.logger.debug(
          "\(session.pointee.clientName) closed: no byte moved within timeouts.client and timeouts.server")
        self.end(handle, reset: false)
        return
      }
    }
    if end != .zero { next = min(next, end) }
    if next.nanoseconds != .max { session.pointee.timer = timers.schedule(Token(.client, handle), at: next) }
  }

  /// Asks a backend now and then whether it is still there. Only in sessions that live for a while: the others would
  /// pay four system calls for nothing. Clients' sockets inherit it from their listener.
  private mutating func keepAlive(_ session: UnsafeMutablePointer<TCPSession>) {
    session.pointee.isKeptAlive = true
    guard let seconds = session.pointee.destination?.keepAliveSeconds, seconds > 0 else { return }
    SocketOption.keepAlive(session.pointee.server.number, seconds: seconds)
  }
}
