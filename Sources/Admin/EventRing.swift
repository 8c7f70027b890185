/// The last events, each with its number since the start of the process (HTML, 9.2: server-sent events).
struct EventRing: Sendable {
  static let size = 256

  /// The number of the last one.
  private(set) var last: UInt64 = 0
  private var texts: [[UInt8]] = []
  /// Where the oldest one is, once the ring is full.
  private var first = 0

  /// Adds an event.
  /// - Parameter data: one line.
  /// - Returns: it, as it is sent.
  mutating func append(_ kind: String, _ data: String) -> [UInt8] {
    last += 1
    // A line end would end the field; JSON has none.
    let line = String(data.map { $0.isNewline ? " " : $0 })
    let text = Array("id: \(last)\nevent: \(kind)\ndata: \(line)\n\n".utf8)
    if texts.count < Self.size {
      texts.append(text)
    } else {
      texts[first] = text
      first = (first + 1) % Self.size
    }
    return text
  }

  /// Those that came after the one with a number, oldest first. A number that has not been given out yet is one of a
  /// process before this one, whose reader has seen none of these.
  func events(after id: UInt64) -> [[UInt8]] {
    let seen = id > last ? 0 : id
    let missed = Int(min(last - seen, UInt64(texts.count)))
    return (texts.count - missed..<texts.count).map { texts[(first + $0) % texts.count] }
  }
}
