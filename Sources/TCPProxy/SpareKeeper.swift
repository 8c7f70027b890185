import Balancing
import Base
import Logging
import Reactor

/// Keeps connections to backends ready that have no session yet, so that one begins without the backend's round trip.
///
/// A spare is watched from its connect on: one that the backend closes is dropped when that is heard of. When it is
/// handed out it is looked at once more, as the news may still be on its way to the poller.
extension Worker {
  /// Between two batches of connects to one backend.
  private static var batchPauseNanoseconds: UInt64 { 1_000_000 }
  /// After descriptors have run out, and while sessions leave no room: until something may have changed.
  private static var shortageRestNanoseconds: UInt64 { 1_000_000_000 }

  // MARK: What is kept

  /// Takes the orders of a new configuration. Spares that were made in the same way stay.
  mutating func keepSpares(_ orders: [SpareOrder]) {
    if isDraining { return }
    var entries: [Spares.Entry] = []
    for order in orders {
      for backend in order.backends {
        let former = spares.place(of: backend).map { spares.entries[$0] }
        let isKept = former.map { order.destination.sharesSpares(with: $0.destination) } ?? false
        entries.append(Spares.Entry(backend, order.destination, shelf: isKept ? former?.shelf : nil))
      }
    }
    var kept: Set<Handle> = []
    for entry in entries { kept.formUnion(entry.shelf.ready + entry.shelf.connecting) }
    for handle in spares.connections.handles where !kept.contains(handle) { drop(handle) }
    spares.replaceEntries(entries)
    for place in entries.indices { review(place) }
  }

  /// The pool may have other eligible backends than before.
  mutating func reviewSpares(of pool: Pool) {
    for place in spares.entries.indices where spares.entries[place].destination.pool === pool { review(place) }
  }

  /// Closes what may not be, and begins what is missing.
  private mutating func review(_ place: Int) {
    let entry = spares.entries[place]
    trim(place)
    let isAllowed = entry.destination.pool.sparesAllowed(of: entry.backend) > 0
    if isAllowed, !entry.isAllowed { spares.entries[place].shelf.forgive() }
    spares.entries[place].isAllowed = isAllowed
    fill(place)
  }

  /// Sessions have taken the room of a backend's spares.
  mutating func trimSpares(of backend: Backend) {
    if let place = spares.place(of: backend) { trim(place) }
  }

  private mutating func trim(_ place: Int) {
    let (backend, destination) = (spares.entries[place].backend, spares.entries[place].destination)
    var own = spares.entries[place].shelf.count
    while own > 0,
      own > destination.prewarm
        || backend.spares.load(ordering: .relaxed) > destination.pool.sparesAllowed(of: backend),
      let handle = spares.entries[place].shelf.surrender()
    {
      drop(handle)
      own -= 1
    }
  }

  /// Descriptors have run out: sessions need them more.
  mutating func surrenderSpares() {
    for place in spares.entries.indices {
      while let handle = spares.entries[place].shelf.surrender() { drop(handle) }
      spares.entries[place].shelf.rest(Self.shortageRestNanoseconds, now: now)
      lookLater(place)
    }
  }

  /// No session will need one any more.
  mutating func closeSpares() {
    for handle in spares.connections.handles { drop(handle) }
    spares.replaceEntries([])
    timers.cancel(spares.look)
    spares.look = .none
  }

  // MARK: Making them

  /// Begins to connect what is missing, a few at a time.
  private mutating func fill(_ place: Int) {
    let (backend, destination) = (spares.entries[place].backend, spares.entries[place].destination)
    for _ in 0..<spares.entries[place].shelf.shortage(now: now) {
      guard destination.pool.addSpare(backend) else {
        // That it is eligible again will be told, the end of a session will not.
        spares.entries[place].shelf.rest(Self.shortageRestNanoseconds, now: now)
        break
      }
      guard open(place, backend, destination) else { break }
    }
    lookLater(place)
  }

  /// - Returns: whether another may be begun at once.
  private mutating func open(_ place: Int, _ backend: Backend, _ destination: Destination) -> Bool {
    var options = destination.options
    // That would wait for the first bytes, which only a session has.
    options.fastOpen = false
    let start = Clock.now
    switch Connecting.to(backend.address, options) {
    case .connected(let socket):
      guard let handle = watch(socket, backend, place, start) else { return false }
      connected(handle)
    case .underway(let socket):
      guard let handle = watch(socket, backend, place, start) else { return false }
      spares.connections.pointer(to: handle)?.pointee.timer = timers.schedule(
        Token(.spare, handle), at: now.later(destination.connectNanoseconds))
    case .failed(let error):
      backend.removeSpare()
      if error.isExhaustion {
        spares.entries[place].shelf.rest(Self.shortageRestNanoseconds, now: now)
      } else {
        connectFailed(place, nil, start, "\(error)")
      }
      return false
    }
    return true
  }

  private mutating func watch(
    _ socket: consuming Descriptor, _ backend: Backend, _ place: Int, _ start: Instant
  ) -> Handle? {
    let number = socket.number
    let handle = spares.connections.insert(Spare(socket, backend, connectStart: start))
    spares.entries[place].shelf.began(handle)
    do throws(SystemError) {
      try poller.add(number, .everyEdge, token: Token(.spare, handle).rawValue)
      return handle
    } catch {
      connectFailed(place, handle, start, "watching it failed: \(error)")
      return nil
    }
  }

  /// The backend has answered. Its pool learns how long that took: the session will not wait for it.
  private mutating func connected(_ handle: Handle) {
    guard let spare = spares.connections.pointer(to: handle), let place = spares.place(of: spare.pointee.backend)
    else { return }
    let destination = spares.entries[place].destination
    spares.entries[place].shelf.connected(handle)
    tellAnswer(destination.pool, spare.pointee.backend, since: spare.pointee.connectStart, failed: false)
    MeterRows(pool: destination.pool.meters.row(index), backend: spare.pointee.backend.meters.row(index))
      .record(.connect, from: spare.pointee.connectStart, to: clock())
    let life = destination.spareLifeNanoseconds
    // Up to a tenth earlier, so that what began together does not end together.
    let end = now.later(life - random.next() % (life / 10 + 1))
    timers.cancel(spare.pointee.timer)
    spare.pointee.timer = timers.schedule(Token(.spare, handle), at: end)
    spare.pointee.readySince = now
    // Only where the kernel can find a dead peer before its life is over.
    if destination.keepAliveSeconds > 0, UInt64(destination.keepAliveSeconds) * 2_000_000_000 <= life {
      SocketOption.keepAlive(spare.pointee.socket.number, seconds: destination.keepAliveSeconds)
    }
  }

  /// A connect has failed. No session was harmed: `outlier` does not count it.
  private mutating func connectFailed(_ place: Int, _ handle: Handle?, _ start: Instant, _ cause: String) {
    let (backend, destination) = (spares.entries[place].backend, spares.entries[place].destination)
    spares.entries[place].shelf.connectFailed(handle, now: now)
    if let handle { drop(handle) }
    backend.meters.row(index).add(to: .connectFailures)
    tellAnswer(destination.pool, backend, since: start, failed: true)
    group.logger.debug("a spare connection to \(backend) failed: \(cause)")
    lookLater(place)
  }

  private func tellAnswer(_ pool: Pool, _ backend: Backend, since start: Instant, failed: Bool) {
    guard pool.schedulerNeeds.contains(.answers) else { return }
    let end = Clock.now
    pool.answered(backend, after: end - start, failed: failed, now: end)
  }

  // MARK: What becomes of them

  mutating func spareEvent(_ handle: Handle, _ readiness: Readiness) {
    guard let spare = spares.connections.pointer(to: handle), let place = spares.place(of: spare.pointee.backend)
    else { return }
    if !spare.pointee.isReady {
      if !readiness.isDisjoint(with: [.error, .hungUp]) {
        let error = SocketIO.takeError(of: spare.pointee.socket.number, "connect")
        connectFailed(
          place, handle, spare.pointee.connectStart, error.map { "\($0)" } ?? "closed while connecting")
        return
      }
      guard readiness.contains(.writable) else { return }
      connected(handle)
    }
    // Bytes may wait: a server that speaks first has spoken.
    if !readiness.isDisjoint(with: .ending) { closedByBackend(handle, place, spare.pointee.readySince) }
    fill(place)
  }

  private mutating func closedByBackend(_ handle: Handle, _ place: Int, _ readySince: Instant) {
    spares.entries[place].shelf.closed(handle, since: readySince, now: now)
    drop(handle)
  }

  mutating func spareTimer(_ token: Token) {
    if token.rawValue == Token.spares.rawValue {
      spares.look = .none
      for place in spares.entries.indices { fill(place) }
      return
    }
    let handle = token.handle
    guard let spare = spares.connections.pointer(to: handle), let place = spares.place(of: spare.pointee.backend)
    else { return }
    spare.pointee.timer = .none
    if spare.pointee.isReady {
      spares.entries[place].shelf.expired(handle)
      drop(handle)
    } else {
      connectFailed(place, handle, spare.pointee.connectStart, "no answer within timeouts.connect")
    }
    fill(place)
  }

  /// Looks at the shelves again when this one may be filled further.
  private mutating func lookLater(_ place: Int) {
    guard let time = spares.entries[place].shelf.nextLook(now: now, pause: Self.batchPauseNanoseconds),
      spares.look == .none || time < spares.lookTime
    else { return }
    timers.cancel(spares.look)
    spares.look = timers.schedule(Token.spares, at: time)
    spares.lookTime = time
  }

  /// Closes a spare that is on no shelf any more.
  private mutating func drop(_ handle: Handle) {
    guard let spare = spares.connections.remove(handle) else { return }
    timers.cancel(spare.timer)
    spare.backend.removeSpare()
  }

  // MARK: Sessions on them

  /// Gives a session a spare of the backend that it counts on, if there is one that the backend keeps.
  /// - Returns: whether it has one; it may be over by now.
  mutating func useSpare(
    of backend: Backend, for destination: Destination, _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>
  ) -> Bool {
    guard let place = spares.place(of: backend), destination.sharesSpares(with: spares.entries[place].destination)
    else { return false }
    while let next = spares.entries[place].shelf.take(), let spare = spares.connections.remove(next) {
      timers.cancel(spare.timer)
      backend.removeSpare()
      let number = spare.socket.number
      guard SocketIO.isKeptByPeer(number),
        (try? poller.change(number, .everyEdge, token: Token(.server, handle).rawValue)) != nil
      else { continue }
      session.pointee.server = spare.handOver()
      begin(onSpare: handle, session)
      fill(place)
      return true
    }
    // A new connection takes the room of a spare that another worker has.
    if backend.spares.load(ordering: .relaxed) > destination.pool.sparesAllowed(of: backend) {
      group.trimSpares(of: backend)
    }
    // The session's own connect comes first.
    lookLater(place)
    return false
  }

  private mutating func begin(onSpare handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    session.pointee.isOnSpare = true
    // What the server has said waits in the kernel, and the poller reports it again under the new token.
    established(handle, session, [])
    // With TLS to the backend its handshake shows whether the backend is there.
    guard sessions.pointer(to: handle) != nil, session.pointee.isOnSpare, session.pointee.serverTLS.isEmpty else {
      return
    }
    if session.pointee.isUntouched, session.pointee.phase == session.pointee.relaying {
      session.pointee.phase = .poised
    } else {
      countServed(&session.pointee)
    }
  }

  /// The first that a client does on a spare. Its bytes stay in its socket until the spare was looked at.
  mutating func clientSpoke(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness
  ) {
    if readiness.isDisjoint(with: .reading) { return }
    if SocketIO.isKeptByPeer(session.pointee.server.number) {
      session.pointee.phase = session.pointee.relaying
      countServed(&session.pointee)
      clientEvent(handle, readiness)
    } else {
      exchange(handle, session)
    }
  }

  /// The first that a backend does on a spare.
  mutating func serverSpoke(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ readiness: Readiness
  ) {
    if !readiness.isDisjoint(with: .ending) {
      exchange(handle, session)
    } else if readiness.contains(.readable) {
      session.pointee.phase = session.pointee.relaying
      countServed(&session.pointee)
      serverEvent(handle, readiness)
    }
  }

  /// The handshake on a spare has failed: that says nothing of the backend where it had closed the spare before.
  /// - Returns: whether a new connection takes its place.
  mutating func exchangeIfClosed(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) -> Bool {
    if SocketIO.isKeptByPeer(session.pointee.server.number) {
      session.pointee.isOnSpare = false
      return false
    }
    exchange(handle, session)
    return true
  }

  /// The backend has closed a spare while it was handed out, and no byte of the client has moved: a new connection
  /// takes its place.
  private mutating func exchange(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    guard let backend = session.pointee.backend else { return }
    session.pointee.isOnSpare = false
    group.logger.debug("\(backend) closed a spare connection just as a session began on it: connecting anew")
    session.pointee.server.close()
    // Its end may have been reported together with the client's bytes, and would be taken for the new one's.
    poller.forget(Token(.server, handle).rawValue)
    dropBackend(session)
    leaveWaiting(handle, session)
    session.pointee.phase = .connecting
    if attempt(backend, handle, session, mayUseSpare: false) { connect(handle) }
  }
}

extension TCPSession {
  /// No byte and no end has come from either side.
  fileprivate var isUntouched: Bool {
    toServer.bytes == 0 && toClient.bytes == 0 && !holdsBytes && !toServer.ended && !toClient.ended && !broken
  }
}

extension Readiness {
  /// The peer sends no more.
  fileprivate static var ending: Readiness { [.peerFinished, .hungUp, .error] }
}
