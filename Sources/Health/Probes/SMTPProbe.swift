/// The check of type `smtp`: the greeting 220, then QUIT, to be answered with 221 (RFC 5321, 3.1 and 4.1.1.10).
///
/// It never speaks before the greeting is complete: servers that hold the end of their greeting back take whoever does
/// for a spammer.
struct SMTPProbe: Probe {
  private static let quit = Array("QUIT\r\n".utf8)

  private var code = "220"

  var expected: String { code }

  mutating func begin() -> ProbeStep {
    code = "220"
    return .wait
  }

  mutating func judge(_ answer: [UInt8]) -> ProbeStep {
    // In a reply of several lines a hyphen follows the code in all but the last (RFC 5321, 4.2.1).
    for line in answer.wholeLines {
      let separator = line.dropFirst(3).first ?? UInt8(ascii: " ")
      let isLast = separator == UInt8(ascii: " ")
      guard line.starts(with: code.utf8), isLast || separator == UInt8(ascii: "-") else {
        return .failed(received: Excerpt.quoted(line))
      }
      guard isLast else { continue }
      if code == "221" { return .passed }
      code = "221"
      return .send(Self.quit)
    }
    return .wait
  }
}
