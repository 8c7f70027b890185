import Balancing
import Base
import HTTPCore
import Reactor

/// What becomes of copies once they have a connection: their responses are read and thrown away, and each ends.
extension Worker {
  mutating func mirrorEvent(
    _ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>, _ readiness: Readiness
  ) {
    if server.pointee.isConnecting {
      if !readiness.isDisjoint(with: [.error, .hungUp]) {
        let error = SocketIO.takeError(of: server.pointee.connection.socket.number, "connect")
        endMirrored(handle, cause: error.map { "\($0)" } ?? "closed while connecting", .resets)
      } else if readiness.contains(.writable) {
        mirrorConnected(handle)
      }
      return
    }
    if readiness.contains(.writable), !server.pointee.connection.unsent.isEmpty,
      http.buffers.flush(&server.pointee.connection) == .failed
    {
      endMirrored(handle, cause: "the connection was closed within the request", .resets)
      return
    }
    if server.pointee.isSecuring {
      continueSecuring(handle, server)
    } else {
      readMirrored(handle)
    }
  }

  /// Reads what has come of a response.
  mutating func readMirrored(_ handle: Handle) {
    var reads = Self.readsPerTurn
    while let server = http.servers.pointer(to: handle), !server.pointee.isSecuring,
      let copy = http.mirrors.pointer(to: server.pointee.mirror)
    {
      switch http.buffers.receive(&server.pointee.connection, atMost: Int(server.pointee.readSize)) {
      case .bytes(let count): throwAway(count, handle, server, copy)
      case .blocked: return
      case .ended:
        if copy.pointee.isAnswered, case .untilClose = copy.pointee.responseBody.rest {
          endMirrored(handle)
        } else {
          endMirrored(handle, cause: "the backend closed the connection", .resets)
        }
      case .failed(let error): endMirrored(handle, cause: "\(error)", .resets)
      case .broken:
        let words = server.pointee.connection.takeTLSFailure().map { "\($0)" } ?? "\(SystemError.connectionCut)"
        endMirrored(handle, cause: "TLS: \(words)", .resets)
      }
      reads -= 1
      if reads == 0 {
        unfinished.append(Token(.httpServer, handle))
        return
      }
    }
  }

  private mutating func throwAway(
    _ count: Int, _ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>,
    _ copy: UnsafeMutablePointer<MirroredRequest>
  ) {
    let input = http.buffers.received(count)
    var position = 0
    while !copy.pointee.isAnswered {
      let rest = UnsafeRawBufferPointer(rebasing: input[position...])
      switch ResponseHead.parse(
        rest, answering: copy.pointee.method, limits: HTTPService.responseLimits, progress: &server.pointee.progress,
        into: &http.responseFields)
      {
      case .needMore:
        http.buffers.keep(rest, of: &server.pointee.connection, isNews: false)
        return
      case .fault(let fault): return endMirrored(handle, cause: "\(fault)", .faults)
      case .head(let head):
        position += head.length
        if head.isInterim, copy.pointee.interims < Exchange.mostInterims {
          copy.pointee.interims += 1
        } else if head.isInterim || head.framing == .tunnel {
          return endMirrored(handle, cause: "its response is none", .faults)
        } else {
          answered(head, rest, copy)
        }
      }
    }
    let taken = copy.pointee.responseBody.take(
      input, from: position, limits: HTTPService.responseLimits, trailers: &http.responseFields)
    copy.pointee.thrownAway += count
    if let fault = taken.fault { return endMirrored(handle, cause: "\(fault)", .faults) }
    let hasEnded = copy.pointee.responseBody.hasEnded
    if hasEnded || copy.pointee.thrownAway > MirroredRequest.mostThrownAway {
      if !hasEnded || taken.used < count { copy.pointee.keepsServer = false }
      endMirrored(handle)
      return
    }
    http.buffers.keep(
      UnsafeRawBufferPointer(rebasing: input[taken.used...]), of: &server.pointee.connection, isNews: false)
  }

  private mutating func answered(
    _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ copy: UnsafeMutablePointer<MirroredRequest>
  ) {
    copy.pointee.isAnswered = true
    copy.pointee.responseBody = BodyReader(head.framing)
    copy.pointee.keepsServer = head.keepsAlive && !bindsConnection(bytes)
    tell(copy, failed: false)
    noteResponse(of: copy.pointee.backend, copy.pointee.destination, status: head.status)
  }

  /// Tells the pool how long its backend took, where the pool wants to know.
  private func tell(_ copy: UnsafeMutablePointer<MirroredRequest>, failed: Bool) {
    if copy.pointee.begun == .zero { return }
    let now = Clock.now
    copy.pointee.destination.pool.answered(
      copy.pointee.backend, after: now - copy.pointee.begun, failed: failed, now: now)
    copy.pointee.begun = .zero
  }

  // MARK: Its end

  /// The time for a copy is over.
  mutating func mirrorTimer(_ handle: Handle, _ server: UnsafeMutablePointer<BackendConnection>) {
    let isConnected = !server.pointee.isConnecting && !server.pointee.isSecuring
    endMirrored(
      handle,
      cause: isConnected ? "no whole response within timeouts.response" : "no answer within timeouts.connect",
      .timeouts)
  }

  /// A copy is over.
  /// - Parameters:
  ///   - handle: of its connection.
  ///   - cause: why it was dropped; nil when it was answered.
  ///   - fault: as what it counts for the backend, where it is its fault; before the request it is a connect that failed.
  mutating func endMirrored(_ handle: Handle, cause: String? = nil, _ fault: Meter? = nil) {
    guard let server = http.servers.pointer(to: handle) else { return }
    let mirror = server.pointee.mirror
    let fault = fault != nil && (server.pointee.isConnecting || server.pointee.isSecuring) ? .connectFailures : fault
    server.pointee.mirror = .none
    timers.cancel(server.pointee.timer)
    server.pointee.timer = .none
    let keeps = http.mirrors.pointer(to: mirror).map { $0.pointee.keepsServer } ?? false
    releaseServer(handle, isReusable: cause == nil && keeps)
    endCopy(mirror, cause, fault)
  }

  /// A copy is over, and has no connection.
  mutating func endCopy(_ mirror: Handle, _ cause: String?, _ fault: Meter?) {
    guard let pointer = http.mirrors.pointer(to: mirror) else { return }
    if cause != nil { tell(pointer, failed: true) }
    guard var copy = http.mirrors.remove(mirror) else { return }
    copy.request.free(into: &http.buffers.blocks)
    http.mirrorRoom.leave(copy.size)
    let backend = copy.backend
    if let cause {
      countDropped(copy.service, copy.destination.pool, "\(cause), at \(backend.name)")
      if let fault, !copy.isAnswered {
        backend.meters.row(index).add(to: fault)
        noteFailure(of: backend, copy.destination, cause)
      }
    } else {
      copy.service.counters.mirrored.add(1, ordering: .relaxed)
      let meters = meters(copy.destination, backend)
      meters.add(to: .requests)
      meters.add(to: .sessions)
    }
    copy.destination.pool.release(backend)
  }
}
