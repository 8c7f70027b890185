import Base
import Reactor

/// A listening socket as one worker watches it.
struct Entrance {
  /// Names the address over all workers.
  let key: Int
  let socket: SharedDescriptor
  var service: Service
  /// Other workers watch the same socket.
  let exclusive: Bool
  /// Not watched for now: a limit is reached.
  var isPaused = false
  /// How many clients one turn accepts: see `Worker.accept`.
  var burst = 1
  /// Turns in a row that took the whole burst.
  var fullTurns = 0

  static let largestBurst = 64
}

extension Worker {
  /// How long accepting rests when descriptors have run out.
  private static var exhaustedPauseNanoseconds: UInt64 { 100_000_000 }

  mutating func openEntrance(_ entrance: Entrance) {
    if isDraining { return }
    watch(entrances.insert(entrance))
  }

  private mutating func watch(_ handle: Handle) {
    guard let entrance = entrances.pointer(to: handle) else { return }
    entrance.pointee.isPaused = false
    do throws(SystemError) {
      // Level-triggered: what one turn leaves is reported again.
      try poller.add(
        entrance.pointee.socket.number, entrance.pointee.exclusive ? [.readable, .exclusive] : .readable,
        token: Token(.listener, handle).rawValue)
    } catch {
      group.incidents.add(.failed, entrance.pointee.service.listener, cause: "watching the listener failed: \(error)")
    }
  }

  private mutating func pause(_ handle: Handle) {
    guard let entrance = entrances.pointer(to: handle), !entrance.pointee.isPaused else { return }
    entrance.pointee.isPaused = true
    poller.remove(entrance.pointee.socket.number)
  }

  /// Watches again whatever is paused; a limit that still holds pauses it again.
  mutating func resumeAccepting() {
    if let end = exhaustedUntil, end > now { return }
    exhaustedUntil = nil
    for handle in entrances.handles where entrances.pointer(to: handle)?.pointee.isPaused == true { watch(handle) }
  }

  mutating func replaceService(_ key: Int, _ service: Service) {
    for handle in entrances.handles {
      guard let entrance = entrances.pointer(to: handle), entrance.pointee.key == key else { continue }
      entrance.pointee.service.replace(by: service)
      entrance.pointee.service = service
      // The new limit may be a higher one.
      if entrance.pointee.isPaused, exhaustedUntil == nil { watch(handle) }
    }
  }

  /// Closes listening sockets. Clients that already wait there have been told that they are connected, so they are
  /// accepted first.
  mutating func closeEntrances(where matches: (Int) -> Bool) {
    for handle in entrances.handles {
      guard let entrance = entrances.pointer(to: handle), matches(entrance.pointee.key) else { continue }
      entrance.pointee.service.close()
      var left = Self.mostAcceptedAtClose
      while left > 0, acceptOne(at: entrance, handle) { left -= 1 }
      if !entrance.pointee.isPaused { poller.remove(entrance.pointee.socket.number) }
      _ = entrances.remove(handle)
    }
  }

  /// A bound on the last clients of a listener that is closed while more keep coming.
  private static var mostAcceptedAtClose: Int { 65_536 }

  /// Accepts clients that wait at an entrance.
  ///
  /// As many as a short history suggests: asking once more than there are clients costs a system call for nothing,
  /// which matters when they come one by one, and asking once only would cost a turn of the loop for each in a crowd.
  mutating func accept(at handle: Handle) {
    guard let entrance = entrances.pointer(to: handle), !entrance.pointee.isPaused else { return }
    for _ in 0..<entrance.pointee.burst {
      if acceptOne(at: entrance, handle) { continue }
      entrance.pointee.burst = 1
      entrance.pointee.fullTurns = 0
      return
    }
    entrance.pointee.fullTurns += 1
    if entrance.pointee.fullTurns == 4, entrance.pointee.burst < Entrance.largestBurst {
      entrance.pointee.burst *= 2
      entrance.pointee.fullTurns = 0
    }
  }

  /// - Returns: whether another one may be waiting.
  private mutating func acceptOne(at entrance: UnsafeMutablePointer<Entrance>, _ handle: Handle) -> Bool {
    let service = entrance.pointee.service
    switch group.admission.admit(service) {
    case .admitted: break
    case .listenerFull:
      waitForPlace(handle, "listener \(service.listener)") { service.counters.paused.store(true, ordering: .releasing) }
      return false
    case .full, .memoryFull:
      let admission = group.admission
      let limit = admission.hasMemory ? "limits.connections" : "limits.memory"
      waitForPlace(handle, limit) { admission.paused.store(true, ordering: .releasing) }
      return false
    }
    switch Accepting.from(entrance.pointee.socket.number) {
    case .accepted(let client, let address, let port):
      // Behind a PROXY header stands another address; it is judged when it is known.
      var ticket: ClientTable.Ticket?
      if service.proxyHeader == nil {
        guard let screened = screen(service, address) else {
          group.leave(service)
          return true
        }
        ticket = screened
      }
      if group.count > 1, let other = group.emptierWorker(than: index) {
        group.began(on: other)
        group.mailboxes[other].post(.adopt(client: client.release(), service, address, port: port, ticket))
      } else {
        group.began(on: index)
        begin(client, service, address, port, ticket)
      }
      return true
    case .nobody:
      group.leave(service)
      return false
    case .gone:
      group.leave(service)
      return true
    case .exhausted(let error):
      group.leave(service)
      descriptorsExhausted(error)
      return false
    case .failed(let error):
      group.leave(service)
      group.incidents.add(.failed, service.listener, cause: "accepting failed: \(error)")
      descriptorsExhausted(error)
      return false
    }
  }

  /// Stops accepting at an entrance until a session ends somewhere.
  private mutating func waitForPlace(_ handle: Handle, _ limit: String, announce: () -> Void) {
    group.incidents.add(.atLimit, limit, cause: "at its limit")
    pause(handle)
    announce()
    // A session may have ended between the look at the limit and the announcement; nobody would wake us then.
    let own = group.mailboxes[index]
    if mayHavePlace(handle) { own.post(.resumeAccepting) }
  }

  private func mayHavePlace(_ handle: Handle) -> Bool {
    guard let service = entrances.pointer(to: handle)?.pointee.service else { return false }
    return service.counters.sessions.load(ordering: .acquiring) < service.maximumSessions
      && group.admission.sessions.load(ordering: .acquiring) < group.admission.limit && group.admission.hasMemory
  }

  /// No descriptor or memory is left: nothing is accepted for a moment, on any entrance of this worker.
  mutating func descriptorsExhausted(_ error: SystemError) {
    group.incidents.add(.exhausted, "worker", cause: "\(error)")
    if exhaustedUntil != nil { return }
    let end = Instant(nanoseconds: now.nanoseconds &+ Self.exhaustedPauseNanoseconds)
    exhaustedUntil = end
    for handle in entrances.handles { pause(handle) }
    surrenderSpares()
    surrenderIdle()
    _ = timers.schedule(Token.worker, at: end)
  }
}
