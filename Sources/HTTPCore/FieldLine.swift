/// One field line without its end (RFC 9112, 5), read as a request must be read: whatever a recipient might read
/// otherwise is refused.
enum FieldLine {
  enum Answer {
    case field(Field)
    case fault(MessageFault)
  }

  /// - Parameters start, end: the line in `bytes`, not empty, without its carriage return and line feed.
  @inline(__always)
  static func parse(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Answer {
    var index = start
    var hasUnderscore = false
    while index < end {
      let byte = bytes[index]
      guard ByteSet.token.contains(byte) else { break }
      hasUnderscore = hasUnderscore || byte == 0x5F
      index &+= 1
    }
    guard index < end, index > start, bytes[index] == Byte.colon else { return .fault(fault(bytes, start, end)) }
    let name = ByteRange(start, index)
    let value = bytes.trimmed(ByteRange(index &+ 1, end))
    guard bytes.isFieldContent(from: Int(value.start), to: Int(value.end)) else {
      return .fault(strayLineEnd(bytes, start, end) ? .bareLineEnd : .badFieldValue)
    }

    let known = KnownField.find(bytes[name])
    var handling: Field.Handling = []
    if hasUnderscore {
      handling = known == .other ? .underscored : [.underscored, .impostor]
    }
    if HopByHop.fields & known.bit != 0 { handling.insert(.hopByHop) }
    return .field(Field(name: name, value: value, known: known, handling: handling))
  }

  /// What is wrong with a line that does not begin with a name and a colon.
  private static func fault(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> MessageFault {
    if Byte.isBlank(bytes[start]) { return .foldedField }
    if bytes[start] == Byte.colon { return .emptyFieldName }
    if strayLineEnd(bytes, start, end) { return .bareLineEnd }
    for index in start..<end where bytes[index] == Byte.colon { return .badFieldName }
    return .fieldWithoutColon
  }

  /// Whether there is a carriage return in the line: the line feed behind it would be its end.
  private static func strayLineEnd(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
    for index in start..<end where bytes[index] == Byte.carriageReturn { return true }
    return false
  }
}
