import Base
import Reactor

/// Events on their way to whoever reads them. A reader that takes them too slowly is closed; it comes back with the number
/// of the last one that it has seen.
extension AdminLoop {
  /// From now on this connection is told of everything.
  mutating func stream(
    _ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>, after id: UInt64?
  ) {
    if connection.pointee.request?.method == .head {
      respond(handle, connection, AdminAnswer(contentType: "text/event-stream") { [] })
      return
    }
    guard streams.count < AdminLimits.streams else {
      respond(
        handle, connection,
        .error(AdminError(.unavailable, "\(AdminLimits.streams) connections read events already; close one of them")))
      return
    }
    connection.pointee.send(AdminAnswer.streamHead(now: Clock.wallNanoseconds / 1_000_000_000))
    if let id { for text in events.events(after: id) { connection.pointee.send(text) } }
    // So that whoever does not wait for new ones knows that these were all.
    connection.pointee.send(Array(": events\n\n".utf8))
    connection.pointee.phase = .streaming
    connection.pointee.input = []
    // What it has asked for is not held against it.
    connection.pointee.mostPending = connection.pointee.pending + AdminLimits.backlog
    setTimer(handle, connection, AdminLimits.heartbeat)
  }

  mutating func publish(_ event: [UInt8]) {
    for handle in streams {
      guard let connection = connections.pointer(to: handle) else { continue }
      connection.pointee.send(event)
      if connection.pointee.pending > connection.pointee.mostPending { cut(handle) } else { proceed(handle) }
    }
  }

  /// A word now and then keeps what lies between from closing the connection, and finds out who is gone.
  mutating func beat(_ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>) {
    if connection.pointee.pending > 0, connection.pointee.isStalled {
      cut(handle)
      return
    }
    connection.pointee.isStalled = connection.pointee.pending > 0
    connection.pointee.send(Array(":\n\n".utf8))
    setTimer(handle, connection, AdminLimits.heartbeat)
    proceed(handle)
  }

  private var streams: [Handle] {
    var streams: [Handle] = []
    for handle in connections.handles {
      if case .streaming = connections.pointer(to: handle)?.pointee.phase { streams.append(handle) }
    }
    return streams
  }
}
