/// A check's side of the conversation with a backend, once the connection stands: bytes in, the next step out.
///
/// Pure. A value lives as long as its backend is checked, so it may remember from one check to the next what kind of
/// server it has to do with.
protocol Probe: Sendable {
  /// The bytes that one answer may have. Past that the check has failed.
  static var longestAnswer: Int { get }

  /// What the backend owes now, as it finishes the sentence "expected …".
  var expected: String { get }

  /// The connection stands: a new check begins.
  mutating func begin() -> ProbeStep

  /// Judges what has come since the last step, with everything before it in the same answer. Asked again as more comes.
  mutating func judge(_ answer: [UInt8]) -> ProbeStep

  /// The backend has closed the connection, and this was all of its answer: `.wait` is a failure now.
  mutating func judgeEnd(_ answer: [UInt8]) -> ProbeStep
}

/// What a conversation does next.
enum ProbeStep: Equatable {
  /// Waits for the backend, or for more of its answer.
  case wait
  /// Sends this and waits for an answer to it; what came before is done with.
  case send([UInt8])
  /// The check has passed. What is left to say is sent before the connection is closed.
  case passed(farewell: [UInt8])
  /// The check has failed: what came instead, as it finishes the sentence "received …".
  case failed(received: String)
  /// Begins anew on another connection, within the time of the same check.
  case startOver

  static let passed = ProbeStep.passed(farewell: [])
}

extension Probe {
  static var longestAnswer: Int { 4096 }

  mutating func judgeEnd(_ answer: [UInt8]) -> ProbeStep { .wait }
}
