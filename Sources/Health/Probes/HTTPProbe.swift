import HTTPCore

/// What a check of type `http` asks, and what it takes for an answer.
public struct HTTPCheck: Equatable, Sendable {
  public var method = "GET"
  /// With its query.
  public var path = "/"
  public var host = "localhost"
  /// Fields by name; those that are given take the place of the check's own.
  public var fields: [(name: String, value: String)] = []
  public var status: [ClosedRange<Int>] = [200...399]
  /// A text that the content has to hold; empty for none.
  public var body = ""

  public init() {}

  public static func == (left: HTTPCheck, right: HTTPCheck) -> Bool {
    left.method == right.method && left.path == right.path && left.host == right.host && left.status == right.status
      && left.body == right.body && left.fields.elementsEqual(right.fields) { $0 == $1 }
  }
}

/// The check of type `http`: a request on a connection of its own (RFC 9112), of whose response the status decides, and
/// a text in its content where one is wanted. Redirects are not followed: where they lead is another server's business.
struct HTTPProbe: Probe {
  static let longestAnswer = longestHead + longestContent
  private static let longestHead = 16 << 10
  private static let longestContent = 16 << 10

  private let question: [UInt8]
  private let method: Method
  private let status: [ClosedRange<Int>]
  private let statusText: String
  private let wanted: [UInt8]

  /// Where the response begins: behind those that announce it (RFC 9110, 15.2).
  private var start = 0
  /// Where its content begins, and how it is framed; nil until the head is there.
  private var content: (position: Int, framing: BodyFraming)?
  private var decoder = ChunkedDecoder()
  private var decoded: [UInt8] = []
  private var searched = 0

  init(_ check: HTTPCheck) {
    var lines = "\(check.method) \(check.path) HTTP/1.1\r\nHost: \(check.host)\r\n"
    let given = Set(check.fields.map { $0.name.lowercased() })
    for (name, value) in [("User-Agent", "balancer"), ("Accept", "*/*")] where !given.contains(name.lowercased()) {
      lines += "\(name): \(value)\r\n"
    }
    for (name, value) in check.fields { lines += "\(name): \(value)\r\n" }
    // What takes content is told that there is none (RFC 9110, 8.6).
    if ["POST", "PUT", "PATCH"].contains(check.method) { lines += "Content-Length: 0\r\n" }
    question = Array((lines + "Connection: close\r\n\r\n").utf8)
    method = Method.allCases.first { $0.name.description == check.method } ?? .other
    status = check.status
    statusText = check.status.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
    wanted = Array(check.body.utf8)
  }

  var expected: String { content == nil ? "a status of \(statusText)" : "\(Excerpt.quoted(wanted)) in the content" }

  mutating func begin() -> ProbeStep {
    start = 0
    content = nil
    decoder = ChunkedDecoder()
    decoded = []
    searched = 0
    return .send(question)
  }

  mutating func judge(_ answer: [UInt8]) -> ProbeStep {
    if content == nil, let step = readHead(answer) { return step }
    guard let framing = content?.framing else { return .wait }
    return readContent(answer, framing)
  }

  mutating func judgeEnd(_ answer: [UInt8]) -> ProbeStep {
    guard let framing = content?.framing, framing == .untilClose else { return .wait }
    return missing
  }

  /// nil when the head is there, and good.
  private mutating func readHead(_ answer: [UInt8]) -> ProbeStep? {
    while true {
      var progress = HeadProgress()
      var fields = FieldTable()
      let (start, method) = (start, method)
      let parsed = answer.withUnsafeBytes { bytes in
        ResponseHead.parse(
          UnsafeRawBufferPointer(rebasing: bytes[start...]), answering: method,
          limits: HeadLimits(bytes: Self.longestHead, fields: 500), progress: &progress, into: &fields)
      }
      switch parsed {
      case .needMore: return .wait
      case .fault(let fault): return .failed(received: "no HTTP (\(fault)): \(Excerpt.quoted(answer[start...]))")
      case .head(let head):
        if head.isInterim {
          self.start += head.length
          continue
        }
        guard status.contains(where: { $0.contains(Int(head.status)) }) else {
          return .failed(received: Excerpt.quoted(answer[start...].prefix { $0 != 0x0D && $0 != 0x0A }))
        }
        if wanted.isEmpty { return .passed }
        content = (start + head.length, head.framing)
        return nil
      }
    }
  }

  private mutating func readContent(_ answer: [UInt8], _ framing: BodyFraming) -> ProbeStep {
    guard var position = content?.position else { return .wait }
    var isWhole = false
    switch framing {
    case .none, .tunnel: isWhole = true
    case .length(let length):
      let owed = Int(clamping: length) - decoded.count
      let count = min(answer.count - position, owed)
      decoded += answer[position..<position + count]
      position += count
      isWhole = count == owed
    case .untilClose:
      decoded += answer[position...]
      position = answer.count
    case .chunked:
      var decoder = decoder
      var fault: MessageFault?
      answer.withUnsafeBytes { bytes in
        reading: while true {
          switch decoder.next(in: bytes, from: &position) {
          case .data(let range): decoded += bytes[range]
          case .needMore: break reading
          case .trailers, .end:
            isWhole = true
            break reading
          case .fault(let reason):
            fault = reason
            break reading
          }
        }
      }
      self.decoder = decoder
      if let fault { return .failed(received: "content that is broken: \(fault)") }
    }
    content?.position = position
    while searched + wanted.count <= min(decoded.count, Self.longestContent) {
      if decoded[searched...].starts(with: wanted) { return .passed }
      searched += 1
    }
    return isWhole || decoded.count >= Self.longestContent ? missing : .wait
  }

  private var missing: ProbeStep {
    .failed(received: "\(decoded.count) bytes without it: \(Excerpt.quoted(decoded))")
  }
}
