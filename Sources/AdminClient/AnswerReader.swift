import HTTPCore

/// Reads one response as it comes: bytes in, a status and a body out.
struct AnswerReader: ~Copyable {
  private static let limits = HeadLimits(bytes: 64 << 10, fields: 100)

  private let method: Method
  /// Bytes of the head that is not whole yet.
  private var head: [UInt8] = []
  private var progress = HeadProgress()
  private var fields = FieldTable(capacity: 16)
  private var framing: BodyFraming?
  private var decoder: ChunkedDecoder
  /// Of a body with a length, what is still to come.
  private var remaining: UInt64 = 0

  /// Set when the head has been read.
  private(set) var status: Int?
  /// What has come of the body and has not been taken.
  private(set) var body: [UInt8] = []
  private(set) var isComplete = false

  /// - Parameters:
  ///   - method: of the request that is answered.
  ///   - isStream: whether the body has no end to speak of, and is taken in parts.
  init(answering method: Method, isStream: Bool = false) {
    self.method = method
    decoder = isStream ? ChunkedDecoder() : ChunkedDecoder(limit: UInt64(Answer.longest))
  }

  /// Takes what has come; what follows the answer is dropped.
  mutating func take(_ bytes: [UInt8]) throws(AdminFailure) {
    if isComplete { return }
    guard status == nil else { return try takeBody(bytes) }
    head += bytes
    try readHead()
  }

  private mutating func readHead() throws(AdminFailure) {
    while status == nil {
      let answer = head.withUnsafeBytes { bytes in
        ResponseHead.parse(bytes, answering: method, limits: Self.limits, progress: &progress, into: &fields)
      }
      switch answer {
      case .needMore: return
      case .fault(let fault): throw .malformed(fault)
      case .head(let response):
        head.removeFirst(response.length)
        if response.isInterim { continue }
        status = Int(response.status)
        framing = response.framing
        if case .length(let length) = response.framing {
          if length > UInt64(Answer.longest) { throw .tooLong }
          remaining = length
        }
        isComplete = response.framing.isEmpty
      }
    }
    let rest = head
    head = []
    try takeBody(rest)
  }

  private mutating func takeBody(_ bytes: [UInt8]) throws(AdminFailure) {
    switch framing {
    case .length:
      let count = Int(min(remaining, UInt64(bytes.count)))
      body += bytes[..<count]
      remaining -= UInt64(count)
      isComplete = remaining == 0
    case .chunked: try takeChunks(bytes)
    case .untilClose, .tunnel: body += bytes
    case .some(.none), nil: break
    }
    if body.count > Answer.longest { throw .tooLong }
  }

  private mutating func takeChunks(_ bytes: [UInt8]) throws(AdminFailure) {
    var position = 0
    while true {
      switch bytes.withUnsafeBytes({ decoder.next(in: $0, from: &position) }) {
      case .data(let range): body += bytes[range]
      case .needMore: return
      // Nobody here reads trailers, and the connection is not used again.
      case .trailers, .end:
        isComplete = true
        return
      case .fault(.bodyTooLarge): throw .tooLong
      case .fault(let fault): throw .malformed(fault)
      }
    }
  }

  /// The server has closed; true when that is how the answer ends.
  mutating func end() -> Bool {
    if framing == .untilClose { isComplete = true }
    return isComplete
  }

  /// The part of the body that has come, which is not kept.
  mutating func takePart() -> [UInt8] {
    defer { body = [] }
    return body
  }
}
