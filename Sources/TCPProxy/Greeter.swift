import Base
import Reactor

/// What a client said before it got a backend, kept until the backend has heard of it.
final class Greeting {
  enum Stage {
    /// The PROXY header is to come.
    case proxyHeader
    /// The ClientHello is to come, and only looked at.
    case hello
    /// The TLS handshake is to come, or under way.
    case tls
  }

  var stage: Stage
  /// What the client connected to, as a proxy before us has it.
  var destination: SocketAddress?
  /// The name that the client asked for (SNI).
  var serverName: String?

  init(_ stage: Stage) { self.stage = stage }
}

/// Reads what stands before the session's own bytes: the PROXY header, which is taken out, and the ClientHello, which
/// is only looked at. Nothing is buffered here: the bytes wait in the kernel until they are enough. A handshake, where
/// TLS is terminated, is in `TLSGreeter.swift`.
extension Worker {
  mutating func startGreeting(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    let service = session.pointee.service
    session.pointee.phase = .greeting
    session.pointee.greeting = Greeting(service.proxyHeader != nil ? .proxyHeader : service.firstStage)
    session.pointee.timer = timers.schedule(
      Token(.client, handle), at: now.later(service.handshakeNanoseconds))
  }

  /// The client's socket has something to tell.
  mutating func greet(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    while let greeting = session.pointee.greeting {
      let isOver: Bool
      switch greeting.stage {
      case .proxyHeader: isOver = readProxyHeader(handle, session, greeting)
      case .hello: isOver = readHello(handle, session, greeting)
      case .tls:
        if let context = session.pointee.service.tls { greetTLS(handle, session, context) }
        return
      }
      guard sessions.pointer(to: handle) != nil, isOver else { return }
      if session.pointee.phase != .greeting { return }
    }
  }

  /// - Returns: whether the next stage may begin; the session may be over as well.
  private mutating func readProxyHeader(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ greeting: Greeting
  ) -> Bool {
    let service = session.pointee.service
    guard let accepted = service.proxyHeader else { return false }
    guard let bytes = peek(handle, session, ProxyHeader.longest) else { return false }
    switch ProxyHeader.parse(bytes, accepting: accepted) {
    case .needMore:
      if bytes.count >= ProxyHeader.longest {
        malformed(handle, session, "the PROXY header is longer than \(ProxyHeader.longest) bytes")
      } else if session.pointee.early.contains(.peerFinished) {
        malformed(handle, session, "the PROXY header is cut short")
      }
      return false
    case .malformed(let reason):
      malformed(handle, session, "\(reason)")
      return false
    case .header(let header):
      // Exactly what was parsed: what follows belongs to the session.
      _ = SocketIO.receive(session.pointee.client.number, into: buffer, count: header.length)
      let peer = session.pointee.clientAddress
      let isTrusted = service.trustedProxies.map { trusted in peer.map { trusted.contains($0) } ?? true } ?? true
      if isTrusted, case .proxied(let source, let destination) = header.origin {
        greeting.destination = destination
        if case .ip(let address, let port) = source {
          session.pointee.clientAddress = address
          session.pointee.clientPort = port
        } else {
          session.pointee.clientAddress = nil
        }
      }
      guard let ticket = screen(service, session.pointee.clientAddress) else {
        end(handle, reset: true)
        return false
      }
      session.pointee.ticket = ticket
      if service.tls != nil || service.readsHello {
        greeting.stage = service.firstStage
      } else {
        finishGreeting(handle, session, service.destination)
      }
      return true
    }
  }

  private mutating func readHello(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ greeting: Greeting
  ) -> Bool {
    let service = session.pointee.service
    guard let bytes = peek(handle, session, ClientHello.longest) else { return false }
    switch ClientHello.peek(bytes) {
    case .needMore where bytes.count < ClientHello.longest && !session.pointee.early.contains(.peerFinished):
      return false
    case .hello(let hello):
      greeting.serverName = hello.serverName
      let routed = hello.serverName.flatMap { service.routes?.destination(of: $0) }
      finishGreeting(handle, session, routed ?? service.destination)
    case .needMore, .notTLS, .malformed:
      // Whatever it is, the listener's own pool has to make sense of it.
      finishGreeting(handle, session, service.destination)
    }
    return true
  }

  /// What waits in the client's socket; nil when the session has to wait for more, or is over.
  private mutating func peek(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ most: Int
  ) -> UnsafeRawBufferPointer? {
    switch SocketIO.peek(session.pointee.client.number, into: buffer, count: most) {
    case .bytes(let count): return UnsafeRawBufferPointer(start: buffer, count: count)
    case .blocked: return nil
    case .ended, .failed:
      // A port scan or a health check of somebody else: it left without a word.
      end(handle, reset: false)
      return nil
    }
  }

  mutating func finishGreeting(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ destination: Destination?
  ) {
    timers.cancel(session.pointee.timer)
    session.pointee.timer = .none
    if let http = session.pointee.service.http {
      beginHTTP(handle, session, http)
      return
    }
    guard let destination else {
      let name = session.pointee.greeting?.serverName
      group.incidents.add(
        .noRoute, session.pointee.service.listener,
        cause: name.map { "no route takes the server name \($0)" } ?? "the client named no server")
      end(handle, reset: true)
      return
    }
    session.pointee.phase = .waiting
    // The edge that told of the bytes behind the header is spent.
    session.pointee.early.insert(.readable)
    route(handle, session, destination)
  }

  private mutating func malformed(
    _ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>, _ reason: String
  ) {
    let service = session.pointee.service
    service.counters.malformed.add(1, ordering: .relaxed)
    group.incidents.add(
      .badGreeting, service.listener, cause: "\(reason), from \(session.pointee.clientName)")
    end(handle, reset: true)
  }

  mutating func greetingTimer(_ handle: Handle, _ session: UnsafeMutablePointer<TCPSession>) {
    if session.pointee.greeting?.stage == .tls {
      clientHandshakeFailed(handle, session, .timeout, "no TLS handshake within timeouts.handshake")
      return
    }
    let missing = session.pointee.greeting?.stage == .proxyHeader ? "PROXY header" : "ClientHello"
    group.incidents.add(
      .badGreeting, session.pointee.service.listener,
      cause: "no \(missing) within timeouts.handshake, from \(session.pointee.clientName)")
    end(handle, reset: true)
  }

  /// Judges a client by its address.
  /// - Returns: what it counts by, or nil when it is turned away.
  mutating func screen(_ service: Service, _ address: IPAddress?) -> ClientTable.Ticket?? {
    if !service.access.isOpen, !service.access.admits(address) {
      refuse(service, address, "not admitted by allow and deny")
      return nil
    }
    guard let limits = service.perClient, let clients = service.clients, let address else { return .some(nil) }
    let retryAfter: Duration
    switch clients.admit(address, limits: limits, now: now) {
    case .admitted(let ticket): return .some(ticket)
    case .tooManyConnections:
      refuse(service, address, "perClient.connections reached")
      retryAfter = .seconds(1)
    case .tooFast(let wait):
      refuse(service, address, "perClient.rate exceeded")
      retryAfter = wait
    }
    // HTTP has an answer for that, which is given to the first request.
    let places = min(service.maximumSessions, group.admission.limit)
    guard service.http != nil, let ticket = clients.tell(retryAfter: retryAfter, places: places) else { return nil }
    return .some(ticket)
  }

  private func refuse(_ service: Service, _ address: IPAddress?, _ reason: String) {
    service.counters.refused.add(1, ordering: .relaxed)
    group.incidents.add(
      .refused, service.listener, cause: "\(reason), the last from \(address.map { "\($0)" } ?? "a unix client")")
  }
}
