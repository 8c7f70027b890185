/// The parameters of a query as forms write them (application/x-www-form-urlencoded, URL Standard, 5.1):
/// `name=value&other`, a plus for a space, escapes in percent. Nothing of it can be malformed: an escape that is none
/// stands for itself.
enum QueryText {
  /// The next byte, decoded; nil at the end.
  @inline(__always)
  static func next(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> UInt8? {
    guard position < text.count else { return nil }
    let byte = text[position]
    position += 1
    if byte == UInt8(ascii: "+") { return UInt8(ascii: " ") }
    guard byte == UInt8(ascii: "%"), position + 1 < text.count, let high = hex(text[position]),
      let low = hex(text[position + 1])
    else { return byte }
    position += 2
    return high << 4 | low
  }

  /// Whether `text` is `other` when it is decoded.
  static func equals(_ text: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    var position = 0
    var index = 0
    while let byte = next(text, &position) {
      guard index < other.count, other[index] == byte else { return false }
      index += 1
    }
    return index == other.count
  }

  /// The next parameter: its name and its value, which is empty where there is no `=`. Empty ones are passed over.
  static func nextParameter(
    _ query: UnsafeRawBufferPointer, _ position: inout Int
  ) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
    while position < query.count {
      let start = position
      var equals: Int?
      while position < query.count, query[position] != UInt8(ascii: "&") {
        if equals == nil, query[position] == UInt8(ascii: "=") { equals = position }
        position += 1
      }
      let end = position
      position += 1
      if start == end { continue }
      return (
        UnsafeRawBufferPointer(rebasing: query[start..<(equals ?? end)]),
        UnsafeRawBufferPointer(rebasing: query[(equals.map { $0 + 1 } ?? end)..<end])
      )
    }
    return nil
  }

  @inline(__always)
  private static func hex(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
  }
}
