import Balancing
import Base
import HTTPCore
import HTTPProxy
import Reactor
import Routing

/// Where a request goes, and what it asks for once it is there.
extension Worker {
  enum Decision {
    case pool(Destination, HTTPRoutes.Entry?)
    case answered
  }

  /// Finds the route that takes a request; answers it where no backend has to.
  mutating func decide(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
  ) -> Decision {
    let service = client.pointee.service
    guard case .path(let path) = http.paths.normalize(head, bytes) else {
      client.pointee.service.counters.malformed.add(1, ordering: .relaxed)
      group.incidents.add(
        .badRequest, service.listener, cause: "the path is ambiguous, from \(client.pointee.name)")
      refuse(handle, client, head, 400)
      return .answered
    }
    let request = RoutedRequest(
      host: head.authority.map { bytes[$0.host] } ?? RoutedRequest.nothing, path: path,
      query: head.target.query.map { bytes[$0] } ?? RoutedRequest.nothing, method: bytes[head.methodName],
      bytes: bytes, client: http.notes.client)
    if client.pointee.http.redirectsToTLS, client.pointee.connection.tls.isEmpty {
      redirect(handle, client, head, .https, 308, request)
      return .answered
    }
    guard let routes = client.pointee.http.routes else { return pool(service.destination, nil, handle, client, head) }
    let answer: RouteTable.Answer
    if var name = client.pointee.serverName {
      answer = name.withUTF8 { name in
        var named = request
        named.serverName = UnsafeRawBufferPointer(name)
        return routes.table.find(named, fields: http.requestFields, scratch: &http.scratch)
      }
    } else {
      answer = routes.table.find(request, fields: http.requestFields, scratch: &http.scratch)
    }
    switch answer {
    case .none: return pool(service.destination, nil, handle, client, head)
    case .failed(let index):
      group.incidents.add(
        .noRoute, service.listener,
        cause: "the regular expression of routes[\(index)] takes too many steps for this request: make it simpler")
      refuse(handle, client, head, 500)
      return .answered
    case .route(let index):
      let entry = routes.entries[index]
      let settings = entry.route.settings
      if !http.isAskedAgain, let (limit, key) = settings.rateLimit, !admit(limit, key, handle, client, head, bytes) {
        return .answered
      }
      if let gate = entry.gate, case .held = authorize(gate, handle, client, head, bytes) { return .answered }
      switch settings.action {
      case .pools(let split):
        if let rewrite = settings.rewrite, !makesPath(rewrite, of: path, route: index, handle, client, head) {
          return .answered
        }
        let share = split.count == 1 ? 0 : split.share(of: random.next())
        return pool(entry.destinations[share], entry, handle, client, head)
      case .redirect(let target, let status):
        redirect(handle, client, head, target, status, request)
        return .answered
      case .respond(let response):
        respond(handle, client, head, response)
        return .answered
      }
    }
  }

  /// Whether a rewriting makes a path that can be asked for; else the request is answered. Passed on as it came, it would be
  /// another one than the route is for.
  private mutating func makesPath(
    _ rewrite: PathRewrite, of path: UnsafeRawBufferPointer, route: Int, _ handle: Handle,
    _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead
  ) -> Bool {
    guard path.first == UInt8(ascii: "/") else { return true }
    switch rewrite.apply(to: path, scratch: &http.scratch, into: &http.paths.rewritten) {
    case .rewritten, .unchanged: return true
    case .refused(let fault):
      group.incidents.add(
        .badRequest, client.pointee.service.listener,
        cause: "what routes[\(route)] makes of its path is none: \(fault), from \(client.pointee.name)")
      refuse(handle, client, head, 400)
    case .failed:
      group.incidents.add(
        .noRoute, client.pointee.service.listener,
        cause: "the rewriting of routes[\(route)] takes too many steps for this request: make it simpler")
      refuse(handle, client, head, 500)
    }
    return false
  }

  private mutating func pool(
    _ destination: Destination?, _ entry: HTTPRoutes.Entry?, _ handle: Handle,
    _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead
  ) -> Decision {
    if let destination { return .pool(destination, entry) }
    refuse(handle, client, head, 404)
    return .answered
  }

  /// - Returns: whether the request is within the limit; else it is answered.
  private mutating func admit(
    _ limit: RateLimit, _ key: Route.RateKey, _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>,
    _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    let answer: RateLimit.Answer
    if case .header(let name) = key,
      let index = name.withUnsafeBytes({ http.requestFields.index(named: $0, in: bytes) })
    {
      answer = limit.admit(bytes[http.requestFields[index].value], now: now)
    } else {
      answer = limit.admit(http.notes.client ?? .loopbackIPv4, now: now)
    }
    guard case .tooFast(let seconds) = answer else { return true }
    refuse(handle, client, head, 429, retryAfter: seconds)
    return false
  }

  private mutating func redirect(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead, _ target: RedirectTarget,
    _ status: UInt16, _ request: RoutedRequest
  ) {
    guard target.write(request, into: &http.location) else {
      refuse(handle, client, head, 400)
      return
    }
    let line = "Location: \(String(decoding: http.location, as: UTF8.self))\r\n"
    reply(handle, client, head, status, line: line, body: RoutedRequest.nothing)
  }

  private mutating func respond(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead, _ response: Route.Response
  ) {
    response.body.withUnsafeBytes { body in
      reply(handle, client, head, response.status, line: "", body: body, edits: response.fields)
    }
  }

  /// An answer without a backend, with a line of its own.
  mutating func reply(
    _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead, _ status: UInt16, line: String,
    body: UnsafeRawBufferPointer, edits: FieldEdits? = nil
  ) {
    client.pointee.owesBody = !head.framing.isEmpty
    if http.notes.access.isLogged { logRefused(client, head, .answered, status: status, sent: body.count) }
    var line = line
    line.withUTF8 { text in
      var response = LocalResponse(status: status)
      response.clientVersion = head.version
      response.edits = edits
      response.extra = UnsafeRawBufferPointer(text)
      answer(
        handle, client, response, body: body, method: head.method,
        closes: !head.keepsAlive || isLast(client) || !head.framing.isEmpty)
    }
  }

  // MARK: What the backend is asked for

  /// What a pool's scheduler hashes of a request, whose fields are in the table.
  mutating func key(of exchange: UnsafeMutablePointer<Exchange>, for destination: Destination) -> UInt64? {
    guard let kind = destination.hashKey else { return nil }
    let bytes = UnsafeRawBufferPointer(exchange.pointee.request.bytes)
    let client = exchange.pointee.notes.client
    switch kind {
    case .uri:
      guard case .path(let path) = http.paths.normalize(exchange.pointee.head, bytes) else { return 0 }
      return PickKey.of(path: path, query: exchange.pointee.head.target.query.map { bytes[$0] })
    case .header:
      let index = destination.hashName.withUnsafeBytes { http.requestFields.index(named: $0, in: bytes) }
      return PickKey.of(value: index.map { bytes[http.requestFields[$0].value] }, client: client)
    case .cookie: return PickKey.of(value: cookie(named: destination.hashName, in: bytes), client: client)
    case .serverName: return PickKey.of(client: client)
    }
  }

  /// The value of a cookie of the request, the first of its name.
  private func cookie(named name: [UInt8], in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var next = http.requestFields.index(of: .cookie, from: 0)
    while let index = next {
      if let value = CookieHeader.value(of: name, in: bytes[http.requestFields[index].value]) { return value }
      next = http.requestFields.index(of: .cookie, from: index + 1)
    }
    return nil
  }

  /// The path that a backend is asked for: nil where it stays as the client sent it.
  mutating func outgoingPath(
    _ exchange: UnsafeMutablePointer<Exchange>
  ) -> UnsafeRawBufferPointer? {
    let bytes = UnsafeRawBufferPointer(exchange.pointee.request.bytes)
    let head = exchange.pointee.head
    guard head.target.form == .origin || head.target.form == .absolute,
      case .path(let path) = http.paths.normalize(head, bytes)
    else { return nil }
    if let rewrite = exchange.pointee.route?.route.settings.rewrite,
      case .rewritten = rewrite.apply(to: path, scratch: &http.scratch, into: &http.paths.rewritten)
    {
      return http.paths.keepRewritten()
    }
    // RFC 9112, 3.2.4: what is asked of the server as a whole has no path.
    if head.target.path.isEmpty, head.method == .options, head.target.query == nil { return nil }
    return path.baseAddress == bytes[head.target.path].baseAddress ? nil : path
  }
}

/// Where paths are brought into their normal form.
struct PathRoom: ~Copyable {
  private var room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
  /// What a rewrite has made.
  var rewritten: [UInt8] = []

  enum Answer {
    /// Of the request's own bytes, or valid until the next call.
    case path(UnsafeRawBufferPointer)
    case refused(MessageFault)
  }

  deinit { room.deallocate() }

  /// What was rewritten, until the next call.
  mutating func keepRewritten() -> UnsafeRawBufferPointer {
    if rewritten.count > room.count {
      room.deallocate()
      room = .allocate(byteCount: rewritten.count, alignment: 16)
    }
    room.copyBytes(from: rewritten)
    return UnsafeRawBufferPointer(rebasing: room[..<rewritten.count])
  }

  mutating func normalize(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Answer {
    guard head.target.form == .origin || head.target.form == .absolute else { return .path(bytes[head.target.whole]) }
    let path = bytes[head.target.path]
    while true {
      switch PathNormalizer.normalize(path, into: room) {
      case .unchanged: return .path(path)
      case .normalized(let count): return .path(UnsafeRawBufferPointer(rebasing: room[..<count]))
      case .refused(let fault): return .refused(fault)
      case .needsRoom(let count):
        room.deallocate()
        room = .allocate(byteCount: count, alignment: 16)
      }
    }
  }
}
