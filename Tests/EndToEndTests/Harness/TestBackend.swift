import Foundation

/// A server inside the test: it says its name to whoever connects and then does as it was told.
final class TestBackend: Sendable {
  /// What a connection is served with, on a thread of its own. Its errors end the connection and nothing else.
  typealias Service = @Sendable (Socket) throws -> Void

  let name: String
  let address: Address
  private let backlog: Int32
  private let service: Service?
  private let state = Locked(State())

  private struct State {
    var listener: ListeningSocket?
    var acceptor: BackgroundThread?
    var connections: [ObjectIdentifier: Socket] = [:]
    /// Those that ended as streams should, not with RST or a failed call.
    var served = 0
  }

  /// - Parameter service: nil leaves connections open without a thread for each, until the backend closes.
  init(_ name: String, at address: Address, backlog: Int32 = 1024, _ service: Service? = TestBackend.echo) throws {
    self.name = name
    self.address = address
    self.backlog = backlog
    self.service = service
    try listen()
  }

  deinit { close() }

  /// Connections open now.
  var connections: Int { state.withLock { $0.connections.count } }

  /// Connections that have ended as streams should.
  var served: Int { state.withLock { $0.served } }

  /// Listens, again or for the first time.
  func listen() throws {
    let listener = try ListeningSocket(at: address, backlog: backlog)
    let (state, name, service) = (self.state, self.name, self.service)
    state.withLock { state in
      state.listener = listener
    }
    let acceptor = BackgroundThread {
      while let connection = listener.accept() { Self.serve(connection, name, service, state) }
    }
    state.withLock { $0.acceptor = acceptor }
  }

  /// Refuses new connections and goes on with those it has, as a server does that is being replaced.
  func stopListening() throws {
    let (listener, acceptor) = state.withLock { state in
      defer { state.listener = nil }
      return (state.listener, state.acceptor)
    }
    guard let listener else { return }
    listener.interrupt()
    try acceptor?.join()
    listener.close()
  }

  /// Ends everything.
  func close() {
    try? stopListening()
    state.withLock { state in
      // With a thread, it is the thread that closes; it must not find another's descriptor under the same number.
      for connection in state.connections.values { connection.interrupt() }
      if service == nil { state.connections = [:] }
    }
  }

  func waitForConnections(_ count: Int, within limit: Duration = patience) throws {
    guard state.wait(within: limit, for: { $0.connections.count == count ? true : nil }) != nil else {
      throw Failure("\(name): \(count) connections expected, there are \(connections)")
    }
  }

  private static func serve(_ connection: Socket, _ name: String, _ service: Service?, _ state: Locked<State>) {
    let id = ObjectIdentifier(connection)
    guard let service else {
      if (try? connection.send(name + "\n")) != nil { state.withLock { $0.connections[id] = connection } }
      return
    }
    state.withLock { $0.connections[id] = connection }
    _ = BackgroundThread {
      if !name.isEmpty { try? connection.send(name + "\n") }
      try? service(connection)
      connection.close()
      state.withLock { $0.connections[id] = nil }
    }
  }
}

extension TestBackend {
  /// Sends back whatever comes, and ends when the client has.
  static let echo: Service = { connection in
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      // A session may rest for as long as a test lasts.
      let count = try buffer.withUnsafeMutableBytes { try connection.receiveSome($0, Deadline(in: .seconds(600))) }
      if count == 0 { return }
      try connection.send(Array(buffer[..<count]))
    }
  }

  /// Sends so many zeros and ends.
  static func source(bytes: Int) -> Service {
    { connection in
      let chunk = [UInt8](repeating: 0, count: 65536)
      var left = bytes
      while left > 0 {
        // Whoever does not read may do so for as long as a test lasts.
        try connection.send(Array(chunk.prefix(left)), within: .seconds(600))
        left -= chunk.count
      }
    }
  }

  /// Answers with RST before a byte is read.
  static let reset: Service = { $0.reset() }
}

/// An address that completes no more connections: a server that hangs, with a full backlog.
final class HangingBackend {
  let address: Address
  private let listener: ListeningSocket
  private var fillers: [Socket] = []

  init(at address: Address) throws {
    self.address = address
    listener = try ListeningSocket(at: address, backlog: 0)
    // The kernel takes one more than the backlog says; the first that does not complete shows that it is full.
    while let filler = try? Socket(connectingTo: address, within: .milliseconds(300)) {
      fillers.append(filler)
      guard fillers.count < 16 else { throw Failure("the backlog of \(address) does not fill") }
    }
  }

  deinit { listener.interrupt() }

  /// Comes to life: serves what waits in the backlog and whatever comes.
  func recover(as name: String) {
    for filler in fillers { filler.close() }
    let listener = self.listener
    _ = BackgroundThread {
      while let connection = listener.accept() {
        _ = BackgroundThread {
          try? connection.send(name + "\n")
          try? TestBackend.echo(connection)
          connection.close()
        }
      }
    }
  }
}
