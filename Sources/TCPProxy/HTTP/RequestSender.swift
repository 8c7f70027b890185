import Balancing
import Base
import HTTPCore
import Reactor

/// Writing requests anew for backends.
extension Worker {
  /// This program in Via (RFC 9110, 7.6.3): the same for all of them, so that no loop of any length goes unseen.
  static var viaName: StaticString { "balancer" }

  /// Sends a request on the connection that the exchange has: its head, and what is there of its body in the same write.
  mutating func sendRequest(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    guard let client = http.clients.pointer(to: exchange.pointee.client),
      let server = http.servers.pointer(to: exchange.pointee.server)
    else { return }
    exchange.pointee.phase = .answering
    if exchange.pointee.notes.access.isLogged, !exchange.pointee.isReused {
      exchange.pointee.notes.access.connected = Clock.now
    }
    exchange.pointee.requested = clock()
    if server.pointee.connectStart != .zero {
      exchange.pointee.meters.record(.connect, from: server.pointee.connectStart, to: exchange.pointee.requested)
      server.pointee.connectStart = .zero
    }
    exchange.pointee.isSent = false
    exchange.pointee.requestChunks = ChunkedEncoder()
    guard parse(handle, exchange, client) else {
      fail(handle, exchange, 500)
      return
    }
    var size = writeHead(exchange, client, closes: server.pointee.isWorn(after: server.pointee.served &+ 1))
    exchange.pointee.bytesToBackend &+= size
    let head = exchange.pointee.head
    if let kept = exchange.pointee.keptBody {
      if kept > 0 {
        http.buffers.growHead(to: size + kept, keeping: size)
        let body = exchange.pointee.request.bytes[head.length..<head.length + kept]
        UnsafeMutableRawBufferPointer(rebasing: http.buffers.head[size...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: body))
        size += kept
        exchange.pointee.bytesToBackend &+= kept
      }
      guard sendHead(size, more: false, to: server, handle, exchange) else { return }
      requestSent(handle, exchange)
      return
    }
    if exchange.pointee.mirror == .wanted { beginCollecting(exchange, client) }
    // Only bytes of the body that are sure to follow are worth the wait: half a chunk's size is nothing to send.
    let more = if case .length = head.framing { client.pointee.connection.hasNews } else { false }
    guard sendHead(size, more: more, to: server, handle, exchange) else { return }
    setDeadline(exchange.pointee.client, client, now.later(client.pointee.http.bodyNanoseconds))
    pumpRequest(exchange.pointee.client, client)
  }

  private mutating func sendHead(
    _ size: Int, more: Bool, to server: UnsafeMutablePointer<BackendConnection>, _ handle: Handle,
    _ exchange: UnsafeMutablePointer<Exchange>
  ) -> Bool {
    let bytes = UnsafeRawBufferPointer(rebasing: http.buffers.head[..<size])
    // What fits into one write is refused by the socket as a whole.
    if size > TLSBuffers.inputSize { exchange.pointee.isBegun = true }
    if http.buffers.send(bytes, to: &server.pointee.connection, more: more) == .failed {
      backendFailed(handle, exchange, "the connection was closed before the request")
      return false
    }
    exchange.pointee.isBegun = true
    return true
  }

  /// Makes sure that the table of fields is of this request.
  mutating func parse(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>
  ) -> Bool {
    if http.parsed == handle { return true }
    var progress = HeadProgress()
    guard
      case .head = RequestHead.parse(
        UnsafeRawBufferPointer(exchange.pointee.request.bytes), limits: client.pointee.http.limits,
        progress: &progress, into: &http.requestFields)
    else { return false }
    http.parsed = handle
    return true
  }

  /// - Parameters:
  ///   - copy: the backend of another pool that gets the same request, whose body is here as a whole.
  ///   - closes: whether this is the last request of its connection, which the backend has to be told (RFC 9112, 9.3).
  /// - Returns: its size, at the start of `HTTPBuffers.head`.
  mutating func writeHead(
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>,
    copyFor copy: Backend? = nil, closes: Bool
  ) -> Int {
    var rewrite = RequestRewrite()
    // Where another protocol is to follow, the connection goes on.
    rewrite.closes = closes && exchange.pointee.head.upgrade == .none
    rewrite.via = UnsafeRawBufferPointer(start: Self.viaName.utf8Start, count: Self.viaName.utf8CodeUnitCount)
    rewrite.path = outgoingPath(exchange)
    if copy != nil {
      rewrite.passesExpect = false
      if exchange.pointee.head.framing != .none {
        rewrite.framing = .length(UInt64(exchange.pointee.keptBody ?? exchange.pointee.copiedBody.count))
      }
    }
    if let route = exchange.pointee.route?.route.settings {
      rewrite.edits = copy == nil ? route.requestEdits : route.mirrorEdits
      switch route.host {
      case .keep: break
      case .backend:
        if let backend = copy ?? exchange.pointee.backend { http.host = backend.host }
      case .text(let text): http.host = text
      }
      if route.host != .keep { return writeHead(exchange, client, rewrite, hasHost: true) }
    }
    // HTTP/1.1 has a Host (RFC 9112, 3.2): where a client of HTTP/1.0 has named none, the pool is as good as any name.
    if exchange.pointee.head.authority == nil {
      http.host = exchange.pointee.destination.poolName
      return writeHead(exchange, client, rewrite, hasHost: true)
    }
    return writeHead(exchange, client, rewrite, hasHost: false)
  }

  private mutating func writeHead(
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>,
    _ rewrite: RequestRewrite, hasHost: Bool
  ) -> Int {
    var rewrite = rewrite
    while true {
      let port = client.pointee.localPort
      rewrite.forwarding = Forwarding(
        style: client.pointee.http.forwarded, trustsPeer: client.pointee.isTrusted, client: client.pointee.address,
        scheme: client.pointee.connection.tls.isEmpty ? .http : .https, port: port)
      if let field = client.pointee.http.requestID,
        let name = text(of: exchange.pointee.notes.name, in: UnsafeRawBufferPointer(exchange.pointee.request.bytes))
      {
        rewrite.requestID = (field.bytes, name)
      }
      let outcome = http.host.withUnsafeBytes { host in
        if hasHost { rewrite.host = host }
        return RequestWriter.write(
          exchange.pointee.head, http.requestFields, of: UnsafeRawBufferPointer(exchange.pointee.request.bytes),
          rewrite: rewrite, into: http.buffers.head)
      }
      switch outcome {
      case .written(let size): return size
      case .needsRoom(let size): http.buffers.growHead(to: size)
      }
    }
  }

  /// All of the request is with the backend, or waits for it.
  mutating func requestSent(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    if exchange.pointee.isSent { return }
    exchange.pointee.isSent = true
    guard let client = http.clients.pointer(to: exchange.pointee.client) else { return }
    if exchange.pointee.status == 0 {
      setDeadline(exchange.pointee.client, client, now.later(exchange.pointee.destination.responseNanoseconds))
    }
    if exchange.pointee.mirror != .none { mirror(handle, exchange, client) }
  }

  /// The client's body breaks the rules: nobody can tell where the next request would begin.
  mutating func requestBodyFailed(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ fault: MessageFault
  ) {
    if let client = http.clients.pointer(to: exchange.pointee.client) {
      client.pointee.service.counters.malformed.add(1, ordering: .relaxed)
      group.incidents.add(
        .badRequest, client.pointee.service.listener, cause: "\(fault), from \(client.pointee.name)")
    }
    exchange.pointee.keepsClient = false
    exchange.pointee.keepsServer = false
    exchange.pointee.notes.access.ending = .badRequest
    fail(handle, exchange, fault.status)
  }

  /// The backend takes no more of the request. What it has said before that counts.
  mutating func requestRefused(_ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>) {
    guard let server = http.servers.pointer(to: exchange.pointee.server) else { return }
    server.pointee.connection.isReadable = true
    server.pointee.connection.isThorough = true
    exchange.pointee.keepsServer = false
    let serverHandle = exchange.pointee.server
    pumpResponse(serverHandle)
    // Still there, and with nothing said: then it never will.
    guard let exchange = http.exchanges.pointer(to: handle), exchange.pointee.server == serverHandle else { return }
    if exchange.pointee.status == 0 {
      backendFailed(handle, exchange, "the backend closed the connection within the request")
    }
  }
}
