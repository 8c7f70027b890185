import Base
import HTTPCore
import Reactor

/// Why the admin server gave no answer; what it answers, errors too, is an `Answer`.
public enum AdminFailure: Error, Equatable, Sendable {
  /// Nothing could be connected to.
  case unreachable(SystemError)
  /// Connected, and then silent for this long.
  case silent(Duration)
  /// The connection broke before the answer was whole.
  case cut(SystemError?)
  /// What came is no HTTP.
  case malformed(MessageFault)
  /// The answer is longer than anybody should read.
  case tooLong
}

extension AdminFailure: CustomStringConvertible {
  /// In words that finish the sentence "127.0.0.1:9900 does not answer: …".
  public var description: String {
    switch self {
    case .unreachable(let error): "\(error)"
    case .silent(let duration): "it was silent for \(duration.written)"
    case .cut(let error): "the connection ended in the middle of the answer" + (error.map { ": \($0)" } ?? "")
    case .malformed(let fault): "the answer is not HTTP: \(fault)"
    case .tooLong: "the answer is longer than \(ByteSize(bytes: Answer.longest).written)"
    }
  }
}
