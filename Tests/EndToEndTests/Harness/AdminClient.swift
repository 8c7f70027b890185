import Foundation

/// A connection to an admin server, which says exactly what a test wants it to say.
final class AdminClient {
  struct Answer {
    let status: Int
    /// By their names in lower case.
    let fields: [String: String]
    let body: String

    var json: [String: Any] {
      get throws {
        guard let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else {
          throw Failure("an object expected, found \(body)")
        }
        return object
      }
    }

    /// The code of an error.
    var code: String? { ((try? json)?["error"] as? [String: Any])?["code"] as? String }
  }

  let socket: Socket

  init(_ address: Address) throws { socket = try Socket(connectingTo: address) }

  /// Sends a request and receives its answer.
  func ask(
    _ method: String, _ path: String, _ fields: [String] = [], body: String? = nil, host: String = "localhost",
    within limit: Duration = patience
  ) throws -> Answer {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: \(host)"] + fields
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    try socket.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    return try receive(to: method, within: limit)
  }

  /// Receives an answer.
  func receive(to method: String = "GET", within limit: Duration = patience) throws -> Answer {
    guard let first = try line(within: limit) else { throw Failure("the connection ended without an answer") }
    guard first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3)) else {
      throw Failure("no status: \(first)")
    }
    var fields: [String: String] = [:]
    while let line = try line(within: limit), !line.isEmpty {
      guard let colon = line.firstIndex(of: ":") else { throw Failure("no field: \(line)") }
      fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    if status == 100 { return try receive(to: method, within: limit) }
    let length = method == "HEAD" ? 0 : fields["content-length"].flatMap { Int($0) } ?? 0
    let body = try socket.receive(length, within: limit)
    guard body.count == length else { throw Failure("a body of \(length) bytes ended after \(body.count)") }
    return Answer(status: status, fields: fields, body: String(decoding: body, as: UTF8.self))
  }

  private func line(within limit: Duration) throws -> String? {
    try socket.receiveLine(within: limit).map { $0.hasSuffix("\r") ? String($0.dropLast()) : $0 }
  }

  // MARK: Events

  struct Event {
    var id = 0
    var kind = ""
    var data: [String: Any] = [:]
  }

  /// The next event of a stream.
  func event(within limit: Duration = patience) throws -> Event {
    var event = Event()
    while let line = try line(within: limit) {
      if line.hasPrefix("id: ") { event.id = Int(line.dropFirst(4)) ?? 0 }
      if line.hasPrefix("event: ") { event.kind = String(line.dropFirst(7)) }
      if line.hasPrefix("data: ") {
        event.data = try JSONSerialization.jsonObject(with: Data(line.dropFirst(6).utf8)) as? [String: Any] ?? [:]
      }
      if line.isEmpty, event.id > 0 { return event }
    }
    throw Failure("the stream of events has ended")
  }

  func event(_ kind: String, within limit: Duration = patience, where isWanted: (Event) -> Bool) throws -> Event {
    while true {
      let event = try event(within: limit)
      if event.kind == kind, isWanted(event) { return event }
    }
  }
}

/// The admin server of one test.
struct AdminSite {
  let address: Address

  /// - Parameter address: nil for a free port.
  init(_ address: Address? = nil) throws { self.address = try address ?? .ipv4(FreePort.take()) }

  /// As it stands at the top of a configuration.
  func json(_ keys: String = "") -> String { #""workers": 2, "admin": { "listen": "\#(address)", \#(keys) }"# }

  func client() throws -> AdminClient { try AdminClient(address) }

  /// Asks on a connection of its own.
  func get(_ path: String, _ fields: [String] = []) throws -> AdminClient.Answer {
    try client().ask("GET", path, fields)
  }

  func change(
    _ method: String, _ path: String, _ body: String? = nil, _ fields: [String] = []
  ) throws -> AdminClient.Answer {
    try client().ask(method, path, ["Content-Type: application/json"] + fields, body: body)
  }

  func status() throws -> [String: Any] { try get("/v1/status").json }

  /// The status of one backend of the pool `web`.
  func backend(_ name: String) throws -> [String: Any] {
    let pools = try status()["pools"] as? [[String: Any]] ?? []
    let backends = pools.first { $0["name"] as? String == "web" }?["backends"] as? [[String: Any]] ?? []
    guard let backend = backends.first(where: { $0["name"] as? String == name }) else {
      throw Failure("no backend \(name) in the status")
    }
    return backend
  }

  func waitForState(_ state: String, of backend: String) throws {
    try waitUntil("\(backend) is \(state)") { try self.backend(backend)["state"] as? String == state }
  }

  /// A stream of events that has begun.
  func events(_ path: String = "/v1/events", _ fields: [String] = []) throws -> AdminClient {
    let client = try client()
    let answer = try client.ask("GET", path, fields)
    guard answer.status == 200, answer.fields["content-type"] == "text/event-stream" else {
      throw Failure("no stream of events: \(answer)")
    }
    return client
  }
}
