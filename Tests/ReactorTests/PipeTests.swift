import Base
import Glibc
import Testing

@testable import Reactor

@Suite struct PipeTests {
  /// Two connections, of which the near ends are those of a proxy.
  private struct Ends: ~Copyable {
    private(set) var client: Descriptor
    let source: Descriptor
    let destination: Descriptor
    let server: Descriptor

    init() throws {
      SignalSource.ignoreBrokenPipes()
      let address = try freeAddress()
      let listening = try ListeningSocket.open(address, count: 1, backlog: 2)
      let client = try connectingSocket(to: address)
      let source = try acceptOne(listening[0])
      let destination = try connectingSocket(to: address)
      let server = try acceptOne(listening[0])
      self.client = client
      self.source = source
      self.destination = destination
      self.server = server
    }

    mutating func resetClient() {
      SocketIO.resetOnClose(client.number)
      client.close()
    }
  }

  private func makePipe() throws -> Pipe { try Pipe(capacity: 1 << 20, atLeast: 256 << 10) }

  private func send(_ bytes: [UInt8], to socket: Int32) {
    #expect(SocketIO.send(socket, from: bytes, count: bytes.count, more: false) == .bytes(bytes.count))
  }

  private func wait(_ socket: Int32, _ events: Int32 = POLLIN) throws {
    var look = pollfd(fd: socket, events: Int16(events), revents: 0)
    if poll(&look, 1, 10_000) != 1 { throw SystemError.timedOut("poll") }
  }

  private func receive(_ count: Int, from socket: Int32) throws -> [UInt8] {
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65536)
    while all.count < count {
      try wait(socket)
      guard case .bytes(let received) = SocketIO.receive(socket, into: &part, count: min(part.count, count - all.count))
      else { throw SystemError.connectionCut }
      all += part[..<received]
    }
    return all
  }

  @Test func bytesPassInTheirOrder() throws {
    let ends = try Ends()
    var pipe = try makePipe()
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    send(bytes, to: ends.client.number)
    var moved = 0
    while moved < bytes.count {
      try wait(ends.source.number)
      // Never more than was asked for.
      guard case .bytes(let count) = pipe.fill(from: ends.source.number, count: 30_000) else { break }
      let (held, left) = (pipe.held, pipe.empty(into: ends.destination.number))
      #expect(count <= 30_000 && held == count && left == 0)
      moved += count
    }
    #expect(try receive(bytes.count, from: ends.server.number) == bytes)
  }

  /// What a destination does not take stays in the pipe, in its order, and can be taken out of it.
  @Test func bytesThatAreNotTakenCanBeTakenOut() throws {
    let ends = try Ends()
    var pipe = try makePipe()
    let chunk = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 5) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var (sent, passed) = (0, 0)
    var rest: [UInt8] = []
    while rest.isEmpty, sent < 200 {
      send(chunk, to: ends.client.number)
      sent += 1
      while passed + rest.count < sent * chunk.count {
        try wait(ends.source.number)
        guard case .bytes(let count) = pipe.fill(from: ends.source.number, count: 1 << 18) else { break }
        let left = pipe.empty(into: ends.destination.number)
        passed += count - left
        if left == 0 { continue }
        try pipe.empty(into: &buffer)
        rest = Array(buffer[..<left])
        let held = pipe.held
        #expect(held == 0)
        break
      }
    }
    try #require(!rest.isEmpty)
    let heard = try receive(passed, from: ends.server.number) + rest
    let expected = (0..<sent).flatMap { _ in chunk }
    let isSame = heard == Array(expected[..<heard.count])
    #expect(isSame)
  }

  @Test func aPipeKnowsEndsAndErrors() throws {
    let ends = try Ends()
    var pipe = try makePipe()
    var transfer = pipe.fill(from: ends.source.number, count: 1000)
    #expect(transfer == .blocked)
    SocketIO.finish(ends.client.number)
    try wait(ends.source.number)
    transfer = pipe.fill(from: ends.source.number, count: 1000)
    #expect(transfer == .ended)

    // Of what cannot be spliced it says so.
    let folder = Descriptor(adopting: open("/", O_RDONLY | O_CLOEXEC))
    transfer = pipe.fill(from: folder.number, count: 1000)
    guard case .failed(let error) = transfer, error.isUnsupported else {
      Issue.record("\(transfer)")
      return
    }
  }

  @Test func aResetIsAnError() throws {
    var ends = try Ends()
    var pipe = try makePipe()
    ends.resetClient()
    try wait(ends.source.number)
    let transfer = pipe.fill(from: ends.source.number, count: 1000)
    #expect(transfer == .failed(.connectionCut))
  }

  /// Into a connection that is broken nothing goes, and nothing is lost.
  @Test func aBrokenDestinationTakesNothing() throws {
    let ends = try Ends()
    var pipe = try makePipe()
    send([1, 2, 3], to: ends.client.number)
    try wait(ends.source.number)
    let transfer = pipe.fill(from: ends.source.number, count: 1000)
    #expect(transfer == .bytes(3))
    _ = shutdown(ends.destination.number, Int32(SHUT_RDWR))
    let left = pipe.empty(into: ends.destination.number)
    #expect(left == 3)
    var buffer = [UInt8](repeating: 0, count: 3)
    try pipe.empty(into: &buffer)
    #expect(buffer == [1, 2, 3])
  }

  @Test func aKernelThatGrantsLessIsToldOf() throws {
    #expect(throws: SystemError.self) { _ = try Pipe(capacity: .init(Int32.max), atLeast: .init(Int32.max)) }
    _ = try Pipe(capacity: .init(Int32.max), atLeast: 4096)
  }
}
