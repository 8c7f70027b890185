/// Writes a body in chunks (RFC 9112, 7.1).
///
///     let count = encoder.beginChunk(of: data.count, into: room)   // then the data
///     let count = encoder.endChunk(into: room)                     // and all of it in one system call
///     let count = encoder.end(into: room)                          // with no trailers
///
/// The end of a chunk that is not written behind it is written before whatever comes next. To a reader that waits for it
/// before it hands the data on, as urllib3 does, an event of a stream would then come with the next event.
public struct ChunkedEncoder: Sendable, BitwiseCopyable {
  /// What `beginChunk` and `end` need at most: a line end, sixteen digits, a line end.
  public static let room = 20

  /// The end of the last chunk is still to be written.
  private var owesEnd = false

  public init() {}

  /// Writes what stands before `count` bytes of the body, and answers how many bytes that is.
  /// - Parameter room: at least `ChunkedEncoder.room` bytes. Not for a count of 0, which would end the body.
  public mutating func beginChunk(of count: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
    precondition(count > 0 && room.count >= Self.room, "a chunk has bytes, and its size has room")
    var position = endChunk(into: room)
    owesEnd = true
    let digits = (64 - count.leadingZeroBitCount + 3) / 4
    for digit in (0..<digits).reversed() {
      room[position] = Byte.upperHex(UInt8(truncatingIfNeeded: count >> (4 * digit)) & 15)
      position += 1
    }
    room[position] = Byte.carriageReturn
    room[position + 1] = Byte.lineFeed
    return position + 2
  }

  /// The same, but right-aligned: ends where the data begins, for data that already lies behind `room`, so that both are
  /// one stretch of memory. The last bytes of `room`, as many as the answer says, are written.
  public mutating func beginChunk(of count: Int, atEndOf room: UnsafeMutableRawBufferPointer) -> Int {
    var line = InlineArray<20, UInt8>(repeating: 0)
    var copy = self
    let length = withUnsafeMutableBytes(of: &line) { bytes in
      let length = copy.beginChunk(of: count, into: bytes)
      precondition(room.count >= length, "a chunk's size has room before it")
      UnsafeMutableRawBufferPointer(rebasing: room[(room.count - length)...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<length]))
      return length
    }
    self = copy
    return length
  }

  /// Writes the last chunk and the end of the body, without trailers, and answers how many bytes that is.
  public mutating func end(into room: UnsafeMutableRawBufferPointer) -> Int {
    var position = beginTrailers(into: room)
    room[position] = Byte.carriageReturn
    room[position + 1] = Byte.lineFeed
    position += 2
    return position
  }

  /// Writes the last chunk only, for trailers and an empty line to follow: `HeadWriter.appendTrailers`.
  public mutating func beginTrailers(into room: UnsafeMutableRawBufferPointer) -> Int {
    precondition(room.count >= Self.room, "the last chunk has room")
    let position = endChunk(into: room)
    room[position] = 0x30
    room[position + 1] = Byte.carriageReturn
    room[position + 2] = Byte.lineFeed
    return position + 3
  }

  /// Writes the end of a chunk behind its data, and answers how many bytes that is: none where no chunk has begun.
  public mutating func endChunk(into room: UnsafeMutableRawBufferPointer) -> Int {
    guard owesEnd else { return 0 }
    owesEnd = false
    room[0] = Byte.carriageReturn
    room[1] = Byte.lineFeed
    return 2
  }
}
