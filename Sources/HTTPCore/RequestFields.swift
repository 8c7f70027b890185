/// What single fields of a request say.
extension RequestHead {
  /// RFC 9112, 3.2: one Host, and it must not contradict the target.
  static func authority(
    _ line: RequestLine, _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) throws(MessageFault) -> Authority? {
    guard fields.repeated & KnownField.host.bit == 0 else { throw .repeatedHost }
    guard let field = fields.first(.host) else {
      guard line.version == .http10 else { throw .missingHost }
      return line.target.authority
    }
    guard let host = Authority.parse(bytes, field.value) else { throw .badHost }
    guard let authority = line.target.authority else { return host }
    // A proxy would take the target's word; servers behind it may take the field's.
    guard authority.agrees(with: host, scheme: line.target.scheme ?? .https, in: bytes) else { throw .hostDisagrees }
    return authority
  }

  /// RFC 9110, 10.1.1: the only expectation there is.
  static func expectsContinue(
    _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) throws(MessageFault) -> Bool {
    var next = fields.index(of: .expect, from: 0)
    var expects = false
    while let index = next {
      var elements = ListElements(bytes, fields[index].value)
      while let element = elements.next() {
        guard bytes[element].equalsIgnoringCase("100-continue") else { throw .unknownExpectation }
        expects = true
      }
      next = fields.index(of: .expect, from: index + 1)
    }
    return expects
  }

  static func acceptsTrailers(_ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer) -> Bool {
    var next = fields.index(of: .te, from: 0)
    while let index = next {
      var elements = ListElements(bytes, fields[index].value)
      while let element = elements.next() {
        if bytes[element].equalsIgnoringCase("trailers") { return true }
      }
      next = fields.index(of: .te, from: index + 1)
    }
    return false
  }

  /// RFC 9110, 7.6.2.
  static func maxForwards(
    _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) throws(MessageFault) -> UInt64? {
    guard fields.repeated & KnownField.maxForwards.bit == 0,
      let number = fields.value(of: .maxForwards, in: bytes)?.decimal()
    else { throw .badMaxForwards }
    return number
  }
}
