import Foundation

/// One end of a connection that speaks HTTP in the hands of a test: it sends exact bytes and reads message by message.
final class Wire: @unchecked Sendable {
  let socket: Socket
  private var unread: [UInt8] = []

  init(_ socket: Socket) { self.socket = socket }

  convenience init(connectingTo address: Address, receiveBuffer: Int32? = nil) throws {
    self.init(try Socket(connectingTo: address, receiveBuffer: receiveBuffer))
  }

  deinit { socket.close() }

  func send(_ text: String) throws { try socket.send(text) }
  func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }
  func close() { socket.close() }

  /// Sends bytes in several writes, so that they may be read in as many.
  func send(_ bytes: [UInt8], cutAt places: some Sequence<Int>) throws {
    var start = 0
    for end in places where end > start && end < bytes.count {
      try send(Array(bytes[start..<end]))
      sched_yield()
      start = end
    }
    try send(Array(bytes[start...]))
  }

  /// Reads more; false at the end of the stream.
  private func more() throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = try buffer.withUnsafeMutableBytes { try socket.receiveSome($0, Deadline(in: patience)) }
    unread += buffer[..<count]
    return count > 0
  }

  private func take(first count: Int) -> [UInt8] {
    defer { unread.removeFirst(count) }
    return Array(unread.prefix(count))
  }

  /// Exactly so many bytes.
  func take(_ count: Int) throws -> [UInt8] {
    while unread.count < count {
      guard try more() else { throw Failure("\(unread.count) of \(count) bytes came before the end") }
    }
    return take(first: count)
  }

  /// What is there, at least a byte.
  func takeSome(atMost count: Int) throws -> [UInt8] {
    if unread.isEmpty, try !more() { throw Failure("the end came too early") }
    return take(first: min(count, unread.count))
  }

  /// What comes up to `text` and with it; nil when the stream ends before the first byte.
  func take(until text: String) throws -> String? {
    let end = Array(text.utf8)
    var searched = 0
    while true {
      if let range = unread[searched...].firstRange(of: end) { return Self.text(take(first: range.upperBound)) }
      searched = max(0, unread.count - end.count + 1)
      guard try more() else {
        if unread.isEmpty { return nil }
        throw Failure("the end came behind \(Self.text(unread).debugDescription)")
      }
    }
  }

  /// All that comes, to the end of the stream or to its reset.
  func rest() -> String {
    while (try? more()) == true {}
    return Self.text(take(first: unread.count))
  }

  /// That nothing comes but an end.
  func expectEnd() throws {
    guard unread.isEmpty else { throw Failure("more came: \(Self.text(unread).debugDescription)") }
    _ = try socket.waitForEnd()
  }

  /// Whether something came that was not taken, without waiting.
  var hasNews: Bool {
    var look = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
    return !unread.isEmpty || poll(&look, 1, 0) == 1
  }

  /// Text of which each character is a byte.
  static func text(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ $0 < 128 }) { return String(decoding: bytes, as: UTF8.self) }
    var text = ""
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    return text
  }
}

/// An HTTP message as a test sees it.
struct Message: CustomStringConvertible {
  /// The whole head, with its empty line.
  var head: String
  var body: [UInt8] = []
  /// Field lines behind the last chunk.
  var trailers: [String] = []
  var hasEnded = false

  var firstLine: String { String(head.prefix { $0 != "\r\n" }) }
  var text: String { Wire.text(body) }
  /// 0 for a request.
  var status: Int { firstLine.hasPrefix("HTTP/") ? Int(firstLine.split(separator: " ")[1]) ?? 0 : 0 }
  var description: String { head + text }

  /// The values of the fields of a name, in their order.
  func values(_ name: String) -> [String] {
    head.split(separator: "\r\n").dropFirst().compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0].lowercased() == name.lowercased() else { return nil }
      return parts[1].trimmingCharacters(in: .whitespaces)
    }
  }

  subscript(name: String) -> String? { values(name).first }

  fileprivate var isChunked: Bool { self["Transfer-Encoding"] != nil }
  fileprivate var length: Int? { self["Content-Length"].flatMap { Int($0) } }
}

extension Wire {
  /// The next head, without its body; nil at the end.
  func head() throws -> Message? { try take(until: "\r\n\r\n").map { Message(head: $0) } }

  /// A request with its body; nil at the end.
  /// - Parameter begun: told of its head, before the body comes.
  func request(_ begun: (Message) throws -> Void = { _ in }) throws -> Message? {
    guard var message = try head() else { return nil }
    try begun(message)
    try readBody(of: &message)
    return message
  }

  /// A response with its body.
  func response(to method: String = "GET") throws -> Message {
    guard var message = try head() else { throw Failure("the end came instead of a response") }
    if method == "HEAD" || message.status < 200 || message.status == 204 || message.status == 304 { return message }
    if message.isChunked || message.length != nil {
      try readBody(of: &message)
    } else {
      message.body = Array(rest().unicodeScalars.map { UInt8($0.value) })
    }
    return message
  }

  /// The final response, with the status of each before it.
  func responses() throws -> (interims: [Int], final: Message) {
    var interims: [Int] = []
    while true {
      let response = try response()
      if response.status >= 200 { return (interims, response) }
      interims.append(response.status)
    }
  }

  private func readBody(of message: inout Message) throws {
    if message.isChunked {
      while let line = try take(until: "\r\n"), let size = Int(line.prefix { $0.isHexDigit }, radix: 16) {
        if size > 0 {
          message.body += try take(size)
          _ = try take(2)
          continue
        }
        while let line = try take(until: "\r\n"), line != "\r\n" { message.trailers.append(String(line.dropLast())) }
        message.hasEnded = true
        return
      }
      throw Failure("the body broke off behind \(message.text.debugDescription)")
    }
    message.body = try take(message.length ?? 0)
    message.hasEnded = true
  }

  /// Sends a response with a body of a known length.
  func answer(_ status: String = "200 OK", _ body: String = "", _ fields: String...) throws {
    let lines = fields.map { $0 + "\r\n" }.joined()
    try send("HTTP/1.1 \(status)\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  /// Asks for a path and waits for the answer.
  func get(_ path: String = "/", _ fields: String...) throws -> Message {
    try send("GET \(path) HTTP/1.1\r\nHost: a.example\r\n\(fields.map { $0 + "\r\n" }.joined())\r\n")
    return try response()
  }
}
