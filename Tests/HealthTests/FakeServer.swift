import Base
import Glibc
import Synchronization

@testable import Reactor

/// A server on a thread of its own that does with each connection, one after the other, what it is told.
final class FakeServer: Sendable {
  let address: SocketAddress
  private let listener: SharedDescriptor
  private let thread: Thread
  private let counter = Counter()

  private final class Counter: Sendable { let value = Atomic<Int>(0) }

  /// - Parameter serve: with the number of the connection, the first of which is 0. Blocks as long as it likes, up to
  ///   the five seconds that each call on the socket has.
  init(_ serve: @escaping @Sendable (FakeConnection, Int) -> Void) throws {
    let listener = try ListeningSocket.open(.ip(.loopbackIPv4, port: 0), count: 1, backlog: 64)[0]
    var raw = RawAddress()
    _ = raw.withMutableSockaddr { getsockname(listener.number, $0, $1) }
    address = raw.address!
    self.listener = listener
    let counter = self.counter
    thread = try Thread(name: "fake server") {
      while true {
        var wait = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
        _ = poll(&wait, 1, -1)
        let number = accept(listener.number, nil, nil)
        if number < 0, errno == EAGAIN { continue }
        if number < 0 { return }
        serve(FakeConnection(number), counter.value.add(1, ordering: .relaxed).oldValue)
      }
    }
  }

  /// Connections so far.
  var connections: Int { counter.value.load(ordering: .relaxed) }

  deinit {
    shutdown(listener.number, Int32(SHUT_RDWR))
    thread.join()
  }
}

/// A connection of the server, closed when it is let go.
final class FakeConnection {
  private let number: Int32

  init(_ number: Int32) {
    self.number = number
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  deinit { close(number) }

  /// What comes next; nothing at the end.
  func receive() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(number, &buffer, buffer.count, 0)
    return Array(buffer[..<max(0, count)])
  }

  /// - Parameter pieces: the answer is sent in pieces of this size, each on its own.
  /// - Returns: false where the other end has gone.
  @discardableResult
  func send(_ bytes: [UInt8], pieces: Int = .max) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(pieces))
      rest = rest.dropFirst(piece.count)
      if Glibc.send(number, piece, piece.count, Int32(MSG_NOSIGNAL)) < 0 { return false }
    }
    return true
  }

  @discardableResult
  func send(_ text: String, pieces: Int = .max) -> Bool { send(Array(text.utf8), pieces: pieces) }

  /// Closes with RST.
  func reset() { SocketIO.resetOnClose(number) }
}
