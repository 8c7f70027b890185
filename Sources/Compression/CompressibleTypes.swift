/// The media types whose content is worth compressing.
public struct CompressibleTypes: Equatable, Sendable {
  /// Why a text is no pattern of media types, in words that finish the sentence "`TEXT` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// One `*` stands for any run of bytes.
  private struct Pattern: Equatable, Sendable {
    /// In small letters.
    let start: [UInt8]
    /// Nil without a `*`: `start` is all.
    let end: [UInt8]?

    func matches(_ type: UnsafeRawBufferPointer) -> Bool {
      guard let end else { return type.count == start.count && Self.equal(type, 0, start) }
      return type.count >= start.count + end.count && Self.equal(type, 0, start)
        && Self.equal(type, type.count - end.count, end)
    }

    private static func equal(_ type: UnsafeRawBufferPointer, _ offset: Int, _ part: [UInt8]) -> Bool {
      for index in part.indices where Token.lower(type[offset + index]) != part[index] { return false }
      return true
    }
  }

  private let patterns: [Pattern]

  /// - Parameter texts: `text/html`, `text/*`, `application/*+json`, `*/*`.
  public init(_ texts: [String]) throws(Malformed) {
    var patterns: [Pattern] = []
    for text in texts {
      let bytes = text.utf8.map(Token.lower)
      let isName = bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",") }
      let slashes = bytes.count { $0 == UInt8(ascii: "/") }
      guard isName, slashes == 1, bytes.first != UInt8(ascii: "/"), bytes.last != UInt8(ascii: "/") else {
        throw Malformed(description: "is no media type: write for example text/html, text/* or application/*+json")
      }
      if bytes == Array("*/*".utf8) {
        patterns.append(Pattern(start: [], end: []))
        continue
      }
      let stars = bytes.indices.filter { bytes[$0] == UInt8(ascii: "*") }
      guard stars.count <= 1, stars.allSatisfy({ $0 > 0 && bytes[..<$0].contains(UInt8(ascii: "/")) }) else {
        throw Malformed(description: "has more than one *, or one before the slash: write for example text/*")
      }
      if let star = stars.first {
        patterns.append(Pattern(start: Array(bytes[..<star]), end: Array(bytes[(star + 1)...])))
      } else {
        patterns.append(Pattern(start: bytes, end: nil))
      }
    }
    self.patterns = patterns
  }

  /// What is text in one form or another. Images, films, archives and most fonts are compressed already.
  public static let standard = [
    "text/*", "application/javascript", "application/json", "application/x-ndjson", "application/xml",
    "application/wasm", "application/*+json", "application/*+xml", "image/svg+xml", "image/bmp", "image/x-icon",
    "image/vnd.microsoft.icon", "font/ttf", "font/otf", "application/vnd.ms-fontobject",
  ]

  /// - Parameter field: the value of Content-Type, its parameters included.
  public func contains(_ field: UnsafeRawBufferPointer) -> Bool {
    let end = field.firstIndex(of: UInt8(ascii: ";")) ?? field.count
    let type = Token.trimmed(UnsafeRawBufferPointer(rebasing: field[..<end]))
    guard type.contains(UInt8(ascii: "/")) else { return false }
    return patterns.contains { $0.matches(type) }
  }
}
