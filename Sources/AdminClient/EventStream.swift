/// Reads server-sent events (HTML, 9.2.6): bytes in, events out, however they are cut.
public struct EventStream: Sendable {
  public struct Event: Equatable, Sendable {
    /// The last `id` that came, with this event or before it; empty where none has.
    public var id: String
    /// `message` where the server says nothing else.
    public var name: String
    public var data: String
  }

  public enum Item: Equatable, Sendable {
    case event(Event)
    /// A line for nobody, which shows that the connection lives.
    case comment(String)
  }

  /// Bytes of one event; what is longer is dropped as a whole.
  static let longest = 1 << 20

  private var line: [UInt8] = []
  /// Of the line as it came, be it cut off.
  private var lineLength = 0
  private var followsCarriageReturn = false
  private var isFirstLine = true
  private var id = ""
  private var name = ""
  private var data = ""
  private var hasData = false
  private var size = 0

  public init() {}

  public mutating func take(_ bytes: some Sequence<UInt8>) -> [Item] {
    var items: [Item] = []
    for byte in bytes {
      let isSecondHalf = followsCarriageReturn && byte == UInt8(ascii: "\n")
      followsCarriageReturn = byte == UInt8(ascii: "\r")
      if isSecondHalf { continue }
      if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
        if let item = endLine() { items.append(item) }
      } else {
        size += 1
        lineLength += 1
        if size <= Self.longest { line.append(byte) }
      }
    }
    return items
  }

  private mutating func endLine() -> Item? {
    // A byte order mark may stand in front of the stream.
    if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    isFirstLine = false
    let text = String(decoding: line, as: UTF8.self)
    let isEmpty = lineLength == 0
    line = []
    lineLength = 0
    if isEmpty { return dispatch() }
    if text.hasPrefix(":") {
      if !hasData { size = 0 }
      return .comment(Self.withoutBlank(text.dropFirst()))
    }
    let colon = text.firstIndex(of: ":")
    let value = colon.map { Self.withoutBlank(text[text.index(after: $0)...]) } ?? ""
    switch colon.map({ String(text[..<$0]) }) ?? text {
    case "id": if !value.utf8.contains(0) { id = value }
    case "event": name = value
    case "data":
      data += (hasData ? "\n" : "") + value
      hasData = true
    default: break
    }
    return nil
  }

  private mutating func dispatch() -> Item? {
    defer {
      name = ""
      data = ""
      hasData = false
      size = 0
    }
    guard hasData, size <= Self.longest else { return nil }
    return .event(Event(id: id, name: name.isEmpty ? "message" : name, data: data))
  }

  private static func withoutBlank(_ text: Substring) -> String {
    String(text.hasPrefix(" ") ? text.dropFirst() : text)
  }
}
