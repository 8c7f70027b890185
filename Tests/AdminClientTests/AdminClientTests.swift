import Base
import Glibc
import HTTPCore
import Reactor
import Testing

@testable import AdminClient

@Suite struct AdminClientTests {
  /// A server of one connection, which says something and closes, or stays silent.
  private func server(_ answer: String?, keeps: Bool = false) throws -> (AdminClient, Thread) {
    let path = "/tmp/balancer-client-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let listener = try ListeningSocket.open(.unix(path), count: 1, backlog: 1)[0]
    let thread = try Thread(name: "server") {
      defer { unlink(path) }
      let end = Clock.now + .seconds(20)
      guard SocketIO.wait(listener.number, for: .readable, until: end),
        case .accepted(let socket, _, _) = Accepting.from(listener.number)
      else { return }
      var request: [UInt8] = []
      while request.suffix(4) != [13, 10, 13, 10] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        guard SocketIO.wait(socket.number, for: .readable, until: end),
          case .bytes(let count) = SocketIO.receive(socket.number, into: &buffer, count: 4096)
        else { return }
        request += buffer[..<count]
      }
      if let answer {
        let bytes = Array(answer.utf8)
        _ = SocketIO.send(socket.number, from: bytes, count: bytes.count, more: false)
      }
      // Until the client has gone.
      if keeps { _ = SocketIO.wait(socket.number, for: .readable, until: end) }
    }
    return (AdminClient(addresses: [.unix(path)], host: "localhost", token: nil), thread)
  }

  @Test func anAnswerIsRead() throws {
    let (client, thread) = try server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    defer { thread.join() }
    #expect(try client.ask(Question(.get, "/")) == Answer(status: 200, body: Array("{}".utf8)))
  }

  @Test func aServerThatIsSilentIsGivenUp() throws {
    let (client, thread) = try server(nil, keeps: true)
    defer { thread.join() }
    #expect(throws: AdminFailure.silent(.milliseconds(50))) {
      try client.ask(Question(.get, "/"), within: .milliseconds(50))
    }
  }

  @Test func aConnectionThatEndsEarlyIsToldSo() throws {
    let (client, thread) = try server("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}")
    defer { thread.join() }
    #expect(throws: AdminFailure.cut(nil)) { try client.ask(Question(.get, "/")) }
  }

  @Test func nobodyThere() {
    let client = AdminClient(addresses: [.unix("/tmp/balancer-client-nobody")], host: "localhost", token: nil)
    #expect(throws: AdminFailure.unreachable(SystemError("connect", ENOENT))) {
      try client.ask(Question(.get, "/"))
    }
    #expect(AdminFailure.unreachable(SystemError("connect", ENOENT)).description.contains("ENOENT"))
  }

  @Test func theNextAddressIsTried() throws {
    let (there, thread) = try server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    defer { thread.join() }
    let client = AdminClient(
      addresses: [.unix("/tmp/balancer-client-nobody")] + there.addresses, host: "localhost", token: nil)
    #expect(try client.ask(Question(.get, "/")).status == 200)
  }

  @Test func eventsAreFollowedUntilThatIsEnough() throws {
    let (client, thread) = try server(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\nevent: a\ndata: {}\n\n: all\n\nid: 2\ndata: {}\n\n",
      keeps: true)
    defer { thread.join() }
    var seen: [EventStream.Item] = []
    let answer = try client.follow(Question(.get, "/")) { item in
      seen.append(item)
      return item != .comment("all")
    }
    #expect(answer == nil)
    #expect(seen == [.event(EventStream.Event(id: "1", name: "a", data: "{}")), .comment("all")])
  }

  @Test func aRefusalIsNoStream() throws {
    let (client, thread) = try server("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}")
    defer { thread.join() }
    #expect(try client.follow(Question(.get, "/")) { _ in true }?.status == 401)
  }
}
