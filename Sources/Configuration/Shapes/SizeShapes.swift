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
          size = try ByteSize(reading: text)
        } else {
          size = ByteSize(bytes: try scalar.integer(in: least.bytes...Self.mostBytes))
        }
        if size < least { throw .described("is too small: at least \"\(least.written)\" expected") }
        return size
      },
      write: { .string($0.written) })
  }

  /// A size between two others.
  static func size(from least: ByteSize, to most: ByteSize) -> Shape {
    let expected = "a size of \(least.written) to \(most.written)"
    return .scalar(
      expected,
      [
        "anyOf": [
          ["type": "integer", "minimum": .integer(least.bytes), "maximum": .integer(most.bytes)],
          ["type": "string", "pattern": .string(ByteSize.pattern)],
        ]
      ],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else {
          return ByteSize(bytes: try scalar.integer(in: least.bytes...most.bytes))
        }
        let size = try ByteSize(reading: text)
        guard size >= least, size <= most else { throw .unexpected() }
        return size
      },
      write: { .string($0.written) })
  }

  /// Fifteen digits, as `ByteSize` reads them.
  private static var mostBytes: Int { 999_999_999_999_999 }
}

extension Shape where Value == ByteSize? {
  /// A size, or `"off"` for nil.
  static var sizeOrOff: Shape {
    .scalar(
      "a size or \"off\"",
      [
        "anyOf": [
          ["const": "off"], ["type": "integer", "minimum": 1, "maximum": 999_999_999_999_999],
          ["type": "string", "pattern": .string(ByteSize.pattern)],
        ]
      ],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else {
          return ByteSize(bytes: try scalar.integer(in: 1...999_999_999_999_999))
        }
        if text == "off" { return nil }
        if Suggestions.nearest(to: text, among: ["off"]) != nil { throw .unexpected(hint: didYouMean("off")) }
        let size = try ByteSize(reading: text)
        if size.bytes == 0 { throw .described("lets nothing through: write \"off\" for no limit") }
        return size
      },
      write: { .string($0?.written ?? "off") })
  }
}

extension ByteSize {
  fileprivate init(reading text: String) throws(Mistake) {
    do throws(MalformedUnit) {
      self = try ByteSize(parsing: text)
    } catch {
      throw .described(error.description)
    }
  }
}
