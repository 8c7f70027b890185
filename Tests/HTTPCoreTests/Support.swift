import Foundation

@testable import HTTPCore

/// A message of the corpus, and what is to become of it.
///
/// The files under Corpus are arrays of these. A message is text of which each character is one byte, so that they can
/// hold any; tests with real sockets send the same ones.
struct CorpusEntry: Decodable, CustomStringConvertible, Sendable {
  let name: String
  /// Of the request that is answered; responses only.
  let method: String?
  let message: String
  let expect: String

  var bytes: [UInt8] { message.unicodeScalars.map { UInt8($0.value) } }
  var description: String { name }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")

  static func read(_ file: String) -> [CorpusEntry] {
    do {
      return try JSONDecoder().decode([CorpusEntry].self, from: Data(contentsOf: folder.appending(path: file)))
    } catch {
      fatalError("\(file): \(error)")
    }
  }

  static let requests = read("requests.json")
  static let responses = read("responses.json")
  static let chunked = read("chunked.json")
  static let paths = read("paths.json")
  static let pathsWithEncodedSlash = read("paths-encoded-slash.json")
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Text of which each character is a byte.
func text(_ bytes: some Sequence<UInt8>) -> String {
  var text = ""
  for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
  return text
}

extension UnsafeRawBufferPointer {
  func text(_ range: ByteRange) -> String { HTTPCoreTests.text(self[range]) }
}

/// What a message became, in one line: what the corpus says under `expect`.
enum Outcome {
  static func of(_ answer: RequestHead.Answer, _ bytes: UnsafeRawBufferPointer) -> String {
    switch answer {
    case .needMore: "more"
    case .fault(let fault): "\(fault.status) \(fault.rawValue)"
    case .head(let head): describe(head, bytes)
    }
  }

  static func of(_ answer: ResponseHead.Answer, _ bytes: UnsafeRawBufferPointer) -> String {
    switch answer {
    case .needMore: "more"
    case .fault(let fault): "\(MessageFault.gatewayStatus) \(fault.rawValue)"
    case .head(let head): describe(head, bytes)
    }
  }

  private static func describe(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> String {
    var words = [bytes.text(head.methodName)]
    switch head.target.form {
    case .origin, .absolute: words.append(head.target.path.isEmpty ? "-" : bytes.text(head.target.path))
    case .authority, .asterisk: words.append(bytes.text(head.target.whole))
    }
    if let query = head.target.query { words.append("?" + bytes.text(query)) }
    words.append(head.version == .http11 ? "1.1" : "1.0")
    words.append(
      head.authority.map { bytes.text($0.host) + ($0.port.map { ":\($0)" } ?? "") } ?? "-")
    if let scheme = head.target.scheme { words.append("\(scheme)") }
    words.append(describe(head.framing))
    words.append(head.keepsAlive ? "keep" : "close")
    if head.expectsContinue { words.append("expect") }
    words += describe(head.upgrade, bytes)
    if head.acceptsTrailers { words.append("trailers") }
    if let maxForwards = head.maxForwards { words.append("max-forwards(\(maxForwards))") }
    return words.joined(separator: " ")
  }

  private static func describe(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> String {
    var words = ["\(head.status)", "\"\(bytes.text(head.reason))\"", head.version == .http11 ? "1.1" : "1.0"]
    words.append(describe(head.framing))
    if head.framing != head.declaredLength.map(BodyFraming.length), let length = head.declaredLength {
      words.append("declared(\(length))")
    }
    words.append(head.keepsAlive ? "keep" : "close")
    if head.isInterim { words.append("interim") }
    words += describe(head.upgrade, bytes)
    return words.joined(separator: " ")
  }

  private static func describe(_ framing: BodyFraming) -> String {
    switch framing {
    case .none: "none"
    case .length(let length): "length(\(length))"
    case .chunked: "chunked"
    case .untilClose: "untilClose"
    case .tunnel: "tunnel"
    }
  }

  private static func describe(_ upgrade: Upgrade, _ bytes: UnsafeRawBufferPointer) -> [String] {
    switch upgrade {
    case .none: []
    case .webSocket: ["upgrade(websocket)"]
    case .other(let protocols): ["upgrade(\(bytes.text(protocols)))"]
    }
  }
}

/// Lends the table of one head after the other.
func withTable<Result>(_ body: (inout FieldTable) throws -> Result) rethrows -> Result {
  var table = FieldTable(capacity: 8)
  return try body(&table)
}

/// What becomes of a request whose bytes come in the given pieces, each time in another buffer.
func parseRequest(
  _ message: [UInt8], ends: some Sequence<Int>, limits: HeadLimits = HeadLimits()
) -> (outcome: String, fields: [String]) {
  var progress = HeadProgress()
  return withTable { table in
    var outcome = "more"
    for end in ends {
      let answer = Array(message[..<end]).withUnsafeBytes { bytes in
        let answer = RequestHead.parse(bytes, limits: limits, progress: &progress, into: &table)
        outcome = Outcome.of(answer, bytes)
        return answer
      }
      if case .needMore = answer { continue }
      if case .head(let head) = answer { outcome += " \(head.length)" }
      break
    }
    return (outcome, outcome == "more" ? [] : fields(table, message))
  }
}

func parseResponse(
  _ message: [UInt8], answering method: Method, ends: some Sequence<Int>
) -> (outcome: String, fields: [String]) {
  var progress = HeadProgress()
  return withTable { table in
    var outcome = "more"
    for end in ends {
      let answer = Array(message[..<end]).withUnsafeBytes { bytes in
        let answer = ResponseHead.parse(
          bytes, answering: method, limits: HeadLimits(), progress: &progress, into: &table)
        outcome = Outcome.of(answer, bytes)
        return answer
      }
      if case .needMore = answer { continue }
      if case .head(let head) = answer { outcome += " \(head.length)" }
      break
    }
    return (outcome, outcome == "more" ? [] : fields(table, message))
  }
}

/// The fields of a table, in the spelling of the message, with why they would be dropped.
func fields(_ table: borrowing FieldTable, _ message: [UInt8]) -> [String] {
  message.withUnsafeBytes { bytes in
    var all: [String] = []
    for index in 0..<table.count {
      let field = table[index]
      guard field.value.end <= bytes.count else { return all }
      all.append("\(bytes.text(field.name)): \(bytes.text(field.value)) \(field.known) \(field.handling.rawValue)")
    }
    return all
  }
}

/// What becomes of a chunked body that comes in pieces: how it ends, the body, what is left behind it, and the trailers.
func decodeChunks(_ message: [UInt8], ends: some Sequence<Int>, limits: HeadLimits = HeadLimits()) -> String {
  var decoder = ChunkedDecoder()
  var body: [UInt8] = []
  var position = 0
  var trailerStart: Int?
  var progress = HeadProgress()
  return withTable { table in
    for end in ends {
      let outcome: String? = Array(message[..<end]).withUnsafeBytes { bytes in
        while true {
          if let start = trailerStart {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
            switch TrailerSection.parse(rest, limits: limits, progress: &progress, into: &table) {
            case .needMore: return nil
            case .fault(let fault): return "\(fault.status) \(fault.rawValue) \"\(text(body))\""
            case .end(let length):
              var words = "end \"\(text(body))\" \(message.count - start - length)"
              var isFirst = true
              for index in 0..<table.count where TrailerSection.isForwarded(table[index]) {
                words += isFirst ? " " : ", "
                words += "\(rest.text(table[index].name)): \(rest.text(table[index].value))"
                isFirst = false
              }
              return words
            }
          }
          switch decoder.next(in: bytes, from: &position) {
          case .data(let range): body += bytes[range]
          case .needMore: return nil
          case .trailers: trailerStart = position
          case .end: return "end \"\(text(body))\" \(message.count - position)"
          case .fault(let fault): return "\(fault.status) \(fault.rawValue) \"\(text(body))\""
          }
        }
      }
      if let outcome { return outcome }
    }
    return "more \"\(text(body))\""
  }
}

/// What the normalizer makes of a path.
func normalize(_ path: [UInt8], encodedSlash: PathNormalizer.EncodedSlash = .refuse) -> String {
  path.withUnsafeBytes { path in
    withUnsafeTemporaryAllocation(byteCount: PathNormalizer.room(for: path), alignment: 1) { room in
      switch PathNormalizer.normalize(path, encodedSlash: encodedSlash, into: room) {
      case .unchanged: text(path)
      case .normalized(let count): text(room[..<count])
      case .needsRoom(let count): "needs \(count)"
      case .refused(let fault): "\(fault.status) \(fault.rawValue)"
      }
    }
  }
}
