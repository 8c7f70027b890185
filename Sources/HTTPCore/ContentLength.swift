/// Content-Length (RFC 9110, 8.6; RFC 9112, 6.3).
enum ContentLength {
  /// Digits, and nothing but digits: no sign, no blank between, no other base. Zeros in front are digits.
  static func read(
    _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer, mayRepeat: Bool
  ) throws(MessageFault) -> UInt64 {
    var length: UInt64?
    var next = fields.index(of: .contentLength, from: 0)
    while let index = next {
      let value = fields[index].value
      if length == nil, let only = bytes[value].decimal() {
        length = only
      } else {
        try readList(bytes, value, mayRepeat: mayRepeat, into: &length)
      }
      next = fields.index(of: .contentLength, from: index + 1)
    }
    guard let length else { throw .badContentLength }
    return length
  }

  /// `5, 5`: what becomes of two fields when somebody on the way puts them together.
  private static func readList(
    _ bytes: UnsafeRawBufferPointer, _ value: ByteRange, mayRepeat: Bool, into length: inout UInt64?
  ) throws(MessageFault) {
    var elements = ListElements(bytes, value)
    var count = 0
    while let element = elements.next() {
      guard let number = bytes[element].decimal() else { throw .badContentLength }
      guard length == nil || mayRepeat && length == number else { throw .repeatedContentLength }
      length = number
      count += 1
    }
    // Of one element there is the plain form, so this one has a comma too many.
    guard count > 1 || count == 1 && length != nil && bytes[value].decimal() != nil else { throw .badContentLength }
  }
}
