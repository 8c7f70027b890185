import HTTPCore

private enum End: Equatable {
  case needMore, end(Int)
  case fault(MessageFault)
}

/// Decodes what comes in pieces of `step` bytes.
private func decode(_ bytes: UnsafeRawBufferPointer, step: Int, limit: UInt64) -> (body: [UInt8], end: End) {
  var decoder = ChunkedDecoder(limit: limit)
  var fields = FieldTable(capacity: 8)
  var progress = HeadProgress()
  var body: [UInt8] = []
  var position = 0
  var trailers: Int?
  var end = 0
  while end < bytes.count {
    end = min(end + step, bytes.count)
    let piece = UnsafeRawBufferPointer(rebasing: bytes[..<end])
    reading: while true {
      if let trailers {
        let rest = UnsafeRawBufferPointer(rebasing: piece[trailers...])
        let limits = HeadLimits(bytes: 512, fields: 8)
        switch TrailerSection.parse(rest, limits: limits, progress: &progress, into: &fields) {
        case .needMore: break reading
        case .end(let length): return (body, .end(trailers + length))
        case .fault(let fault): return (body, .fault(fault))
        }
      }
      switch decoder.next(in: piece, from: &position) {
      case .data(let range):
        precondition(!range.isEmpty && range.upperBound == position)
        body += piece[range]
      case .needMore:
        precondition(position == end)
        break reading
      case .trailers: trailers = position
      case .end: return (body, .end(position))
      case .fault(let fault): return (body, .fault(fault))
      }
    }
  }
  return (body, .needMore)
}

/// A chunked body is the same however it is cut; and encoded again it is the same body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 0 else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  let limit: UInt64 = 4096
  let whole = decode(bytes, step: count, limit: limit)
  for step in [1, 3, Int(bytes[0] & 31) + 1] {
    let pieces = decode(bytes, step: step, limit: limit)
    precondition(pieces.body == whole.body && pieces.end == whole.end, "the cut decides")
  }
  precondition(whole.body.count <= Int(limit))

  var encoder = ChunkedEncoder()
  var encoded: [UInt8] = []
  withUnsafeTemporaryAllocation(byteCount: ChunkedEncoder.room, alignment: 1) { room in
    var position = 0
    while position < whole.body.count {
      let size = min(Int(bytes[position % count]) + 1, whole.body.count - position)
      let length = encoder.beginChunk(of: size, into: room)
      encoded += room[..<length]
      encoded += whole.body[position..<position + size]
      position += size
    }
    let length = encoder.end(into: room)
    encoded += room[..<length]
  }
  let again = encoded.withUnsafeBytes { decode($0, step: 7, limit: limit) }
  precondition(again.body == whole.body && again.end == .end(encoded.count), "encoding changes the body")
  return 0
}
