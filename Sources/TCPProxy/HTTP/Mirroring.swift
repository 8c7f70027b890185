import Balancing
import Base
import HTTPCore
import Reactor

/// Copies of requests for another pool (`mirror` of a route).
///
/// A client is served as if there were none: a copy is made when its request is with the backend as a whole, nobody waits
/// for it, and whatever stands in its way, it is dropped and counted.
extension Worker {
  // MARK: From a request to its copy

  /// A request whose copy is wanted streams: its body is kept as it goes by.
  mutating func beginCollecting(
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    exchange.pointee.mirror = .none
    if exchange.pointee.head.framing.exceeds(UInt64(MirrorRoom.mostBody)) {
      dropCopy(exchange, client, "its body is longer than \(MirrorRoom.mostBody >> 20) MiB")
    } else if http.mirrorRoom.enter() {
      exchange.pointee.mirror = .collecting
    } else {
      dropCopy(exchange, client, "no room for it")
    }
  }

  /// A part of a body goes by.
  mutating func collect(
    _ bytes: UnsafeRawBufferPointer, _ exchange: UnsafeMutablePointer<Exchange>,
    _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    if exchange.pointee.copiedBody.count + bytes.count > MirrorRoom.mostBody {
      dropCopy(exchange, client, "its body is longer than \(MirrorRoom.mostBody >> 20) MiB")
    } else if http.mirrorRoom.hasRoom(for: bytes.count) {
      http.mirrorRoom.hold(bytes.count)
      exchange.pointee.copiedBody.append(bytes, from: &http.buffers.blocks)
    } else {
      dropCopy(exchange, client, "no room for it")
    }
  }

  /// There will be no copy of this request.
  mutating func dropCopy(
    _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>,
    _ cause: @autoclosure () -> String
  ) {
    http.forgetCopy(&exchange.pointee)
    guard let destination = exchange.pointee.route?.mirror else { return }
    countDropped(client.pointee.service, destination.pool, cause())
  }

  func countDropped(_ service: Service, _ pool: Pool, _ cause: @autoclosure () -> String) {
    service.counters.mirrorsDropped.add(1, ordering: .relaxed)
    group.incidents.add(.mirrorDropped, pool.name, cause: cause())
  }

  /// The request is with its backend as a whole: its copy follows.
  mutating func mirror(
    _ handle: Handle, _ exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    guard let destination = exchange.pointee.route?.mirror else { return }
    if exchange.pointee.mirror == .wanted, !http.mirrorRoom.enter() {
      exchange.pointee.mirror = .none
      dropCopy(exchange, client, "no room for it")
      return
    }
    // From here on it has a place.
    exchange.pointee.mirror = .collecting
    guard parse(handle, exchange, client) else { return dropCopy(exchange, client, "it cannot be read again") }
    var key: UInt64?
    if destination.pool.schedulerNeeds.contains(.request) { key = self.key(of: exchange, for: destination) }
    let pick = destination.pick(
      avoiding: [], client: exchange.pointee.notes.client, serverName: nil, key: key, random: &random, now: now,
      orWait: nil)
    switch pick {
    case .backend(let backend, _): send(copyOf: exchange, client, to: backend, of: destination)
    case .none(let reason): dropCopy(exchange, client, "\(reason)")
    case .wait, .queued: dropCopy(exchange, client, "its backends are still being checked")
    }
  }

  private mutating func send(
    copyOf exchange: UnsafeMutablePointer<Exchange>, _ client: UnsafeMutablePointer<HTTPClient>, to backend: Backend,
    of destination: Destination
  ) {
    var request = HeldBytes()
    var headerSize = 0
    if let writer = destination.sendProxy {
      headerSize = proxyHeader(writer, client)
      request.append(UnsafeRawBufferPointer(rebasing: http.buffers.head[..<headerSize]), from: &http.buffers.blocks)
    }
    let headSize = writeHead(exchange, client, copyFor: backend, closes: !destination.keepsConnections)
    request.append(UnsafeRawBufferPointer(rebasing: http.buffers.head[..<headSize]), from: &http.buffers.blocks)
    if let kept = exchange.pointee.keptBody {
      let start = exchange.pointee.head.length
      let body = exchange.pointee.request.bytes[start..<start + kept]
      request.append(UnsafeRawBufferPointer(rebasing: body), from: &http.buffers.blocks)
    } else {
      request.append(UnsafeRawBufferPointer(exchange.pointee.copiedBody.bytes), from: &http.buffers.blocks)
    }
    // What was held of the body is in the copy now, and counts with it.
    let copied = exchange.pointee.copiedBody.count
    exchange.pointee.copiedBody.free(into: &http.buffers.blocks)
    exchange.pointee.mirror = .none
    var copy = MirroredRequest(
      destination: destination, backend: backend, service: client.pointee.service, method: exchange.pointee.head.method,
      request: request, headerSize: headerSize)
    http.mirrorRoom.hold(copy.size - copied)
    if destination.pool.schedulerNeeds.contains(.answers) { copy.begun = Clock.now }
    start(copy, client.pointee.address)
  }

  // MARK: From a copy to its connection

  private mutating func start(_ copy: consuming MirroredRequest, _ client: IPAddress?) {
    let destination = copy.destination
    let backend = copy.backend
    let mirror = http.mirrors.insert(copy)
    if let server = takeIdle(destination, backend, isChecked: true) {
      http.servers.pointer(to: server)?.pointee.mirror = mirror
      sendMirrored(server)
      return
    }
    switch Connecting.to(backend.address, destination.options, client: client) {
    case .connected(let socket):
      guard let handle = watch(socket, destination, backend, mirror) else { return }
      mirrorConnected(handle)
    case .underway(let socket):
      guard let handle = watch(socket, destination, backend, mirror) else { return }
      setMirrorDeadline(handle, destination.connectNanoseconds)
    case .failed(let error):
      if error.isExhaustion { descriptorsExhausted(error) }
      endCopy(mirror, "\(error)", error.isExhaustion ? nil : .connectFailures)
    }
  }

  private mutating func watch(
    _ socket: consuming Descriptor, _ destination: Destination, _ backend: Backend, _ mirror: Handle
  ) -> Handle? {
    let number = socket.number
    let handle = http.servers.insert(
      BackendConnection(backend: backend, destination: destination, server: socket, connectStart: .zero))
    http.servers.pointer(to: handle)?.pointee.mirror = mirror
    http.servers.pointer(to: handle)?.pointee.connection.meters = meters(destination, backend)
    do throws(SystemError) {
      try poller.add(number, .everyEdge, token: Token(.httpServer, handle).rawValue)
      return handle
    } catch {
      endMirrored(handle, cause: "watching a backend failed: \(error)")
      return nil
    }
  }

  /// Copies count for their pool and its backend, as every request does; their bytes where they are sent and read.
  func meters(_ destination: Destination, _ backend: Backend) -> MeterRows {
    MeterRows(pool: destination.pool.meters.row(index), backend: backend.meters.row(index))
  }

  private mutating func setMirrorDeadline(_ handle: Handle, _ nanoseconds: UInt64) {
    guard let server = http.servers.pointer(to: handle) else { return }
    timers.cancel(server.pointee.timer)
    server.pointee.timer = timers.schedule(Token(.httpServer, handle), at: now.later(nanoseconds))
  }

  /// The backend has answered the connect.
  mutating func mirrorConnected(_ handle: Handle) {
    guard let server = http.servers.pointer(to: handle), let copy = http.mirrors.pointer(to: server.pointee.mirror)
    else { return }
    let size = copy.pointee.headerSize
    if size > 0 {
      let header = copy.pointee.request.bytes.baseAddress.unsafelyUnwrapped
      guard
        SocketIO.send(server.pointee.connection.socket.number, from: header, count: size, more: true) == .bytes(size)
      else {
        endMirrored(handle, cause: "the PROXY header could not be sent", .connectFailures)
        return
      }
    }
    switch beginSecuring(handle, server) {
    case .inTheClear: sendMirrored(handle)
    case .failed(let cause): endMirrored(handle, cause: cause, .connectFailures)
    case .begun:
      if server.pointee.timer == .none { setMirrorDeadline(handle, copy.pointee.destination.connectNanoseconds) }
    }
  }

  /// The connection carries it: what is left are `timeouts.response`, for all of the response.
  mutating func sendMirrored(_ handle: Handle) {
    guard let server = http.servers.pointer(to: handle), let copy = http.mirrors.pointer(to: server.pointee.mirror)
    else { return }
    setMirrorDeadline(handle, copy.pointee.destination.responseNanoseconds)
    let bytes = UnsafeRawBufferPointer(rebasing: copy.pointee.request.bytes[copy.pointee.headerSize...])
    let delivery = http.buffers.send(bytes, to: &server.pointee.connection)
    // What was not taken is kept by the connection.
    copy.pointee.request.free(into: &http.buffers.blocks)
    if delivery == .failed {
      endMirrored(handle, cause: "the connection was closed before the request", .resets)
    }
  }
}
