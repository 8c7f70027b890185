import Base
import Logging

/// Writes one JSON object in one line, its members in the order in which they are added.
public struct JSONObject {
  private var text = "{"

  public init() {}

  public consuming func closed() -> String { text + "}" }

  /// A string, or null.
  public mutating func add(_ key: String, _ value: String?) {
    writeKey(key)
    if let value { write(value) } else { text += "null" }
  }

  public mutating func add(_ key: String, _ value: some BinaryInteger) {
    writeKey(key)
    text += String(value)
  }

  /// A whole number, or null.
  public mutating func add(_ key: String, _ value: Int?) {
    writeKey(key)
    text += value.map { String($0) } ?? "null"
  }

  /// A number; null where JSON has none for it (RFC 8259, 6).
  public mutating func add(_ key: String, _ value: Double) {
    writeKey(key)
    write(value)
  }

  /// A number, or null.
  public mutating func add(_ key: String, _ value: Double?) {
    writeKey(key)
    if let value { write(value) } else { text += "null" }
  }

  public mutating func add(_ key: String, _ value: Bool) {
    writeKey(key)
    text += value ? "true" : "false"
  }

  /// An object, or null.
  public mutating func add(_ key: String, _ object: JSONObject?) {
    writeKey(key)
    text += object?.closed() ?? "null"
  }

  public mutating func add(_ key: String, _ objects: [JSONObject]) {
    writeKey(key)
    text += "["
    for (index, object) in objects.enumerated() {
      if index > 0 { text += "," }
      text += object.closed()
    }
    text += "]"
  }

  public mutating func add(_ key: String, _ strings: [String]) {
    add(key, .array(strings.map { .string($0) }))
  }

  /// What is JSON already.
  public mutating func add(_ key: String, json: String) {
    writeKey(key)
    text += json
  }

  /// Milliseconds, to the microsecond.
  public mutating func add(_ key: String, milliseconds duration: Duration) {
    add(key, Double(duration.nanoseconds / 1000) / 1000)
  }

  /// Seconds, to the millisecond.
  public mutating func add(_ key: String, seconds duration: Duration) {
    add(key, Double(duration.milliseconds) / 1000)
  }

  /// An object of strings, its keys in order.
  public mutating func add(_ key: String, _ values: [String: String]) {
    add(key, .dictionary(values.mapValues { .string($0) }))
  }

  /// Numbers and truth values stay what they are; everything else that is no collection becomes a string.
  mutating func add(_ key: String, _ value: Logger.MetadataValue) {
    writeKey(key)
    write(value)
  }

  private mutating func write(_ value: Logger.MetadataValue) {
    switch value {
    case .string(let string): write(string)
    case .stringConvertible(let value as any BinaryInteger): text += String(value)
    case .stringConvertible(let value as Bool): text += value ? "true" : "false"
    case .stringConvertible(let value as any BinaryFloatingPoint): write(Double(value))
    case .stringConvertible(let value): write(value.description)
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += "," }
        write(value)
      }
      text += "]"
    case .dictionary(let values):
      text += "{"
      for (index, (key, value)) in values.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { text += "," }
        write(key)
        text += ":"
        write(value)
      }
      text += "}"
    }
  }

  private mutating func writeKey(_ key: String) {
    if text.utf8.count > 1 { text += "," }
    write(key)
    text += ":"
  }

  private mutating func write(_ number: Double) {
    text += number.isFinite ? "\(number)" : "null"
  }

  private mutating func write(_ string: String) {
    text += "\""
    SafeText.append(string, to: &text, escape: SafeText.escapeInJSON)
    text += "\""
  }
}
