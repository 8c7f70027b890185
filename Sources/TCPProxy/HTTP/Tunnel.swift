import Balancing
import Base
import HTTPCore
import Reactor

/// From an exchange to a session: after 101 the two connections carry something else, which is relayed as it is.
extension Worker {
  mutating func switchProtocols(
    _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ handle: Handle,
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    // Only what the client asked for, and only when it was asked (RFC 9110, 7.8).
    guard head.status == 101, exchange.pointee.isSent, agrees(head.upgrade, bytes, exchange),
      let server = http.servers.pointer(to: exchange.pointee.server), let backend = exchange.pointee.backend,
      server.pointee.connection.unsent.isEmpty
    else {
      group.incidents.add(
        .badResponse, exchange.pointee.destination.pool.name,
        cause: "it switched to a protocol that nobody asked for, at \(exchange.pointee.backend?.name ?? "")")
      responseFailed(handle, exchange, 502)
      return
    }
    var rewrite = ResponseRewrite()
    rewrite.date = http.date(now)
    var size = 0
    while size == 0 {
      switch ResponseWriter.write(head, http.responseFields, of: bytes, rewrite: rewrite, into: http.buffers.head) {
      case .written(let written): size = written
      case .needsRoom(let needed): http.buffers.growHead(to: needed)
      }
    }
    tellAnswer(exchange, failed: false)
    exchange.pointee.endRetry()
    let rest = UnsafeRawBufferPointer(rebasing: bytes[head.length...])
    http.buffers.growHead(to: size + rest.count, keeping: size)
    UnsafeMutableRawBufferPointer(rebasing: http.buffers.head[size...]).copyMemory(from: rest)
    size += rest.count
    let sent = http.buffers.send(
      UnsafeRawBufferPointer(rebasing: http.buffers.head[..<size]), to: &client.pointee.connection)
    if sent == .failed {
      endClient(exchange.pointee.client, reset: true)
      return
    }
    becomeSession(handle, exchange, client, server, backend, head: size - rest.count, rest: rest.count)
  }

  private func agrees(
    _ upgrade: Upgrade, _ bytes: UnsafeRawBufferPointer, _ exchange: UnsafeMutablePointer<Exchange>
  ) -> Bool {
    switch (exchange.pointee.head.upgrade, upgrade) {
    case (.webSocket, .webSocket): return true
    case (.other(let asked), .other(let given)):
      let asked = UnsafeRawBufferPointer(exchange.pointee.request.bytes)[asked]
      return ProtocolList.contains(asked, all: bytes[given])
    default: return false
    }
  }

  /// Turns a client and its backend's connection into a session.
  private mutating func becomeSession(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>,
    _ server: UnsafeMutablePointer<BackendConnection>, _ backend: Backend, head: Int, rest: Int
  ) {
    let clientHandle = exchange.pointee.client
    let serverHandle = exchange.pointee.server
    var toClient = Spill()
    if !client.pointee.connection.unsent.isEmpty {
      let bytes = client.pointee.connection.unsent.bytes
      toClient.hold(UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped), count: bytes.count)
      group.admission.hold(bytes.count)
    }
    // What the client has said behind its request is for the new protocol.
    var early = Spill()
    if !client.pointee.connection.unread.isEmpty {
      let bytes = client.pointee.connection.unread.bytes
      early.hold(UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped), count: bytes.count)
      group.admission.hold(bytes.count)
    }
    let bytesToBackend = exchange.pointee.bytesToBackend
    if exchange.pointee.notes.access.isLogged {
      log(exchange.pointee, client, .completed, status: 101, sent: 0)
    }
    timers.cancel(client.pointee.timer)
    timers.cancel(server.pointee.timer)
    http.buffers.forget(&client.pointee.connection)
    http.buffers.forget(&server.pointee.connection)
    exchange.pointee.request.free(into: &http.buffers.blocks)
    if exchange.pointee.failures > 0 { http.tried[handle] = nil }
    guard let endedClient = http.clients.remove(clientHandle), let endedServer = http.servers.remove(serverHandle),
      let endedExchange = http.exchanges.remove(handle)
    else { return }
    let service = endedClient.service
    let ticket = endedClient.ticket
    var session = TCPSession(
      service: service, client: endedClient.connection.socket, address: endedClient.address, port: endedClient.port,
      now: now)
    session.ticket = ticket
    session.lifeEnd = endedClient.lifeEnd
    session.destination = endedExchange.destination
    session.backend = backend
    session.server = endedServer.connection.socket
    session.phase = .relaying
    session.tunnelNanoseconds = endedExchange.destination.tunnelNanoseconds
    session.toClient.spill = toClient
    session.toClient.thorough = true
    session.toServer.thorough = true
    session.toServer.bytes = bytesToBackend
    session.toClient.bytes = head + rest
    session.toServer.spill = early
    backend.sessionsTotal.add(1, ordering: .relaxed)
    let clientSocket = session.client.number
    let serverSocket = session.server.number
    let sessionHandle = sessions.insert(session)
    do throws(SystemError) {
      // The poller tells anew of whatever is there.
      try poller.change(clientSocket, .everyEdge, token: Token(.client, sessionHandle).rawValue)
      try poller.change(serverSocket, .everyEdge, token: Token(.server, sessionHandle).rawValue)
    } catch {
      group.incidents.add(.failed, service.listener, cause: "watching a switched connection failed: \(error)")
      end(sessionHandle, reset: true)
      return
    }
    guard let session = sessions.pointer(to: sessionHandle) else { return }
    session.pointee.timer = timers.schedule(
      Token(.client, sessionHandle), at: now.later(min(session.pointee.idleNanoseconds, 3_000_000_000)))
  }
}

/// Lists of protocols in Upgrade fields (RFC 9110, 7.8).
enum ProtocolList {
  /// Whether each of `given` is among `asked`.
  static func contains(_ asked: UnsafeRawBufferPointer, all given: UnsafeRawBufferPointer) -> Bool {
    var isAny = false
    for element in elements(given) {
      isAny = true
      guard elements(asked).contains(where: { equals($0, element) }) else { return false }
    }
    return isAny
  }

  private static func elements(_ list: UnsafeRawBufferPointer) -> [UnsafeRawBufferPointer] {
    list.split(separator: 0x2C).compactMap { part in
      var part = part
      while let first = part.first, first == 0x20 || first == 9 { part = part.dropFirst() }
      while let last = part.last, last == 0x20 || last == 9 { part = part.dropLast() }
      return part.isEmpty ? nil : UnsafeRawBufferPointer(rebasing: part)
    }
  }

  private static func equals(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { lower($0) == lower($1) }
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
