import Testing

@testable import HTTPCore

/// How much of a head is taken.
@Suite struct HeadLimitsTests {
  private func outcome(_ message: String, _ limits: HeadLimits) -> String {
    let message = bytes(message)
    let whole = parseRequest(message, ends: [message.count], limits: limits).outcome
    #expect(parseRequest(message, ends: 0...message.count, limits: limits).outcome == whole, "byte by byte")
    return whole
  }

  @Test func aHeadOfExactlyTheLimitIsTaken() {
    let message = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: 40))\r\n\r\n"
    #expect(outcome(message, HeadLimits(bytes: message.utf8.count)).hasPrefix("GET"))
    #expect(outcome(message, HeadLimits(bytes: message.utf8.count - 1)) == "431 headTooLarge")
  }

  @Test func aHeadThatDoesNotEndIsRefusedAtTheLimit() {
    let message = "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "y", count: 100)
    #expect(outcome(message, HeadLimits(bytes: 100)) == "431 headTooLarge")
    #expect(outcome(String(message.utf8.prefix(99))!, HeadLimits(bytes: 100)) == "more")
  }

  @Test func aFirstLineOfExactlyTheLimitIsTaken() {
    let line = "GET /" + String(repeating: "a", count: 50) + " HTTP/1.1\r\n"
    #expect(outcome(line + "Host: a\r\n\r\n", HeadLimits(line: line.utf8.count)).hasPrefix("GET"))
    #expect(outcome(line + "Host: a\r\n\r\n", HeadLimits(line: line.utf8.count - 1)) == "414 targetTooLong")
  }

  @Test func aFirstLineThatFillsTheHeadIsTooLong() {
    #expect(outcome("GET /" + String(repeating: "a", count: 200), HeadLimits(bytes: 100)) == "414 targetTooLong")
  }

  @Test func aFieldLineMayNotBeLongerThanALine() {
    let message = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: 40))\r\n\r\n"
    #expect(outcome(message, HeadLimits(line: 40)) == "431 headTooLarge")
  }

  @Test func fieldsAreCounted() {
    let fields = (0..<9).map { "X\($0): y\r\n" }.joined()
    #expect(outcome("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n", HeadLimits(fields: 10)).hasPrefix("GET"))
    #expect(
      outcome("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\(fields)\r\n", HeadLimits(fields: 10)) == "431 tooManyFields")
  }

  @Test func trailersAreBounded() {
    let limits = HeadLimits(bytes: 40, fields: 2)
    func outcome(_ trailers: String) -> String {
      let message = bytes("0\r\n" + trailers)
      let whole = decodeChunks(message, ends: [message.count], limits: limits)
      #expect(decodeChunks(message, ends: 0...message.count, limits: limits) == whole, "byte by byte")
      return whole
    }
    #expect(outcome("A: b\r\nC: d\r\n\r\n") == "end \"\" 0 A: b, C: d")
    #expect(outcome("A: b\r\nC: d\r\nE: f\r\n\r\n") == "431 trailersTooLarge \"\"")
    #expect(outcome("A: \(String(repeating: "b", count: 40))\r\n\r\n") == "431 trailersTooLarge \"\"")
  }

  /// What has been looked at is not looked at again.
  @Test func aLineIsSearchedFromWhereTheSearchStopped() {
    let message = bytes("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "y", count: 100))
    var progress = HeadProgress()
    withTable { table in
      for end in 1...message.count {
        message[..<end].withUnsafeBytes { bytes in
          guard case .needMore = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
          else {
            Issue.record("the head is not complete at \(end)")
            return
          }
        }
        let searched = progress.searched
        #expect(searched == UInt32(end))
      }
    }
    let (lineStart, fields) = (progress.lineStart, progress.fields)
    #expect(lineStart == 25)
    #expect(fields == 1)
  }

  @Test func aNewHeadBeginsWhereTheLastOneEnded() {
    let first = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    let message = bytes(first + "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n")
    var progress = HeadProgress()
    withTable { table in
      message.withUnsafeBytes { bytes in
        let half = UnsafeRawBufferPointer(rebasing: bytes[..<20])
        _ = RequestHead.parse(half, limits: HeadLimits(), progress: &progress, into: &table)
        guard case .head(let head) = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
        else {
          Issue.record("the first is complete")
          return
        }
        #expect(head.length == first.utf8.count)
        let rest = UnsafeRawBufferPointer(rebasing: bytes[head.length...])
        guard case .head(let next) = RequestHead.parse(rest, limits: HeadLimits(), progress: &progress, into: &table)
        else {
          Issue.record("the second is complete")
          return
        }
        #expect(rest.text(next.target.path) == "/2")
      }
    }
  }
}
