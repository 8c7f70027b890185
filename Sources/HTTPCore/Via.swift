/// Through whom a message came (RFC 9110, 7.6.3).
public enum Via {
  /// How often a request may pass the same program: more is a loop. Several of them in a row are none.
  public static let mostPasses = 8

  /// How often a name stands in a message's Via fields.
  public static func count(
    _ pseudonym: StaticString, in fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) -> Int {
    var count = 0
    var next = fields.index(of: .via, from: 0)
    while let index = next {
      var elements = ListElements(bytes, fields[index].value)
      while let element = elements.next() {
        // The protocol, blanks, the name, and perhaps a comment behind blanks.
        var start = Int(element.start)
        while start < Int(element.end), !Byte.isBlank(bytes[start]) { start += 1 }
        while start < Int(element.end), Byte.isBlank(bytes[start]) { start += 1 }
        var end = start
        while end < Int(element.end), !Byte.isBlank(bytes[end]) { end += 1 }
        if bytes[ByteRange(start, end)].equalsIgnoringCase(pseudonym) { count += 1 }
      }
      next = fields.index(of: .via, from: index + 1)
    }
    return count
  }
}
