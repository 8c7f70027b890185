/// Cookies as clients send them back (RFC 6265, 5.4): `name=value; other="value"`.
public enum CookieHeader {
  /// Cookies of one field that are looked at; browsers keep about 180 for a site.
  private static let mostCookies = 256

  /// The value of the first cookie of that name, without the quotes that may stand around it. Names differ by case.
  /// - Parameter field: the value of one Cookie field; HTTP/2 may split it into several, of which the first that has it counts.
  public static func value(of name: [UInt8], in field: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var start = 0
    for _ in 0..<mostCookies {
      while start < field.count, field[start] == 0x20 || field[start] == 0x09 { start += 1 }
      guard start < field.count else { return nil }
      let end = field[start...].firstIndex(of: UInt8(ascii: ";")) ?? field.count
      // The name ends at the first "=": a value may hold more of them.
      let nameEnd = start + name.count
      if nameEnd < end, field[nameEnd] == UInt8(ascii: "="), field[start..<nameEnd].elementsEqual(name) {
        var range = nameEnd + 1..<end
        while !range.isEmpty, field[range.upperBound - 1] == 0x20 || field[range.upperBound - 1] == 0x09 {
          range = range.lowerBound..<range.upperBound - 1
        }
        if range.count >= 2, field[range.lowerBound] == 0x22, field[range.upperBound - 1] == 0x22 {
          range = range.lowerBound + 1..<range.upperBound - 1
        }
        return UnsafeRawBufferPointer(rebasing: field[range])
      }
      start = end + 1
      if start >= field.count { return nil }
    }
    return nil
  }
}
