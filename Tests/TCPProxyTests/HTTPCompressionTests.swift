import Base
import CZlib
import Compression
import Reactor
import Testing

@testable import TCPProxy

/// Responses that are compressed as they pass.
@Suite(.timeLimit(.minutes(1)))
struct HTTPCompressionTests {
  private let server: HandServer
  private let front: Front
  private let text = String(repeating: "All work and no play makes Jack a dull boy. ", count: 2000)

  init() throws {
    server = try HandServer()
    var settings = HTTPService.Settings()
    settings.compression = HTTPCompression(try CompressibleTypes(["text/*"]), minimum: 100)
    front = try Front([server.address], http: HTTPService(settings))
  }

  /// Sends a request that is the last of its connection, and gives the backend's end of it.
  private func ask(_ accept: String?, _ client: End, version: String = "1.1", method: String = "GET") throws -> End {
    let accept = accept.map { "Accept-Encoding: \($0)\r\n" } ?? ""
    try client.send("\(method) / HTTP/\(version)\r\nHost: a\r\nConnection: close\r\n\(accept)\r\n")
    let backend = try server.accept()
    _ = try backend.receive(until: "\r\n\r\n")
    return backend
  }

  @Test func compressesAWholeResponse() throws {
    let client = try front.client()
    let backend = try ask("gzip", client)
    try backend.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nDigest: x\r\nContent-Length: \(text.utf8.count)\r\n\r\n"
    )
    try backend.send(text)
    let (head, body) = try client.receiveBytes()
    #expect(head.contains("\r\nContent-Encoding: gzip\r\n"))
    #expect(head.contains("\r\nVary: Accept-Encoding\r\n"))
    #expect(head.contains("\r\nETag: W/\"a\"\r\n"))
    #expect(head.contains("\r\nTransfer-Encoding: chunked\r\n"))
    #expect(!head.contains("Content-Length") && !head.contains("Accept-Ranges") && !head.contains("Digest"))
    #expect(body.count < text.utf8.count / 10)
    #expect(try Self.unzipped(try Self.unchunked(body)) == text)
  }

  @Test func endsWithTheConnectionOfAnOldClient() throws {
    let client = try front.client()
    let backend = try ask("gzip", client, version: "1.0")
    try backend.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    try backend.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    let (head, body) = try client.receiveBytes()
    #expect(!head.contains("Transfer-Encoding"))
    #expect(try Self.unzipped(body) == "hello world")
  }

  @Test func endsABodyThatTheBackendsCloseEnds() throws {
    let client = try front.client()
    let backend = try ask("gzip", client)
    try backend.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n\(text)")
    backend.close()
    #expect(try Self.unzipped(try Self.unchunked(client.receiveBytes().body)) == text)
  }

  @Test func letsOutWhatIsThereWhenTheBackendPauses() throws {
    let client = try front.client()
    let backend = try ask("gzip", client)
    try backend.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    var bytes: [UInt8] = []
    for event in 1...3 {
      try backend.send("8\r\nevent \(event)\n\r\n")
      let limit = Clock.now.later(10_000_000_000)
      // The backend says nothing more until the client has it.
      while try !Self.soFar(bytes).hasSuffix("event \(event)\n") {
        try #require(Clock.now < limit, "\(bytes.count) bytes came")
        bytes += client.available()
      }
    }
    try backend.send("0\r\n\r\n")
    let end = try client.receiveRest()
    #expect(try Self.unzipped(try Self.unchunked(Self.body(bytes + end))) == "event 1\nevent 2\nevent 3\n")
  }

  @Test(
    arguments: [
      (nil, "200 OK\r\nContent-Type: text/plain\r\n", true),
      ("identity", "200 OK\r\nContent-Type: text/plain\r\n", true),
      ("gzip;q=0", "200 OK\r\nContent-Type: text/plain\r\n", true),
      ("gzip", "200 OK\r\nContent-Type: image/png\r\n", false),
      ("gzip", "200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: x\r\n", false),
      ("gzip", "200 OK\r\nContent-Type: text/plain\r\nCache-Control: public, no-transform\r\n", false),
      ("gzip", "206 Partial\r\nContent-Type: text/plain\r\n", false),
      ("identity", "200 OK\r\nContent-Type: text/plain\r\nVary: *\r\n", false),
    ] as [(String?, String, Bool)])
  func leavesAlone(accept: String?, response: String, varies: Bool) throws {
    let client = try front.client()
    let backend = try ask(accept, client)
    try backend.send("HTTP/1.1 \(response)Content-Length: \(text.utf8.count)\r\n\r\n\(text)")
    let (head, body) = try client.receiveBytes()
    #expect(String(decoding: body, as: UTF8.self) == text)
    #expect(head.contains("Vary: Accept-Encoding") == varies)
  }

  /// What has no content says no length and has no tag that the content would not have.
  @Test(arguments: [
    ("HEAD", "gzip", "200 OK\r\nContent-Type: text/plain", false), ("GET", "gzip", "304 Not Modified", false),
    ("HEAD", "identity", "200 OK\r\nContent-Type: text/plain", true), ("GET", "identity", "304 Not Modified", true),
    ("HEAD", "gzip", "200 OK\r\nContent-Type: image/png", true),
  ])
  func saysOfContentOnlyWhatWouldBeSo(method: String, accept: String, response: String, isSo: Bool) throws {
    let client = try front.client()
    let backend = try ask(accept, client, method: method)
    try backend.send("HTTP/1.1 \(response)\r\nContent-Length: 500\r\nETag: \"x\"\r\n\r\n")
    let (head, body) = try client.receiveBytes()
    #expect(body.isEmpty)
    #expect(head.contains("\r\nContent-Length: 500\r\n") == isSo)
    #expect(head.contains(isSo ? "\r\nETag: \"x\"\r\n" : "\r\nETag: W/\"x\"\r\n"))
    #expect(!head.contains("Content-Encoding") && !head.contains("Transfer-Encoding"))
  }

  /// Half a response makes no whole stream of it: no last chunk, and where the end of the connection would be the end of
  /// the body, a reset.
  @Test(
    arguments: ["Content-Length: 100000\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ["1.0", "1.1"])
  func neverEndsAResponseThatWasCut(response: String, version: String) throws {
    let client = try front.client()
    let backend = try ask("gzip", client, version: version)
    try backend.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\(response)")
    backend.close()
    var all: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    var isReset = false
    reading: while client.wait(for: 1) {
      switch SocketIO.receive(client.number, into: &room, count: room.count) {
      case .bytes(let count): all += room[..<count]
      case .failed:
        isReset = true
        break reading
      case .ended, .blocked: break reading
      }
    }
    #expect(isReset)
    #expect(!all.reversed().starts(with: "0\r\n\r\n".utf8.reversed()))
  }

  // MARK: Reading

  private static func body(_ bytes: [UInt8]) throws -> [UInt8] {
    let end = try #require(bytes.indices.first { bytes[$0...].starts(with: "\r\n\r\n".utf8) })
    return Array(bytes[(end + 4)...])
  }

  /// The content that can be read of what has come.
  private static func soFar(_ bytes: [UInt8]) throws -> String {
    guard bytes.indices.contains(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) else { return "" }
    let body = try body(bytes)
    return try unzipped(try unchunked(body, whole: false), whole: false)
  }

  static func unchunked(_ bytes: [UInt8], whole: Bool = true) throws -> [UInt8] {
    var rest = bytes[...]
    var content: [UInt8] = []
    while let line = rest.firstIndex(of: 0x0D) {
      let size = try #require(Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16))
      let start = line + 2
      if size == 0 { return content }
      guard start + size <= rest.endIndex else { break }
      content += rest[start..<start + size]
      // The line end behind a chunk may come with the next one.
      rest = rest[min(start + size + 2, rest.endIndex)...]
    }
    try #require(!whole, "the body has no end")
    return content
  }

  static func unzipped(_ bytes: [UInt8], whole: Bool = true) throws -> String {
    var stream = z_stream()
    try #require(zlib_inflate_init(&stream, 15 + 16) == Z_OK)
    defer { inflateEnd(&stream) }
    var input = bytes
    var text: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    var status = Z_OK
    try input.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      while status == Z_OK {
        let produced = room.withUnsafeMutableBufferPointer { room in
          stream.next_out = room.baseAddress
          stream.avail_out = UInt32(room.count)
          status = inflate(&stream, Z_SYNC_FLUSH)
          return room.count - Int(stream.avail_out)
        }
        text += room[..<produced]
      }
      try #require(status == Z_STREAM_END || !whole && status == Z_BUF_ERROR)
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension End {
  /// What is there now.
  func available() -> [UInt8] {
    var room = [UInt8](repeating: 0, count: 1 << 16)
    guard wait(for: 1, milliseconds: 10),
      case .bytes(let count) = SocketIO.receive(number, into: &room, count: room.count)
    else { return [] }
    return Array(room[..<count])
  }

  /// Everything up to the end.
  func receiveRest() throws -> [UInt8] {
    var all: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      guard wait(for: 1) else { throw TooLate(description: "no end came behind \(all.count) bytes") }
      switch SocketIO.receive(number, into: &room, count: room.count) {
      case .bytes(let count): all += room[..<count]
      case .ended, .failed: return all
      case .blocked: continue
      }
    }
  }

  /// A response that ends with its connection.
  func receiveBytes() throws -> (head: String, body: [UInt8]) {
    let all = try receiveRest()
    let end = try #require(all.indices.first { all[$0...].starts(with: "\r\n\r\n".utf8) })
    return (String(decoding: all[..<(end + 2)], as: UTF8.self), Array(all[(end + 4)...]))
  }
}
