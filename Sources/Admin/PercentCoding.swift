/// Paths and queries as they are written in a request (RFC 3986, 2.1).
enum PercentCoding {
  /// The segments of a path, each decoded by itself: `/v1/a%2Fb` is `v1` and `a/b`.
  static func segments(of path: some Collection<UInt8>) throws(AdminError) -> [String] {
    var segments: [String] = []
    // An empty path, as in `http://localhost`, is the root.
    for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      segments.append(try decoded(segment))
    }
    return segments == [""] ? [] : segments
  }

  /// The names and values of a query.
  static func pairs(of query: some Collection<UInt8>) throws(AdminError) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    for part in query.split(separator: UInt8(ascii: "&")) {
      let name = part.prefix { $0 != UInt8(ascii: "=") }
      pairs.append((try decoded(name, plus: true), try decoded(part.dropFirst(name.count + 1), plus: true)))
    }
    return pairs
  }

  /// - Parameter plus: a plus sign is a space, as forms write it.
  private static func decoded(_ text: some Collection<UInt8>, plus: Bool = false) throws(AdminError) -> String {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
          throw AdminError(.badRequest, "a percent sign is followed by two hexadecimal digits")
        }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plus: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
    guard let string = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw AdminError(.badRequest, "what stands behind the percent signs is not UTF-8")
    }
    return string
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
  }
}
