/// What a message wants to switch to, or switches to (RFC 9110, 7.8).
public enum Upgrade: Equatable, Sendable, BitwiseCopyable {
  /// Nothing, or nothing that is passed on.
  case none
  /// RFC 6455.
  case webSocket
  /// The value of the field: names of protocols, perhaps with versions.
  case other(ByteRange)

  /// Reads the Upgrade field of a message whose Connection field has the option.
  ///
  /// Never passed on are HTTP itself and TLS: what a backend and a client then say to each other is messages that this
  /// program would not see (h2c smuggling). Whoever wants those is answered as if it had not asked (7.8 allows that).
  static func read(_ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer) -> Upgrade {
    guard let field = fields.first(.upgrade), fields.repeated & KnownField.upgrade.bit == 0 else { return .none }
    var isWebSocket = false
    var count = 0
    var elements = ListElements(bytes, field.value)
    while let element = elements.next() {
      guard let name = name(of: element, in: bytes) else { return .none }
      let protocolName = bytes[name]
      if protocolName.equalsIgnoringCase("h2c") || protocolName.equalsIgnoringCase("h2")
        || protocolName.equalsIgnoringCase("http") || protocolName.equalsIgnoringCase("tls")
      {
        return .none
      }
      if protocolName.equalsIgnoringCase("websocket"), name == element { isWebSocket = true }
      count += 1
    }
    if isWebSocket { return .webSocket }
    return count > 0 ? .other(field.value) : .none
  }

  /// The part before the slash, when the element is a token or two with a slash between.
  private static func name(of element: ByteRange, in bytes: UnsafeRawBufferPointer) -> ByteRange? {
    var index = Int(element.start)
    let end = Int(element.end)
    while index < end, ByteSet.token.contains(bytes[index]) { index += 1 }
    guard index > Int(element.start) else { return nil }
    let name = ByteRange(Int(element.start), index)
    guard index < end else { return name }
    let version = ByteRange(index + 1, end)
    guard bytes[index] == Byte.slash, !version.isEmpty, ByteSet.token.containsAll(bytes[version]) else { return nil }
    return name
  }
}
