import HTTPCore

/// Takes a body out of what is read of a message: the rest of it that is still to come.
struct BodyReader: BitwiseCopyable {
  enum Rest: BitwiseCopyable {
    case length(UInt64)
    case chunked(ChunkedDecoder)
    /// Fields behind the last chunk.
    case trailers(HeadProgress)
    case untilClose
    case ended
  }

  var rest: Rest

  init(_ framing: BodyFraming, limit: UInt64 = UInt64(Int64.max)) {
    switch framing {
    case .none, .tunnel: rest = .ended
    case .length(let length): rest = length == 0 ? .ended : .length(length)
    case .chunked: rest = .chunked(ChunkedDecoder(limit: limit))
    case .untilClose: rest = .untilClose
    }
  }

  @inline(__always)
  var hasEnded: Bool { if case .ended = rest { true } else { false } }

  struct Taken {
    /// Bytes of the body, in one stretch.
    var body: Range<Int>
    /// How much of the input is used; what is behind it is to be given again, with more.
    var used: Int
    /// Where the fields behind the body begin, if it has ended with some: they are in the table.
    var trailers: Int?
    var fault: MessageFault?
  }

  /// Reads from `start` on. The chunks of a body are moved together, over the sizes between them.
  mutating func take(
    _ bytes: UnsafeMutableRawBufferPointer, from start: Int, limits: HeadLimits, trailers: inout FieldTable
  ) -> Taken {
    let available = bytes.count - start
    switch rest {
    case .ended: return Taken(body: start..<start, used: start)
    case .untilClose: return Taken(body: start..<bytes.count, used: bytes.count)
    case .length(let left):
      let count = Int(min(left, UInt64(available)))
      rest = UInt64(count) == left ? .ended : .length(left - UInt64(count))
      return Taken(body: start..<start + count, used: start + count)
    case .chunked(let decoder): return takeChunks(bytes, from: start, decoder, limits, &trailers)
    case .trailers(let progress):
      return takeTrailers(bytes, start..<start, from: start, progress, limits, &trailers)
    }
  }

  private mutating func takeChunks(
    _ bytes: UnsafeMutableRawBufferPointer, from start: Int, _ decoder: ChunkedDecoder, _ limits: HeadLimits,
    _ trailers: inout FieldTable
  ) -> Taken {
    var decoder = decoder
    var position = start
    var body = start..<start
    while true {
      switch decoder.next(in: UnsafeRawBufferPointer(bytes), from: &position) {
      case .data(let range):
        if body.isEmpty {
          body = range
        } else {
          if let base = bytes.baseAddress {
            (base + body.upperBound).copyMemory(from: base + range.lowerBound, byteCount: range.count)
          }
          body = body.lowerBound..<body.upperBound + range.count
        }
      case .needMore:
        rest = .chunked(decoder)
        return Taken(body: body, used: position)
      case .trailers: return takeTrailers(bytes, body, from: position, HeadProgress(), limits, &trailers)
      case .end:
        rest = .ended
        return Taken(body: body, used: position)
      case .fault(let fault): return Taken(body: body, used: position, fault: fault)
      }
    }
  }

  private mutating func takeTrailers(
    _ bytes: UnsafeMutableRawBufferPointer, _ body: Range<Int>, from start: Int, _ progress: HeadProgress,
    _ limits: HeadLimits, _ trailers: inout FieldTable
  ) -> Taken {
    var progress = progress
    let section = UnsafeRawBufferPointer(rebasing: bytes[start...])
    switch TrailerSection.parse(section, limits: limits, progress: &progress, into: &trailers) {
    case .needMore:
      rest = .trailers(progress)
      return Taken(body: body, used: start)
    case .end(let length):
      rest = .ended
      return Taken(body: body, used: start + length, trailers: start)
    case .fault(let fault): return Taken(body: body, used: start, fault: fault)
    }
  }
}
