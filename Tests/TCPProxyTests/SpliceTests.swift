import Base
import Glibc
import Reactor
import Testing

@testable import TCPProxy

/// What a worker does with one burst of a bulk flow.
@Suite struct SpliceTests {
  /// A worker that the test runs, and pairs of sockets before it.
  private let proxy: Proxy

  init() throws {
    SignalSource.ignoreBrokenPipes()
    proxy = try Proxy([(1, nil)], isStarted: false)
  }

  /// A connection over TCP, or a pair of unix sockets.
  private func pair(unix: Bool = false) throws -> (End, End) {
    if unix {
      var pair: [Int32] = [0, 0]
      try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
      return (End(Descriptor(adopting: pair[0])), End(Descriptor(adopting: pair[1])))
    }
    let server = try HandServer()
    let client = try End(connectingTo: server.address)
    return (client, try server.accept(1)[0])
  }

  private static let burst = Int(Flow.largestReadSize)

  private func bulkFlow() -> Flow {
    var flow = Flow()
    flow.readSize = Flow.largestReadSize
    flow.isBulk = true
    return flow
  }

  private func bytes(_ seed: UInt64, _ count: Int = burst) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  /// Sends as much as the connection takes.
  private func fill(_ end: End, _ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count,
      case .bytes(let count) = bytes.withUnsafeBytes({
        SocketIO.send(end.number, from: $0.baseAddress! + sent, count: $0.count - sent, more: false)
      })
    { sent += count }
    return sent
  }

  private func receive(_ end: End, _ count: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65536)
    while all.count < count {
      guard end.wait(for: POLLIN),
        case .bytes(let received) = SocketIO.receive(end.number, into: &part, count: part.count)
      else { throw TooLate(description: "\(all.count) bytes came instead of \(count)") }
      all += part[..<received]
    }
    return all
  }

  @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
  func bytesPassWithoutComingIntoTheProgram(fromUnix: Bool, toUnix: Bool) throws {
    var worker = try Worker(index: 0, group: proxy.group)
    let (client, source) = try pair(unix: fromUnix)
    let (destination, server) = try pair(unix: toUnix)
    memset(worker.buffer, 0xEE, Self.burst)
    var flow = bulkFlow()
    let sent = bytes(1, 100_000)
    #expect(fill(client, sent) == sent.count)
    var moved = 0
    while moved < sent.count {
      try #require(source.wait(for: POLLIN))
      #expect(worker.splice(&flow, from: source.number, to: destination.number) == .short)
      moved = flow.bytes
      flow.isBulk = true
    }
    let heard = try receive(server, sent.count)
    #expect(heard == sent)
    let isUntouched = (0..<Self.burst).allSatisfy { worker.buffer.load(fromByteOffset: $0, as: UInt8.self) == 0xEE }
    #expect(isUntouched)
    // Alone in its turn, a little more ends the bulk, and so does nothing.
    for message in ["!", ""] {
      flow.isBulk = true
      if !message.isEmpty {
        try client.send(message)
        try #require(source.wait(for: POLLIN))
      }
      let burst = worker.splice(&flow, from: source.number, to: destination.number)
      #expect(burst == (message.isEmpty ? .nothing : .short))
      let isBulk = flow.isBulk
      #expect(!isBulk)
    }
    #expect(try receive(server, 1) == Array("!".utf8))
  }

  /// What a full destination does not take is in the flow's spill, and counted; the next flow gets its own bytes alone.
  @Test func aFullDestinationHoldsUpNobodyElse() throws {
    var worker = try Worker(index: 0, group: proxy.group)
    let (client, source) = try pair()
    let (destination, server) = try pair()
    var flow = bulkFlow()
    let sent = bytes(2, 16 << 20)
    var (place, outcome) = (0, Worker.Burst.nothing)
    while outcome != .stopped, place < sent.count {
      place += fill(client, Array(sent[place..<min(place + Self.burst, sent.count)]))
      while source.wait(for: POLLIN, milliseconds: 0), outcome != .stopped {
        outcome = worker.splice(&flow, from: source.number, to: destination.number)
      }
    }
    #expect(outcome == .stopped)
    let held = Array(flow.spill.remaining)
    #expect(!held.isEmpty && held.count <= Self.burst)
    #expect(proxy.admission.memoryInUse == held.count)
    let (isBulk, passed) = (flow.isBulk, flow.bytes)
    #expect(!isBulk)

    let (otherClient, otherSource) = try pair()
    let (otherDestination, otherServer) = try pair()
    var other = bulkFlow()
    try otherClient.send("something else")
    try #require(otherSource.wait(for: POLLIN))
    #expect(worker.splice(&other, from: otherSource.number, to: otherDestination.number) == .short)
    #expect(try receive(otherServer, 14) == Array("something else".utf8))
    #expect(!otherServer.wait(for: POLLIN, milliseconds: 0))

    let isSame = try receive(server, passed) + held == Array(sent[..<(passed + held.count)])
    #expect(isSame)
    _ = proxy.admission.free(held.count)
  }

  @Test func brokenSidesAreToldOf() throws {
    var worker = try Worker(index: 0, group: proxy.group)
    let (client, source) = try pair()
    let (destination, server) = try pair()
    var flow = bulkFlow()
    try client.send("lost")
    try #require(source.wait(for: POLLIN))
    server.reset()
    try #require(destination.wait(for: POLLIN))
    #expect(worker.splice(&flow, from: source.number, to: destination.number) == .destinationFailed)
    let (isHolding, bytes) = (flow.spill.isHolding, flow.bytes)
    #expect(!isHolding && bytes == 0)
    client.reset()
    try #require(source.wait(for: POLLIN))
    #expect(worker.splice(&flow, from: source.number, to: destination.number) == .sourceFailed)
    // What was lost is nobody's.
    let (next, nextSource) = try pair()
    let (nextDestination, nextServer) = try pair()
    try next.send("found")
    try #require(nextSource.wait(for: POLLIN))
    #expect(worker.splice(&flow, from: nextSource.number, to: nextDestination.number) == .short)
    #expect(try nextServer.receive() == "found")
  }

  /// Where the kernel does not do it the buffer relays, and it is tried again in a second.
  @Test func whatCannotBeSplicedIsRelayed() throws {
    var splicing = Splicing()
    let folder = Descriptor(adopting: open("/", O_RDONLY | O_CLOEXEC))
    let (client, source) = try pair()
    try client.send("ping")
    try #require(source.wait(for: POLLIN))
    let start = Instant(nanoseconds: 1_000)
    #expect(splicing.fill(from: folder.number, count: 8, now: start) == .blocked)
    #expect(splicing.fill(from: source.number, count: 8, now: start.later(999_999_999)) == .blocked)
    #expect(splicing.fill(from: source.number, count: 8, now: start.later(1_000_000_000)) == .bytes(4))
  }
}
