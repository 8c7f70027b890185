import Base
import Reactor
import TLS

/// One connection as HTTP uses it, to a client or to a backend. At rest it owns no memory but this.
struct Connection: ~Copyable {
  var socket: Descriptor
  /// The engine, where TLS is spoken.
  var tls = Box<TLSSide>()
  /// Read, and not used yet: the beginning of a head, or what came behind a message.
  var unread = HeldBytes()
  /// Written, and not taken by the socket yet. While it holds bytes, whoever feeds it is not read.
  var unsent = HeldBytes()
  /// What is unread has not been looked at as it is.
  var hasNews = false
  /// An edge has come that no read has answered: the socket may have bytes.
  var isReadable = false
  /// The peer has announced its end: what is in the socket is all that will come.
  var isFinished = false
  /// A read that comes back short may not have emptied the socket.
  var isThorough = false
  /// Where its bytes are counted.
  var meters = MeterRows()
  /// It leads to a backend.
  var isBackend = false
  /// Bytes read and written, without TLS.
  var received = 0
  var sent = 0
  /// Its name in the poller while that does not tell when the socket has room: see `HTTPBuffers.awaitRoom`. 0 when it does.
  var readingToken: UInt64 = 0

  init(_ socket: consuming Descriptor) { self.socket = socket }

  @inline(__always)
  mutating func notice(_ readiness: Readiness) {
    if readiness.contains(.peerFinished) { isFinished = true }
    if !readiness.isDisjoint(with: [.error, .urgent]) { isThorough = true }
    if !readiness.isDisjoint(with: [.readable, .peerFinished, .hungUp, .error]) { isReadable = true }
  }

  @inline(__always)
  mutating func count(received count: Int) {
    received &+= count
    meters.add(count, to: isBackend ? .bytesToClients : .bytesToBackends)
  }

  @inline(__always)
  mutating func count(sent count: Int) {
    sent &+= count
    meters.add(count, to: isBackend ? .bytesToBackends : .bytesToClients)
  }

  /// Why TLS is over with the peer, which is `broken`.
  mutating func takeTLSFailure() -> TLSFailure? { tls.pointer?.pointee.engine.inputEnded() }

  /// The peer has ended and everything it sent is read.
  var isExhausted: Bool { isFinished && !isReadable }
}

enum Reception {
  /// What is unread and what has come, at `HTTPBuffers.input`.
  case bytes(Int)
  case blocked
  case ended
  case failed(SystemError)
  /// The peer has left the rules of TLS, sent a fatal alert, or its stream was cut: see `Connection.takeTLSFailure`.
  case broken
}

enum Delivery {
  /// The socket has taken all of it.
  case sent
  /// The socket is full: the rest is in `unsent`.
  case held
  case failed
}

/// Where a worker reads and writes HTTP, for all connections in turn. The system gives the memory with the first use.
struct HTTPBuffers: ~Copyable {
  /// Before what is read, for a head that is written anew: most are not longer than what they replace and this.
  static let headroom = 16 << 10
  static let readSize = Int(Flow.largestReadSize)
  /// Behind what is read, for the end of a body.
  static let tailroom = 64

  private let memory: UnsafeMutableRawPointer
  /// Where heads are written.
  private(set) var head: UnsafeMutableRawBufferPointer
  var blocks = BlockPool()
  /// What encoders make of a body, behind room for a head: there with the first that is compressed.
  private var encoded = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  static let encodedSize = 64 << 10
  /// Ciphertext, in and out.
  let tls = TLSBuffers()
  /// Where connections are watched.
  var poller: Poller.Reference?
  /// The clock as of the last wake-up, for the sizes of records.
  var encryptionTime = Instant.zero

  init() {
    memory = .allocate(
      byteCount: Self.headroom + Self.readSize + HTTPService.mostHeader + Self.tailroom, alignment: 4096)
    head = .allocate(byteCount: 64 << 10, alignment: 4096)
  }

  deinit {
    memory.deallocate()
    head.deallocate()
    encoded.deallocate()
  }

  mutating func takeEncoded() -> UnsafeMutableRawBufferPointer {
    if encoded.baseAddress == nil {
      encoded = .allocate(byteCount: Self.headroom + Self.encodedSize + Self.tailroom, alignment: 4096)
    }
    return encoded
  }

  @inline(__always)
  var input: UnsafeMutableRawPointer { memory + Self.headroom }

  @inline(__always)
  func received(_ count: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: input, count: count)
  }

  /// Makes room for a head that does not fit.
  /// - Parameter keeping: bytes at its start that are kept.
  mutating func growHead(to count: Int, keeping: Int = 0) {
    guard count > head.count else { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, head.count * 2), alignment: 4096)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: head[..<keeping]))
    head.deallocate()
    head = larger
  }

  /// Reads what has come, behind what is unread; that is then no longer in the connection.
  /// - Parameter atMost: bytes that one read takes.
  mutating func receive(_ connection: UnsafeMutablePointer<Connection>, atMost: Int = Self.readSize) -> Reception {
    var kept = 0
    if !connection.pointee.unread.isEmpty {
      kept = connection.pointee.unread.count
      input.copyMemory(
        from: UnsafeRawPointer(connection.pointee.unread.bytes.baseAddress.unsafelyUnwrapped), byteCount: kept)
      if connection.pointee.hasNews {
        connection.pointee.hasNews = false
        connection.pointee.unread.free(into: &blocks)
        return .bytes(kept)
      }
    }
    guard connection.pointee.isReadable else { return .blocked }
    if let side = connection.pointee.tls.pointer { return receive(connection, side, kept: kept, atMost: atMost) }
    switch SocketIO.receive(connection.pointee.socket.number, into: input + kept, count: atMost) {
    case .bytes(let count):
      connection.pointee.count(received: count)
      // A short read has emptied the socket, so the next edge will tell of more; but not of an end that came with it.
      if count < atMost, !connection.pointee.isThorough, !connection.pointee.isFinished {
        connection.pointee.isReadable = false
      }
      if kept > 0 { connection.pointee.unread.free(into: &blocks) }
      return .bytes(kept + count)
    case .blocked:
      connection.pointee.isReadable = false
      return .blocked
    case .ended:
      connection.pointee.isReadable = false
      connection.pointee.isFinished = true
      return .ended
    case .failed(let error):
      connection.pointee.isReadable = false
      return .failed(error)
    }
  }

  /// Keeps what could not be used yet.
  mutating func keep(_ bytes: UnsafeRawBufferPointer, of connection: UnsafeMutablePointer<Connection>, isNews: Bool) {
    if bytes.isEmpty { return }
    connection.pointee.unread.append(bytes, from: &blocks)
    connection.pointee.hasNews = isNews
  }

  /// Writes behind what is unsent.
  /// - Parameter more: something follows at once, be it the end.
  mutating func send(
    _ bytes: UnsafeRawBufferPointer, to connection: UnsafeMutablePointer<Connection>, more: Bool = false
  ) -> Delivery {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return connection.pointee.unsent.isEmpty ? .sent : .held }
    connection.pointee.count(sent: bytes.count)
    if let side = connection.pointee.tls.pointer { return send(bytes, to: connection, side, more: more) }
    return write(base, bytes.count, to: connection, more: more)
  }

  /// Writes bytes as they are.
  mutating func write(
    _ base: UnsafeRawPointer, _ count: Int, to connection: UnsafeMutablePointer<Connection>, more: Bool
  ) -> Delivery {
    let bytes = UnsafeRawBufferPointer(start: base, count: count)
    var sent = 0
    if connection.pointee.unsent.isEmpty {
      switch SocketIO.send(connection.pointee.socket.number, from: base, count: count, more: more) {
      case .bytes(let count): sent = count
      case .blocked, .ended: break
      case .failed: return .failed
      }
      if sent == bytes.count { return .sent }
    }
    connection.pointee.unsent.append(UnsafeRawBufferPointer(rebasing: bytes[sent...]), from: &blocks)
    return awaitRoom(connection) ? .held : .failed
  }

  /// From now on the poller tells when the socket has room. Most clients take every response at once: to be told from the
  /// beginning on would be a wake-up for each that connects, before it has asked for anything.
  private func awaitRoom(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
    let token = connection.pointee.readingToken
    if token == 0 { return true }
    connection.pointee.readingToken = 0
    // It tells at once if there is room by now.
    return (try? poller?.change(connection.pointee.socket.number, .everyEdge, token: token)) != nil
  }

  /// Writes what is unsent.
  mutating func flush(_ connection: UnsafeMutablePointer<Connection>) -> Delivery {
    while !connection.pointee.unsent.isEmpty {
      let rest = connection.pointee.unsent.bytes
      switch SocketIO.send(
        connection.pointee.socket.number, from: UnsafeRawPointer(rest.baseAddress.unsafelyUnwrapped),
        count: rest.count, more: false)
      {
      case .bytes(let count): connection.pointee.unsent.removeFirst(count, into: &blocks)
      case .blocked, .ended: return .held
      case .failed: return .failed
      }
    }
    return .sent
  }

  /// Gives back what a connection that is over holds.
  mutating func forget(_ connection: UnsafeMutablePointer<Connection>) {
    connection.pointee.unread.free(into: &blocks)
    connection.pointee.unsent.free(into: &blocks)
  }
}
