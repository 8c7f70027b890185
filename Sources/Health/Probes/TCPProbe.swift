/// The check of type `tcp`: a connection that is accepted is all it wants, unless there is something to send or to
/// wait for.
struct TCPProbe: Probe {
  static let longestAnswer = 16_384

  private let text: [UInt8]
  private let wanted: [UInt8]
  /// Bytes of the answer in which no `wanted` begins.
  private var searched = 0

  init(send: String, expect: String) {
    text = Array(send.utf8)
    wanted = Array(expect.utf8)
  }

  var expected: String { Excerpt.quoted(wanted) }

  mutating func begin() -> ProbeStep {
    searched = 0
    if wanted.isEmpty { return .passed(farewell: text) }
    return text.isEmpty ? .wait : .send(text)
  }

  mutating func judge(_ answer: [UInt8]) -> ProbeStep {
    while searched + wanted.count <= answer.count {
      if answer[searched...].starts(with: wanted) { return .passed }
      searched += 1
    }
    return .wait
  }
}
