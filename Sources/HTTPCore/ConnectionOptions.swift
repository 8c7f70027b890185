/// What the Connection fields of a message ask for (RFC 9110, 7.6.1).
public struct ConnectionOptions: OptionSet, Sendable, BitwiseCopyable {
  public let rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let close = ConnectionOptions(rawValue: 1)
  public static let keepAlive = ConnectionOptions(rawValue: 2)
  public static let upgrade = ConnectionOptions(rawValue: 4)
  public static let te = ConnectionOptions(rawValue: 8)
  /// Something else: names of fields that are not to be passed on.
  public static let named = ConnectionOptions(rawValue: 16)

  /// Options that are read; a message with more is refused. Each is compared with all fields.
  public static let most = 32

  /// Whether the connection goes on after this message (RFC 9112, 9.3), as far as the message has a say.
  public func keepsAlive(_ version: Version) -> Bool {
    if contains(.close) { return false }
    return version == .http11 || contains(.keepAlive)
  }

  /// Reads the Connection fields and marks the fields that they name.
  static func read(_ fields: inout FieldTable, of bytes: UnsafeRawBufferPointer) throws(MessageFault)
    -> ConnectionOptions
  {
    // What nearly everybody says, if anything.
    if !fields.isRepeated(.connection), let value = fields.value(of: .connection, in: bytes) {
      if value.equalsIgnoringCase("keep-alive") { return .keepAlive }
      if value.equalsIgnoringCase("close") { return .close }
    }
    var options: ConnectionOptions = []
    var count = 0
    var next = fields.index(of: .connection, from: 0)
    while let index = next {
      var elements = ListElements(bytes, fields[index].value)
      while let element = elements.next() {
        let option = bytes[element]
        guard ByteSet.token.containsAll(option) else { throw .badConnection }
        count += 1
        guard count <= most else { throw .tooManyConnectionOptions }
        if option.equalsIgnoringCase("close") {
          options.insert(.close)
        } else if option.equalsIgnoringCase("keep-alive") {
          options.insert(.keepAlive)
        } else if option.equalsIgnoringCase("upgrade") {
          options.insert(.upgrade)
        } else if option.equalsIgnoringCase("te") {
          options.insert(.te)
        } else {
          options.insert(.named)
          HopByHop.markNominated(option, in: &fields, of: bytes)
        }
      }
      next = fields.index(of: .connection, from: index + 1)
    }
    return options
  }
}
