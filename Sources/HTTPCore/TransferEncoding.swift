/// Transfer-Encoding (RFC 9112, 6.1 and 6.3).
enum TransferEncoding {
  /// Passes when all that was done to the body is chunking it, once.
  ///
  /// Servers differ over everything else: a coding they do not know, chunked twice or not at the end, parameters, empty
  /// elements, quotes. So everything else is refused.
  static func check(_ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer) throws(MessageFault) {
    var isChunked = false
    var hasOther = false
    var next = fields.index(of: .transferEncoding, from: 0)
    while let index = next {
      let value = fields[index].value
      var elements = ListElements(bytes, value)
      var count = 0
      while let element = elements.next() {
        let coding = bytes[element]
        // chunked is the last and comes once; what comes before it is another coding.
        guard !isChunked, ByteSet.token.containsAll(coding) else { throw .badTransferEncoding }
        if coding.equalsIgnoringCase("chunked") { isChunked = true } else { hasOther = true }
        count += 1
      }
      var commas = 0
      for byte in bytes[value] where byte == Byte.comma { commas += 1 }
      guard count == commas + 1 else { throw .badTransferEncoding }
      next = fields.index(of: .transferEncoding, from: index + 1)
    }
    guard isChunked else { throw .badTransferEncoding }
    guard !hasOther else { throw .unsupportedTransferEncoding }
  }
}
