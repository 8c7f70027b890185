import HTTPCore

/// The body of one request while it comes in.
struct RequestBody {
  private var decoder = ChunkedDecoder(limit: UInt64(AdminLimits.body))
  private var trailers: HeadProgress?
  private let framing: BodyFraming
  private(set) var bytes: [UInt8] = []

  init(_ framing: BodyFraming) throws(AdminError) {
    if framing.exceeds(UInt64(AdminLimits.body)) { throw AdminError(MessageFault.bodyTooLarge) }
    self.framing = framing
  }

  /// Takes what belongs to the body away from the front of `input`.
  /// - Returns: whether it is complete.
  mutating func take(
    from input: inout [UInt8], fields: inout FieldTable
  ) throws(AdminError) -> Bool {
    switch framing {
    case .none, .untilClose, .tunnel: return true
    case .length(let length):
      let count = min(Int(length) - bytes.count, input.count)
      bytes += input[..<count]
      input.removeFirst(count)
      return bytes.count == Int(length)
    case .chunked: return try takeChunks(from: &input, fields: &fields)
    }
  }

  private mutating func takeChunks(
    from input: inout [UInt8], fields: inout FieldTable
  ) throws(AdminError) -> Bool {
    var position = 0
    var fault: MessageFault?
    var isComplete = false
    input.withUnsafeBytes { buffer in
      while trailers == nil {
        switch decoder.next(in: buffer, from: &position) {
        case .data(let range): bytes += buffer[range]
        case .needMore: return
        case .trailers: trailers = HeadProgress()
        case .end:
          isComplete = true
          return
        case .fault(let found):
          fault = found
          return
        }
      }
      // What stands behind the body means nothing here, but has to be read.
      guard var progress = trailers else { return }
      let rest = UnsafeRawBufferPointer(rebasing: buffer[position...])
      switch TrailerSection.parse(rest, limits: HeadLimits(), progress: &progress, into: &fields) {
      case .needMore: trailers = progress
      case .end(let length):
        position += length
        isComplete = true
      case .fault(let found): fault = found
      }
    }
    if let fault { throw AdminError(fault) }
    input.removeFirst(position)
    return isComplete
  }
}
