/// The elements of a list, cut at its commas (RFC 9110, 5.6.1). Empty elements are passed over, commas within quoted
/// strings are part of an element.
struct ListElements {
  private let bytes: UnsafeRawBufferPointer
  private var position: Int
  private let end: Int

  init(_ bytes: UnsafeRawBufferPointer, _ value: ByteRange) {
    self.bytes = bytes
    position = Int(value.start)
    end = Int(value.end)
  }

  init(_ value: UnsafeRawBufferPointer) { self.init(value, ByteRange(0, value.count)) }

  /// The next element without the blanks around it; never empty.
  mutating func next() -> ByteRange? {
    while position < end {
      let start = position
      var isQuoted = false
      while position < end {
        let byte = bytes[position]
        if byte == Byte.quote { isQuoted.toggle() }
        if isQuoted, byte == Byte.backslash { position += 1 }
        if byte == Byte.comma, !isQuoted { break }
        position += 1
      }
      position = min(position, end)
      let element = bytes.trimmed(ByteRange(start, position))
      position += 1
      if !element.isEmpty { return element }
    }
    return nil
  }
}
