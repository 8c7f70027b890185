import Balancing
import Base
import Glibc
import Reactor
import TLS
import Testing

@testable import TCPProxy

/// Handshakes with the backends of exchanges, many at once.
@Suite struct BackendHandshakesTests {
  @Test func aTurnOfTheLoopHasAFewStepsForThem() throws {
    let tls = TestTLS()
    let peer = try tls.makePeer()
    let proxy = try Proxy([(1, peer)], isStarted: false)
    let destination = try #require(proxy.service.destination)
    var worker = try Worker(index: 0, group: proxy.group)
    let count = HandshakeTurns.stepsPerTurn * 3
    var ends: [End] = []
    for _ in 0..<count {
      var pair: [Int32] = [0, 0]
      try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
      let handle = worker.http.servers.insert(
        BackendConnection(
          backend: proxy.backends[0], destination: destination, server: Descriptor(adopting: pair[0]),
          connectStart: .zero))
      ends.append(End(Descriptor(adopting: pair[1])))
      guard let server = worker.http.servers.pointer(to: handle), case .begun = worker.beginSecuring(handle, server)
      else {
        Issue.record("TLS is not begun")
        return
      }
    }
    func begun() -> Int { ends.count { $0.wait(for: POLLIN, milliseconds: 0) } }
    #expect(begun() == 0)
    for turn in 1...3 {
      worker.turns.renew()
      worker.continueHandshakes()
      #expect(begun() == HandshakeTurns.stepsPerTurn * turn)
    }
    #expect(worker.turns.isEmpty)
    // One that has gone meanwhile takes nobody's turn.
    for handle in worker.http.servers.handles {
      guard let server = worker.http.servers.pointer(to: handle) else { continue }
      server.pointee.connection.isReadable = true
      worker.turns.renew()
      worker.continueSecuring(handle, server)
    }
    #expect(worker.turns.isEmpty)
    for handle in worker.http.servers.handles { worker.closeServer(handle) }
    #expect(proxy.admission.memoryInUse == 0)
  }

  @Test func connectionsThatWaitGoWhenDescriptorsHaveRunOut() throws {
    let proxy = try Proxy([(1, nil)], isStarted: false)
    let destination = try #require(proxy.service.destination)
    var worker = try Worker(index: 0, group: proxy.group)
    for _ in 0..<3 {
      var pair: [Int32] = [0, 0]
      try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
      close(pair[1])
      let handle = worker.http.servers.insert(
        BackendConnection(
          backend: proxy.backends[0], destination: destination, server: Descriptor(adopting: pair[0]),
          connectStart: .zero))
      guard let server = worker.http.servers.pointer(to: handle) else { continue }
      _ = worker.http.addIdle(handle, server)
    }
    worker.descriptorsExhausted(.last("accept"))
    #expect(worker.http.servers.count == 0)
    #expect(worker.http.takeIdle(proxy.backends[0]) == nil)
  }
}
