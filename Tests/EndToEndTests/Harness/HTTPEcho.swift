import Foundation

/// An HTTP server within a test: it answers each request with its name, and keeps what it was asked.
final class HTTPEcho: Sendable {
  let name: String
  let heard = Locked<[String]>([])
  let backend: TestBackend

  init(_ name: String, on site: Site) throws {
    self.name = name
    let heard = heard
    backend = try site.backend("") { connection in
      let reader = HTTPReader(connection)
      while let request = try reader.message() {
        heard.withLock { $0.append(request) }
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
      }
    }
  }

  var json: String { #"{ "name": "\#(name)", "address": "\#(backend.address)" }"# }

  /// Waits until it was asked so often.
  func wait(for count: Int) throws -> [String] {
    guard let all = heard.wait(within: patience, for: { $0.count >= count ? $0 : nil }) else {
      throw Failure("\(name) was asked \(heard.current.count) times instead of \(count)")
    }
    return all
  }
}

/// Messages that have a Content-Length, or no body, one after the other.
final class HTTPReader {
  private let socket: Socket
  private var unread: [UInt8] = []

  init(_ socket: Socket) { self.socket = socket }

  /// The next one; nil at the end.
  func message() throws -> String? {
    while true {
      let text = String(decoding: unread, as: UTF8.self)
      if let head = text.range(of: "\r\n\r\n") {
        let length =
          text[..<head.lowerBound].split(separator: "\r\n")
          .first { $0.lowercased().hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        let size = text[..<head.upperBound].utf8.count + length
        if unread.count >= size {
          defer { unread.removeFirst(size) }
          return String(decoding: unread.prefix(size), as: UTF8.self)
        }
      }
      var buffer = [UInt8](repeating: 0, count: 65536)
      // A connection may rest for as long as a test lasts.
      let count = try buffer.withUnsafeMutableBytes { try socket.receiveSome($0, Deadline(in: .seconds(600))) }
      if count == 0 { return nil }
      unread += buffer[..<count]
    }
  }
}

/// A client that makes one request after the other on one connection.
final class HTTPVisitor {
  let socket: Socket
  private let reader: HTTPReader

  init(_ address: Address) throws {
    socket = try Socket(connectingTo: address)
    reader = HTTPReader(socket)
  }

  /// - Parameter fields: each with its end.
  func ask(
    _ line: String = "GET /", fields: String = "", host: String = "a", body: String = ""
  ) throws -> String {
    let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
    try socket.send("\(line) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\(length)\r\n\(body)")
    guard let answer = try reader.message() else { throw Failure("the connection was closed instead of an answer") }
    return answer
  }
}

extension String {
  /// The body of a message.
  var body: String { range(of: "\r\n\r\n").map { String(self[$0.upperBound...]) } ?? "" }

  /// The values of its fields of that name.
  func fields(_ name: String) -> [String] {
    let head = range(of: "\r\n\r\n").map { self[..<$0.lowerBound] } ?? self[...]
    return head.components(separatedBy: "\r\n").filter { $0.lowercased().hasPrefix("\(name.lowercased()): ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }
}
