/// The check of type `postgresql`: asks for encryption, which the postmaster answers with one byte before anybody logs
/// in (PostgreSQL, "Message Formats": SSLRequest, GSSENCRequest). Neither a role nor a database is named, so nothing is
/// logged as a failed login.
///
/// A server that takes TLS logs "could not accept SSL connection: EOF detected" when the connection ends after its
/// `S`. Closing after the answer to a GSSENCRequest is silent, so a server that has once said `S` is asked that from
/// then on. Servers before PostgreSQL 12 do not know it; they get the SSLRequest for good.
struct PostgreSQLProbe: Probe {
  /// The length and the request's code, both in network order.
  private static let sslRequest: [UInt8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F]
  private static let gssRequest: [UInt8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x30]

  private enum Question {
    case ssl
    case gss
    /// The server does not know the other.
    case sslForGood
  }

  private var question = Question.ssl

  let expected = "S or N"

  mutating func begin() -> ProbeStep { .send(question == .gss ? Self.gssRequest : Self.sslRequest) }

  mutating func judge(_ answer: [UInt8]) -> ProbeStep {
    guard let letter = answer.first else { return .wait }
    switch (letter, question) {
    case (UInt8(ascii: "S"), .ssl):
      question = .gss
      return .passed
    case (UInt8(ascii: "S"), .sslForGood), (UInt8(ascii: "N"), _), (UInt8(ascii: "G"), .gss): return .passed
    case (_, .gss): return neverAskForGSSAgain()
    case (UInt8(ascii: "E"), _): return answer.isWholeError ? .failed(received: answer.errorText) : .wait
    default: return .failed(received: Excerpt.quoted(answer))
    }
  }

  mutating func judgeEnd(_ answer: [UInt8]) -> ProbeStep {
    if question == .gss { return neverAskForGSSAgain() }
    return answer.isEmpty ? .wait : .failed(received: answer.errorText)
  }

  private mutating func neverAskForGSSAgain() -> ProbeStep {
    question = .sslForGood
    return .startOver
  }
}

/// ErrorResponse: `E`, a length that counts itself, and fields of a letter and a text that ends with a zero.
extension [UInt8] {
  fileprivate var isWholeError: Bool {
    guard count >= 5 else { return false }
    let length = self[1..<5].reduce(0) { $0 << 8 | Int($1) }
    // Servers of old, and those that cannot even fork, send a bare text.
    guard (4...PostgreSQLProbe.longestAnswer).contains(length) else { return contains(0) || contains(0x0A) }
    return count > length
  }

  /// `error 57P03 "the database system is starting up"`
  fileprivate var errorText: String {
    guard first == UInt8(ascii: "E"), isWholeError else { return Excerpt.quoted(self) }
    var code = ""
    var message: ArraySlice<UInt8>?
    for field in self[5...].split(separator: 0) {
      switch field.first {
      case UInt8(ascii: "C"): code = String(decoding: field.dropFirst().prefix(5), as: UTF8.self)
      case UInt8(ascii: "M"): message = field.dropFirst()
      default: break
      }
    }
    guard let message, code.utf8.count == 5, code.utf8.allSatisfy(\.isLetterOrDigit) else {
      return Excerpt.quoted(dropFirst().prefix { $0 != 0 && $0 != 0x0A })
    }
    return "error \(code) \(Excerpt.quoted(message))"
  }
}

extension UInt8 {
  /// Of ASCII.
  var isLetterOrDigit: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
  }
}
