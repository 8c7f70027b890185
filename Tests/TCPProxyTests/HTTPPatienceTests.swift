import Balancing
import Base
import Glibc
import Reactor
import Testing

@testable import TCPProxy

/// How long clients have, for what they are to read and for all they do.
@Suite(.timeLimit(.minutes(1)))
struct HTTPPatienceTests {
  @Test func cutsWhoeverDoesNotReadAResponse() throws {
    let server = try HandServer()
    let front = try Front([server.address], http: HTTPService(), service: { $0.clientIdle = .milliseconds(100) })
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    fill(backend)
    // Nothing is asked of it, so only an error or a hang-up wakes it.
    #expect(client.wait(for: 0), "the client was to be cut off")
  }

  @Test func letsAClientReadAsSlowlyAsItLikes() throws {
    let server = try HandServer()
    let front = try Front([server.address], http: HTTPService()) { $0.serverIdle = .seconds(2) }
    let client = try front.client()
    try client.send("GET / HTTP/1.0\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    let size = fill(backend)
    // Another response stands still for longer than a backend may, and begins to only now.
    let other = try front.client()
    try other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let silent = try server.accept()
    _ = try silent.receive(until: "\r\n\r\n")
    try silent.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    _ = try other.receive(until: "\r\n\r\n")
    #expect(try other.receive() == "")
    backend.close()
    var count = 0
    while true {
      let part = try client.receive()
      if part.isEmpty { break }
      count += part.utf8.filter { $0 == UInt8(ascii: "#") }.count
    }
    #expect(count == size)
  }

  @Test(arguments: [false, true])
  func endsAClientWhoseTimeIsOver(isServed: Bool) throws {
    let server = try HandServer()
    let front = try Front([server.address], http: HTTPService(), service: { $0.session = .milliseconds(200) })
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    // Two lives after the client's begin, one after the other, are longer than one.
    for _ in 0..<2 where isServed {
      let clock = try front.client()
      try clock.send("OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let other = try server.accept()
      _ = try other.receive(until: "\r\n\r\n")
      try other.send("HTTP/1.1 204 No Content\r\n\r\n")
      _ = try clock.receive(until: "\r\n\r\n")
      #expect(try clock.receive() == "")
      other.close()
    }
    try backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!")
    let response = try client.receive(until: "!")
    if isServed { #expect(response.contains("Connection: close\r\n")) }
    #expect(try client.receive() == "")
  }

  @Test func endsASwitchedConnectionWhoseTimeIsOver() throws {
    let server = try HandServer()
    let front = try Front([server.address], http: HTTPService(), service: { $0.session = .milliseconds(200) })
    let client = try front.client()
    try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    try backend.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nhello")
    #expect(try client.receive(until: "hello").hasPrefix("HTTP/1.1 101 "))
    #expect(try client.receive() == "")
    #expect(try backend.receive() == "")
  }

  /// Sends until nobody takes more for a while.
  /// - Returns: bytes.
  @discardableResult
  private func fill(_ end: End) -> Int {
    let bytes = [UInt8](repeating: UInt8(ascii: "#"), count: 256 << 10)
    var sum = 0
    while end.wait(for: POLLOUT, milliseconds: 1000) {
      guard case .bytes(let count) = SocketIO.send(end.number, from: bytes, count: bytes.count, more: false) else {
        break
      }
      sum += count
    }
    return sum
  }
}
