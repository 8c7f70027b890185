import Base
import Glibc
import Testing

@testable import Reactor

@Suite(.serialized)
struct PollerTests {
  @Test
  func eventsCarryTheirToken() throws {
    let address = try freeAddress()
    let listener = try ListeningSocket.open(address, count: 1, backlog: 16)[0]
    let poller = try Poller()
    try poller.add(listener.number, .readable, token: 0xDEAD_BEEF_0000_0001)
    #expect(poller.wait(timeout: 0) == 0)
    let client = try connectingSocket(to: address)
    #expect(poller.wait(timeout: 5000) == 1)
    #expect(poller.event(at: 0).token == 0xDEAD_BEEF_0000_0001)
    #expect(poller.event(at: 0).readiness == .readable)
    poller.remove(listener.number)
    #expect(poller.wait(timeout: 0) == 0)
    _ = consume client
  }

  @Test
  func whatIsForgottenWasNeverReported() throws {
    let address = try freeAddress()
    let listener = try ListeningSocket.open(address, count: 1, backlog: 16)[0]
    defer { _ = listener }
    let first = try connectingSocket(to: address)
    let second = try connectingSocket(to: address)
    let poller = try Poller()
    try poller.add(first.number, .everyEdge, token: 0)
    try poller.add(second.number, .everyEdge, token: 1)
    #expect(poller.wait(timeout: 5000) == 2)
    poller.forget(1)
    for index in 0..<2 {
      let (token, readiness) = poller.event(at: index)
      #expect(readiness.isEmpty == (token == 1))
    }
  }

  @Test
  func aChangedTokenIsReportedAtOnce() throws {
    let address = try freeAddress()
    let listener = try ListeningSocket.open(address, count: 1, backlog: 16)[0]
    let client = try connectingSocket(to: address)
    let server = try acceptOne(listener)
    let poller = try Poller()
    try poller.add(client.number, .everyEdge, token: 1)
    #expect(SocketIO.send(server.number, from: [7], count: 1, more: false) == .bytes(1))
    // Until both edges are spent.
    var seen: Readiness = []
    while !seen.contains([.readable, .writable]), poller.wait(timeout: 5000) == 1 {
      seen.formUnion(poller.event(at: 0).readiness)
    }
    #expect(poller.wait(timeout: 0) == 0)
    try poller.change(client.number, .everyEdge, token: 2)
    #expect(poller.wait(timeout: 5000) == 1)
    #expect(poller.event(at: 0).token == 2)
    #expect(poller.event(at: 0).readiness.contains([.readable, .writable]))
  }

  @Test
  func anEndBehindBytesIsSeen() throws {
    let address = try freeAddress()
    let listener = try ListeningSocket.open(address, count: 1, backlog: 16)[0]
    let kept = try connectingSocket(to: address)
    let server = try acceptOne(listener)
    #expect(SocketIO.send(server.number, from: [7], count: 1, more: false) == .bytes(1))
    var look = pollfd(fd: kept.number, events: Int16(POLLIN), revents: 0)
    #expect(poll(&look, 1, 5000) == 1)
    let before = SocketIO.isKeptByPeer(kept.number)
    #expect(before)
    SocketIO.finish(server.number)
    look.events = Int16(Readiness.peerFinished.rawValue)
    #expect(poll(&look, 1, 5000) == 1)
    let after = SocketIO.isKeptByPeer(kept.number)
    #expect(!after)
  }

  @Test
  func aTimeoutIsNeverShorterThanItsDeadline() {
    let now = Instant(nanoseconds: 5_000_000_000)
    #expect(Poller.timeout(until: nil, now: now) == -1)
    #expect(Poller.timeout(until: now, now: now) == 0)
    #expect(Poller.timeout(until: now + .nanoseconds(1), now: now) == 1)
    #expect(Poller.timeout(until: now + .milliseconds(20), now: now) == 20)
    #expect(Poller.timeout(until: Instant(nanoseconds: .max), now: now) == .max)
  }

  @Test
  func aResetIsAnError() throws {
    let address = try freeAddress()
    let listener = try ListeningSocket.open(address, count: 1, backlog: 16)[0]
    let client = try connectingSocket(to: address)
    var server = try acceptOne(listener)
    let poller = try Poller()
    try poller.add(client.number, .everyEdge, token: 7)
    #expect(poller.wait(timeout: 5000) == 1)
    SocketIO.resetOnClose(server.number)
    server.close()
    #expect(poller.wait(timeout: 5000) == 1)
    #expect(poller.event(at: 0).readiness.isSuperset(of: [.error, .hungUp]))
    var byte: UInt8 = 0
    #expect(SocketIO.receive(client.number, into: &byte, count: 1) == .failed(SystemError("recv", ECONNRESET)))
    #expect(SocketIO.send(client.number, from: &byte, count: 1, more: false) == .failed(SystemError("send", EPIPE)))
  }

  @Test
  func aRefusedConnectSaysSo() throws {
    let address = try freeAddress()
    let socket = try connectingSocket(to: address)
    let poller = try Poller()
    try poller.add(socket.number, .everyEdge, token: 1)
    #expect(poller.wait(timeout: 5000) == 1)
    #expect(SocketIO.takeError(of: socket.number, "connect")?.name == "ECONNREFUSED")
  }
}
