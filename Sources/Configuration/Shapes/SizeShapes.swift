import Base

extension Shape where Value == ByteSize {
  /// `"16KiB"`, or a bare number of bytes. At least one mebibyte where it bounds the memory of a process.
  static func size(atLeast least: ByteSize) -> Shape {
    .scalar(
      "a size such as \"512MiB\"",
      [
        "anyOf": [
          ["type": "integer", "minimum": .integer(least.bytes), "maximum": .integer(Self.mostBytes)],
          ["type": "string", "pattern": .string(ByteSize.pattern)],
        ]
      ], definition: "size",
      read: { scalar, _ throws(Mistake) in
        let size: ByteSize
        if let text = scalar.text {
          do throws(MalformedUnit) {
            size = try ByteSize(parsing: text)
          } catch {
            throw .described(error.description)
          }
        } else {
          size = ByteSize(bytes: try scalar.integer(in: least.bytes...Self.mostBytes))
        }
        if size < least { throw .described("is too small: at least \"\(least.written)\" expected") }
        return size
      },
      write: { .string($0.written) })
  }

  /// Fifteen digits, as `ByteSize` reads them.
  private static var mostBytes: Int { 999_999_999_999_999 }
}
