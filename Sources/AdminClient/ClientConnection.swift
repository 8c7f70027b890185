import Base
import Reactor

/// One connection to the admin server, used by one thread, which waits.
struct ClientConnection: ~Copyable {
  private let socket: Descriptor
  private static let readSize = 64 << 10

  /// Connects to the first of these that lets it.
  init(to addresses: [SocketAddress], until deadline: Instant) throws(AdminFailure) {
    var failure = SystemError.timedOut("connect")
    for address in addresses {
      switch Self.connect(address, deadline) {
      case .success(let number):
        socket = Descriptor(adopting: number)
        return
      case .failure(let error): failure = error
      }
    }
    throw .unreachable(failure)
  }

  private static func connect(_ address: SocketAddress, _ deadline: Instant) -> Result<Int32, SystemError> {
    switch Connecting.to(address) {
    case .connected(let socket): return .success(socket.release())
    case .failed(let error): return .failure(error)
    case .underway(let socket):
      guard SocketIO.wait(socket.number, for: .writable, until: deadline) else { return .failure(.timedOut("connect")) }
      if let error = SocketIO.takeError(of: socket.number, "connect") { return .failure(error) }
      return .success(socket.release())
    }
  }

  borrowing func send(_ bytes: [UInt8], until deadline: Instant, _ limit: Duration) throws(AdminFailure) {
    var sent = 0
    while sent < bytes.count {
      let transfer = bytes.withUnsafeBytes { bytes in
        SocketIO.send(socket.number, from: bytes.baseAddress! + sent, count: bytes.count - sent, more: false)
      }
      switch transfer {
      case .bytes(let count): sent += count
      case .blocked:
        guard SocketIO.wait(socket.number, for: .writable, until: deadline) else { throw .silent(limit) }
      // A server that refuses a request early may have answered before it closed.
      case .ended, .failed: return
      }
    }
  }

  /// Reads once, after waiting for it.
  borrowing func receive(
    into reader: inout AnswerReader, until deadline: Instant, _ limit: Duration
  ) throws(AdminFailure) {
    guard SocketIO.wait(socket.number, for: .readable, until: deadline) else { throw .silent(limit) }
    var transfer = Transfer.blocked
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.readSize) { buffer, count in
      transfer = SocketIO.receive(socket.number, into: buffer.baseAddress!, count: buffer.count)
      if case .bytes(let received) = transfer { count = received }
    }
    switch transfer {
    case .bytes: try reader.take(bytes)
    case .blocked: break
    case .ended: if !reader.end() { throw .cut(nil) }
    case .failed(let error): throw .cut(error)
    }
  }
}
