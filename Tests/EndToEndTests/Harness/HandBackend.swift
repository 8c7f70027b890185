import Foundation

/// A server whose every move the test makes, so that it knows what happened before what.
final class HandBackend {
  let address: Address
  private let listener: ListeningSocket

  init(at address: Address) throws {
    self.address = address
    listener = try ListeningSocket(at: address)
  }

  var json: String { "\"\(address)\"" }

  /// Whether somebody has connected who was not accepted yet.
  var hasVisitor: Bool { isReady(0) }

  /// The next that connects.
  func accept(within limit: Duration = patience) throws -> Wire {
    guard isReady(Deadline(in: limit).milliseconds), let socket = listener.accept() else {
      throw Failure("nobody connected to \(address)")
    }
    return Wire(socket)
  }

  /// The next that connects, and its request.
  func request() throws -> (wire: Wire, request: Message) {
    let wire = try accept()
    guard let request = try wire.request() else { throw Failure("the end came instead of a request") }
    return (wire, request)
  }

  private func isReady(_ milliseconds: Int32) -> Bool {
    var look = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&look, 1, milliseconds) == 1
  }
}

/// A server that writes down what it is asked and answers each with its path.
final class Scribe: Sendable {
  let name: String
  let backend: TestBackend
  private let records: Locked<[Message]>

  init(_ name: String, at address: Address) throws {
    let records = Locked<[Message]>([])
    self.name = name
    self.records = records
    backend = try TestBackend("", at: address) { socket in try Scribe.serve(Wire(socket), name, records) }
  }

  var json: String { backend.json }

  /// What has come since the last time.
  func take() -> [Message] {
    records.withLock { records in
      defer { records = [] }
      return records
    }
  }

  func waitForRequests(_ count: Int) throws {
    guard records.wait(within: patience, for: { $0.count >= count ? true : nil }) != nil else {
      throw Failure("\(name): \(count) requests expected, \(records.current.count) came")
    }
  }

  private static func serve(_ wire: Wire, _ name: String, _ records: Locked<[Message]>) throws {
    while true {
      var place = 0
      let request = try wire.request { head in
        records.withLock { records in
          place = records.count
          records.append(head)
        }
        if head["Expect"] != nil { try wire.send("HTTP/1.1 100 Continue\r\n\r\n") }
      }
      guard let request else { return }
      records.withLock { if place < $0.count { $0[place] = request } }
      let words = request.firstLine.split(separator: " ")
      let body = words[0] == "HEAD" ? "" : "\(name) \(words[1])"
      let length = "\(name) \(words[1])".unicodeScalars.count
      try wire.send("HTTP/1.1 200 OK\r\nX-Server: \(name)\r\nContent-Length: \(length)\r\n\r\n")
      try wire.send(body.unicodeScalars.map { UInt8($0.value) })
    }
  }
}

extension Site {
  func handBackend() throws -> HandBackend {
    let backend = try HandBackend(at: .ipv4(FreePort.take()))
    keep(backend)
    return backend
  }

  func scribe(_ name: String = "a") throws -> Scribe {
    let scribe = try Scribe(name, at: .ipv4(FreePort.take()))
    keep(scribe)
    return scribe
  }

  func wire() throws -> Wire { try Wire(connectingTo: front) }

  /// A configuration whose listener `web` speaks HTTP, with one worker: what a connection to a backend is used for next
  /// can then be said.
  func http(
    _ backends: [String], pool: String = "", listener: String = "", top: String = #""workers": 1"#
  ) -> String {
    configuration(
      backends, pool: #""health": "off""# + (pool.isEmpty ? "" : ", \(pool)"),
      listener: #""mode": "http""# + (listener.isEmpty ? "" : ", \(listener)"), top: top)
  }
}

/// A message of `Tests/HTTPCoreTests/Corpus`, and what is to become of it.
struct CorpusEntry: Decodable, CustomStringConvertible, Sendable {
  let name: String
  let method: String?
  let message: String
  /// What the parser makes of it.
  let expect: String
  /// The status with which the proxy answers what the parser takes.
  let answer: Int?
  /// The first line that a backend gets, where it is another than what came.
  let sent: String?

  var bytes: [UInt8] { message.unicodeScalars.map { UInt8($0.value) } }
  var description: String { name }
  /// Those that the parser refuses: with a status and a reason of one word.
  var fault: Int? {
    let words = expect.split(separator: " ")
    guard let status = words.first.flatMap({ Int($0) }), status >= 400, words.count >= 2,
      words[1].allSatisfy(\.isLetter)
    else { return nil }
    return status
  }

  static func read(_ file: String) throws -> [CorpusEntry] {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = tests.appending(path: "HTTPCoreTests/Corpus/\(file).json")
    return try JSONDecoder().decode([CorpusEntry].self, from: Data(contentsOf: path))
  }
}
