import Base
import Logging

/// Writes one line for each log statement, in text or JSON, and lets nothing from outside break it.
///
/// In text: time, level, component, message, and the metadata as `key=value` in the order of the keys. In JSON the same
/// as an object; a `LoggedEvent` brings its own fields instead of a message.
public struct BalancerLogHandler: LogHandler {
  /// The key of the metadata that carries a `LoggedEvent`.
  static let eventKey = "event"
  private static let levelWidth = 7

  private let label: String
  private let output: LogOutput
  private var ownLevel: Logger.Level?
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?

  /// - Parameter label: the component, as it stands in the line.
  public init(label: String, output: LogOutput) {
    self.label = label
    self.output = output
  }

  /// The output's level, unless this logger was given one of its own.
  public var logLevel: Logger.Level {
    get {
      let level = ownLevel ?? output.level
      return tap.map { min($0.level, level) } ?? level
    }
    set { ownLevel = newValue }
  }

  private var tap: LogOutput.Tap? { output.tap.flatMap { $0.component == label ? $0 : nil } }

  public subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: Logging.LogEvent) {
    var all = metadata
    if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
    if let own = event.metadata { all.merge(own) { $1 } }
    if let error = event.error { all["error"] = "\(error)" }
    var logged: (any LoggedEvent)?
    if case .stringConvertible(let value as any LoggedEvent)? = all[Self.eventKey] {
      logged = value
      all[Self.eventKey] = nil
    }
    let fields = all.sorted { $0.key < $1.key }
    let time = output.clock()
    if let tap, event.level >= tap.level {
      tap.hear(json(time, event.level, event.message.description, logged, fields, hasMessage: true))
    }
    // For the tap alone it may be here.
    guard event.level >= ownLevel ?? output.level else { return }
    switch output.format {
    case .text: output.sink(text(time, event.level, event.message.description, fields))
    case .json: output.sink(json(time, event.level, event.message.description, logged, fields) + "\n")
    }
  }

  private typealias Fields = [(key: String, value: Logger.MetadataValue)]

  private func text(_ time: WallTime, _ level: Logger.Level, _ message: String, _ fields: Fields) -> String {
    let name = level.rawValue
    var line = "\(time) \(name)"
    for _ in name.utf8.count..<max(Self.levelWidth, name.utf8.count) { line += " " }
    line += " "
    SafeText.append(label, to: &line, escape: SafeText.escapeInMessage)
    line += " "
    SafeText.append(message, to: &line, escape: SafeText.escapeInMessage)
    for field in fields { Self.append(field.key, field.value, to: &line) }
    return line + "\n"
  }

  /// `key=value`, `key="two words"`, `key.inner=value`, `key=a,b`.
  private static func append(_ key: String, _ value: Logger.MetadataValue, to line: inout String) {
    switch value {
    case .dictionary(let inner):
      for (innerKey, value) in inner.sorted(by: { $0.key < $1.key }) { append("\(key).\(innerKey)", value, to: &line) }
    case .array(let values):
      append(key, text: values.map(\.description).joined(separator: ","), to: &line)
    case .string(let string):
      append(key, text: string, to: &line)
    case .stringConvertible(let value):
      append(key, text: value.description, to: &line)
    }
  }

  private static func append(_ key: String, text: String, to line: inout String) {
    line += " "
    SafeText.append(key, to: &line, escape: SafeText.escapeInMessage)
    line += "="
    var quoted = ""
    SafeText.append(text, to: &quoted, escape: SafeText.escapeInQuotes)
    let isPlain = !quoted.isEmpty && !quoted.utf8.contains { [0x20, 0x22, 0x3D, 0x5C].contains($0) }
    line += isPlain ? quoted : "\"\(quoted)\""
  }

  private static let reserved: Set<String> = ["time", "level", "event", "component", "message"]

  private func json(
    _ time: WallTime, _ level: Logger.Level, _ message: String, _ event: (any LoggedEvent)?, _ fields: Fields,
    hasMessage: Bool = false
  ) -> String {
    var object = JSONObject()
    object.add("time", time.description)
    object.add("level", level.rawValue)
    if let event {
      object.add("event", type(of: event).name)
      event.addFields(to: &object)
      if hasMessage { object.add("message", message) }
    } else {
      object.add("component", label)
      object.add("message", message)
    }
    for field in fields {
      object.add(Self.reserved.contains(field.key) ? field.key + "_" : field.key, field.value)
    }
    return object.closed()
  }
}
