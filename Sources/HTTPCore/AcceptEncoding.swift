/// What Accept-Encoding says of a content coding (RFC 9110, 12.5.3).
public enum AcceptEncoding {
  /// How much `coding` is wanted, in thousandths: 0 is not at all, 1000 is most.
  ///
  /// A coding that is named counts as named, else `*` does, else it is not acceptable; `identity` always is, unless it is
  /// refused. A weight that is none counts as 0: a sender that cannot say what it takes gets what everybody takes.
  /// - Parameters:
  ///   - coding: in lower case; `x-gzip` in the field is read as `gzip`.
  ///   - fields, bytes: of the request. Without the field every coding is acceptable to the RFC, but here only
  ///     `identity` is: whoever says nothing of compression seldom knows it.
  public static func weight(
    of coding: StaticString, in fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) -> Int {
    var named: Int?
    var any: Int?
    var next = fields.index(of: .acceptEncoding, from: 0)
    while let index = next {
      var elements = ListElements(bytes, fields[index].value)
      while let element = elements.next() {
        var nameEnd = Int(element.start)
        while nameEnd < Int(element.end), bytes[nameEnd] != Byte.semicolon { nameEnd += 1 }
        let name = bytes[bytes.trimmed(ByteRange(Int(element.start), nameEnd))]
        let weight = QualityValue.read(bytes[ByteRange(nameEnd, Int(element.end))])
        if name.equalsIgnoringCase(coding)
          || name.equalsIgnoringCase("x-gzip") && coding.bytes.equalsIgnoringCase("gzip")
        {
          named = max(named ?? 0, weight)
        } else if name.equalsIgnoringCase("*") {
          any = weight
        }
      }
      next = fields.index(of: .acceptEncoding, from: index + 1)
    }
    return named ?? any ?? (coding.bytes.equalsIgnoringCase("identity") ? 1000 : 0)
  }
}

/// Weights (RFC 9110, 12.4.2).
enum QualityValue {
  /// The weight that `parameters`, such as `; q=0.5`, give, in thousandths: 1000 when they give none, 0 when it is
  /// malformed.
  static func read(_ parameters: UnsafeRawBufferPointer) -> Int {
    var index = 0
    while index < parameters.count {
      index += 1  // The semicolon.
      var end = index
      while end < parameters.count, parameters[end] != Byte.semicolon { end += 1 }
      let parameter = parameters[parameters.trimmed(ByteRange(index, end))]
      if parameter.count >= 2, parameter[0] | 0x20 == 0x71, parameter[1] == 0x3D {
        return thousandths(parameter[ByteRange(2, parameter.count)]) ?? 0
      }
      index = end
    }
    return 1000
  }

  /// `0`, `1`, and up to three digits behind a dot.
  static func thousandths(_ text: UnsafeRawBufferPointer) -> Int? {
    guard let first = text.first, first == 0x30 || first == 0x31, text.count <= 5 else { return nil }
    var value = Int(first - 0x30) * 1000
    guard text.count > 1 else { return value }
    guard text[1] == Byte.dot else { return nil }
    var unit = 100
    for index in 2..<text.count {
      guard Byte.isDigit(text[index]) else { return nil }
      value += Int(text[index] - 0x30) * unit
      unit /= 10
    }
    return value <= 1000 ? value : nil
  }
}
