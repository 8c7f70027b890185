/// A part of a message, as offsets into the buffer that it was parsed from.
///
/// Heads are bounded far below 4 GiB, so that two words of 32 bits are enough. A range owns nothing and means nothing
/// without its buffer: when the bytes of a message move, its ranges still fit as long as they move as a whole.
public struct ByteRange: Equatable, Sendable, BitwiseCopyable {
  public var start: UInt32
  public var end: UInt32

  @inlinable
  public init(_ start: Int, _ end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.end = UInt32(truncatingIfNeeded: end)
  }

  @inlinable
  public static var empty: ByteRange { ByteRange(0, 0) }

  @inlinable
  public var count: Int { Int(end) &- Int(start) }

  @inlinable
  public var isEmpty: Bool { start == end }
}

extension UnsafeRawBufferPointer {
  /// The bytes that `range` names. Traps when the range is not of this buffer, in release builds too.
  @inlinable
  public subscript(_ range: ByteRange) -> UnsafeRawBufferPointer {
    precondition(range.start <= range.end && Int(range.end) <= count, "a range of another buffer")
    guard let baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: baseAddress + Int(range.start), count: range.count)
  }
}
