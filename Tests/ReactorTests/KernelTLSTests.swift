import Base
import Glibc
import Testing

@testable import Reactor

/// On a machine with kernel TLS as on one without.
@Suite struct KernelTLSTests {
  @Test func theObstacleIsForAnOperator() {
    guard let obstacle = KernelTLS.obstacle else { return }
    #expect(obstacle.hasPrefix("not "))
  }

  /// Keys of a cipher that no kernel has: what refuses them sends as before.
  @Test func aSocketThatCannotHaveItIsAsBefore() throws {
    let address = try freeAddress()
    let listening = try ListeningSocket.open(address, count: 1, backlog: 1)
    let near = try connectingSocket(to: address)
    let far = try acceptOne(listening[0])
    try wait(near.number, POLLOUT)
    let keys = [UInt8](repeating: 0xFF, count: 40)
    let isStarted = keys.withUnsafeBytes { KernelTLS.start(near.number, keys: $0) }
    #expect(!isStarted)
    var (sent, received): (UInt8, UInt8) = (7, 0)
    #expect(SocketIO.send(near.number, from: &sent, count: 1, more: false) == .bytes(1))
    try wait(far.number, POLLIN)
    #expect(SocketIO.receive(far.number, into: &received, count: 1) == .bytes(1))
    #expect(received == 7)
  }

  /// An empty buffer takes all, a full one does not; once the socket reports itself as writable it does again.
  @Test func aBufferThatIsWritableTakesAll() throws {
    let address = try freeAddress()
    let listening = try ListeningSocket.open(address, count: 1, backlog: 1)
    let near = try connectingSocket(to: address)
    let far = try acceptOne(listening[0])
    try wait(near.number, POLLOUT)
    var room = try #require(SendRoom(of: near.number))
    #expect(room.takesAll)
    let bytes = [UInt8](repeating: 1, count: 1 << 20)
    var held = 0
    while case .bytes(let count) = bytes.withUnsafeBytes({
      SocketIO.send(near.number, from: $0.baseAddress!, count: $0.count, more: false)
    }) {
      held += count
    }
    room = try #require(SendRoom(of: near.number))
    #expect(!room.takesAll, "\(room)")
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var look = pollfd(fd: near.number, events: Int16(POLLOUT), revents: 0)
      if poll(&look, 1, 0) == 1 { break }
      try wait(far.number, POLLIN)
      if case .bytes(let count) = SocketIO.receive(far.number, into: &buffer, count: buffer.count) { held -= count }
      try #require(held >= 0)
    }
    room = try #require(SendRoom(of: near.number))
    #expect(room.takesAll, "\(room)")
  }

  private func wait(_ socket: Int32, _ events: Int32) throws {
    var look = pollfd(fd: socket, events: Int16(events), revents: 0)
    try #require(poll(&look, 1, 5000) == 1)
  }
}
