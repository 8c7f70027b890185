import Base
import Reactor

/// A check's conversation on one connection: keeps the backend's answer while it grows, within its limit, and puts into
/// words why a conversation failed. Pure; `ProbeConnection` is the shell around it.
struct Conversation {
  enum Step: Equatable {
    /// Waits for the backend.
    case wait
    case send([UInt8])
    case passed(farewell: [UInt8])
    case failed(ProbeCause)
    case startOver
  }

  /// With what it has learnt, for the next check.
  private(set) var probe: any Probe
  private var answer: [UInt8] = []

  init(_ probe: any Probe) { self.probe = probe }

  /// Bytes that may still be read.
  var room: Int { type(of: probe).longestAnswer - answer.count }

  mutating func begin() -> Step {
    answer = []
    return step(probe.begin())
  }

  /// - Parameter bytes: no more than `room`.
  mutating func receive(_ bytes: some Collection<UInt8>) -> Step {
    answer += bytes
    let next = step(probe.judge(answer))
    if next == .wait, room <= 0 {
      return .failed(.conversation(probe.expected, "received \(answer.count) bytes without it: \(quotedAnswer)"))
    }
    return next
  }

  /// The backend has closed the connection.
  mutating func end() -> Step {
    let next = step(probe.judgeEnd(answer))
    return next == .wait ? .failed(broken("the backend closed the connection")) : next
  }

  /// The connection broke while the conversation was under way.
  mutating func end(_ error: SystemError) -> Step {
    let next = step(probe.judgeEnd(answer))
    return next == .wait ? .failed(broken(ProbeCause.words(error), errno: error.name)) : next
  }

  /// Why it failed when its time is over.
  func timeOut(_ timeout: Duration) -> ProbeCause {
    .conversation(
      probe.expected,
      answer.isEmpty ? "no answer within \(timeout.text)" : "received only \(quotedAnswer) within \(timeout.text)")
  }

  private func broken(_ words: String, errno: String? = nil) -> ProbeCause {
    .conversation(probe.expected, answer.isEmpty ? words : "received only \(quotedAnswer), then \(words)", errno: errno)
  }

  private var quotedAnswer: String { Excerpt.quoted(answer) }

  private mutating func step(_ step: ProbeStep) -> Step {
    switch step {
    case .wait: return .wait
    case .send(let bytes):
      answer = []
      return .send(bytes)
    case .passed(let farewell): return .passed(farewell: farewell)
    case .failed(let received): return .failed(.conversation(probe.expected, "received \(received)"))
    case .startOver: return .startOver
    }
  }
}
