import Foundation

/// What an admin server answers to whoever only reads: `/metrics` and JSON.
struct Scrape {
  let address: Address

  /// - Parameter accept: the formats that are taken.
  func get(_ path: String, accept: String = "*/*") throws -> (status: Int, type: String, body: String) {
    let socket = try Socket(connectingTo: address)
    try socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nAccept: \(accept)\r\nConnection: close\r\n\r\n")
    let text = String(decoding: try socket.receiveAll(), as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n"), let status = Int(text.dropFirst(9).prefix(3)) else {
      throw Failure("no answer to \(path): \(text)")
    }
    let type = text[..<end.lowerBound].split(separator: "\r\n").first { $0.hasPrefix("Content-Type: ") }
    return (status, type.map { String($0.dropFirst("Content-Type: ".count)) } ?? "", String(text[end.upperBound...]))
  }

  func json(_ path: String) throws -> [String: Any] {
    let body = try get(path).body
    guard let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else {
      throw Failure("an object expected at \(path), found \(body)")
    }
    return object
  }

  /// All samples: `name{label="value"}` and the number behind it.
  func samples() throws -> [String: Double] {
    var samples: [String: Double] = [:]
    for line in try get("/metrics").body.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
        throw Failure("no sample: \(line)")
      }
      guard samples.updateValue(value, forKey: String(line[..<space])) == nil else { throw Failure("twice: \(line)") }
    }
    return samples
  }

  /// Waits until samples are exactly these; then nothing more of those that are named may come.
  func wait(for expected: [String: Double], within limit: Duration = patience) throws {
    let deadline = Deadline(in: limit)
    while true {
      let samples = try samples()
      let differences = expected.filter { samples[$0.key] != $0.value }
      if differences.isEmpty { return }
      if deadline.hasPassed {
        let lines = differences.map { "\($0.key) is \(samples[$0.key].map { "\($0)" } ?? "missing"), not \($0.value)" }
        throw Failure(lines.sorted().joined(separator: "\n"))
      }
      usleep(20_000)
    }
  }
}
