/// Reads big-endian numbers and length-prefixed vectors from bytes that somebody else wrote.
///
/// Every read answers nil instead of going past the end, and then leaves the position where it was. The reader does
/// not own the bytes: it must not outlive the buffer it was given.
public struct ByteReader {
  @usableFromInline let bytes: UnsafeRawBufferPointer
  @usableFromInline var offset = 0

  /// Bytes read so far.
  @inlinable
  public var position: Int { offset }

  @inlinable
  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Bytes not read yet.
  @inlinable
  public var remaining: Int { bytes.count - offset }

  @inlinable
  public var isAtEnd: Bool { offset == bytes.count }

  @inlinable
  public mutating func readUInt8() -> UInt8? { readInteger(count: 1).map(UInt8.init(truncatingIfNeeded:)) }

  @inlinable
  public mutating func readUInt16() -> UInt16? { readInteger(count: 2).map(UInt16.init(truncatingIfNeeded:)) }

  /// Three bytes, as TLS counts the length of a handshake message (RFC 8446, 4).
  @inlinable
  public mutating func readUInt24() -> UInt32? { readInteger(count: 3).map(UInt32.init(truncatingIfNeeded:)) }

  @inlinable
  public mutating func readUInt32() -> UInt32? { readInteger(count: 4).map(UInt32.init(truncatingIfNeeded:)) }

  @inlinable
  public mutating func readUInt64() -> UInt64? { readInteger(count: 8) }

  /// The next `count` bytes, as a part of the same buffer.
  @inlinable
  public mutating func readBytes(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= remaining else { return nil }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  @inlinable
  public mutating func skip(_ count: Int) -> Bool { readBytes(count) != nil }

  /// Bytes behind a length of one byte.
  @inlinable
  public mutating func readVector8() -> UnsafeRawBufferPointer? { readVector(lengthSize: 1) }

  /// Bytes behind a length of two bytes.
  @inlinable
  public mutating func readVector16() -> UnsafeRawBufferPointer? { readVector(lengthSize: 2) }

  @inlinable
  mutating func readVector(lengthSize: Int) -> UnsafeRawBufferPointer? {
    let start = offset
    guard let length = readInteger(count: lengthSize) else { return nil }
    guard let vector = readBytes(Int(length)) else {
      offset = start
      return nil
    }
    return vector
  }

  @inlinable
  @inline(__always)
  mutating func readInteger(count: Int) -> UInt64? {
    guard count <= remaining else { return nil }
    var value: UInt64 = 0
    for byte in bytes[offset..<offset + count] { value = value << 8 | UInt64(byte) }
    offset += count
    return value
  }
}
