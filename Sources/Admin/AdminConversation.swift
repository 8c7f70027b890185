import Base
import HTTPCore
import Reactor

/// One request after the other, from its head to its answer.
extension AdminLoop {
  /// Does the next thing that can be done for a connection.
  /// - Returns: whether there is more.
  mutating func step(_ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>) -> Bool {
    do throws(AdminError) {
      switch connection.pointee.phase {
      case .head: return try readHead(handle, connection)
      case .body(let route, var body):
        // Out of its place while it is changed, so that its bytes are not copied.
        connection.pointee.phase = .asking
        guard try body.take(from: &connection.pointee.input, fields: &fields) else {
          connection.pointee.phase = .body(route, body)
          return false
        }
        begin(handle, connection, route, body.bytes)
        return true
      case .asking: return false
      case .writing: return write(handle, connection)
      case .streaming, .lingering:
        if connection.pointee.flush() == .broken { close(handle) }
        return false
      }
    } catch {
      // What follows a request that is not read to its end cannot be told from it.
      connection.pointee.closes = true
      respond(handle, connection, .error(error))
      return true
    }
  }

  // MARK: Reading

  /// - Returns: whether a head was there.
  private mutating func readHead(
    _ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>
  ) throws(AdminError) -> Bool {
    var progress = connection.pointee.progress
    var length = 0
    let input = connection.pointee.input
    let read = input.withUnsafeBytes { bytes -> Result<AdminRequest, AdminError>? in
      switch RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &fields) {
      case .needMore: return nil
      case .fault(let fault): return .failure(AdminError(fault))
      case .head(let head):
        length = head.length
        return Result { () throws(AdminError) in try AdminRequest(head, fields, of: bytes) }
      }
    }
    connection.pointee.progress = progress
    guard let read else { return false }
    connection.pointee.request = nil
    let request = try read.get()
    connection.pointee.input = Array(input[length...])
    connection.pointee.isFresh = false
    connection.pointee.request = request
    connection.pointee.closes = !request.keepsAlive
    let route: AdminRoute
    do throws(AdminError) {
      route = try gatekeeper.admit(request, at: connection.pointee.local)
    } catch {
      guard request.framing.isEmpty else { throw error }
      respond(handle, connection, .error(error))
      return true
    }
    let body = try RequestBody(request.framing)
    if request.expectsContinue, connection.pointee.input.isEmpty {
      connection.pointee.send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      if connection.pointee.flush() == .broken {
        close(handle)
        return false
      }
    }
    connection.pointee.phase = .body(route, body)
    return true
  }

  /// A request has come as a whole.
  private mutating func begin(
    _ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>, _ route: AdminRoute, _ body: [UInt8]
  ) {
    switch route {
    case .file(let file): respond(handle, connection, file.answer)
    case .events(let id): stream(handle, connection, after: id)
    case .task(let task):
      connection.pointee.phase = .asking
      setTimer(handle, connection, AdminLimits.answer)
      var ticket = AdminTicket(handle: handle)
      if task == .status {
        statusReaders.append(handle)
        if statusReaders.count > 1 { return }
        ticket.isShared = true
      }
      server.ask(AdminQuestion(ticket: ticket, task: task.with(body: body), peer: connection.pointee.peer))
    }
  }

  // MARK: Answering

  /// The control thread has answered.
  mutating func deliver(_ ticket: AdminTicket, _ answer: AdminAnswer) {
    guard ticket.isShared else { return deliver(ticket.handle, answer) }
    let readers = statusReaders
    statusReaders = []
    let shared = answer.made
    for reader in readers { deliver(reader, shared) }
  }

  private mutating func deliver(_ handle: Handle, _ answer: AdminAnswer) {
    guard let connection = connections.pointer(to: handle), case .asking = connection.pointee.phase else { return }
    respond(handle, connection, answer)
    proceed(handle)
  }

  mutating func respond(
    _ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>, _ answer: AdminAnswer
  ) {
    let request = connection.pointee.request
    connection.pointee.send(
      answer.written(
        isHead: request?.method == .head, version: request?.version ?? .http11,
        keepsAlive: !connection.pointee.closes, now: Clock.wallNanoseconds / 1_000_000_000))
    connection.pointee.phase = .writing
    setTimer(handle, connection, AdminLimits.writing)
  }

  /// - Returns: whether the answer is through and the next request may be read.
  private mutating func write(
    _ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>
  ) -> Bool {
    switch connection.pointee.flush() {
    case .blocked: return false
    case .broken:
      close(handle)
      return false
    case .done: break
    }
    connection.pointee.request = nil
    if connection.pointee.closes {
      // A close while something has not been read would be a reset, which may overtake the answer (RFC 9112, 9.6).
      SocketIO.finish(connection.pointee.socket.number)
      connection.pointee.phase = .lingering
      connection.pointee.input = []
      setTimer(handle, connection, AdminLimits.lingering)
      return false
    }
    connection.pointee.phase = .head
    setTimer(handle, connection, connection.pointee.input.isEmpty ? AdminLimits.idle : AdminLimits.request)
    return true
  }

  // MARK: Time

  mutating func timerFired(_ handle: Handle) {
    guard let connection = connections.pointer(to: handle) else { return }
    connection.pointee.timer = .none
    func giveUp(_ error: AdminError) {
      connection.pointee.closes = true
      respond(handle, connection, .error(error))
      proceed(handle)
    }
    switch connection.pointee.phase {
    case .head where connection.pointee.input.isEmpty: close(handle)
    case .head, .body: giveUp(AdminError(.timeout, "the request has not come within 10s"))
    case .asking:
      giveUp(AdminError(.unavailable, "the control thread has not answered within 30s; the log may say what it does"))
    case .streaming: beat(handle, connection)
    case .writing: cut(handle)
    case .lingering: close(handle)
    }
  }
}
