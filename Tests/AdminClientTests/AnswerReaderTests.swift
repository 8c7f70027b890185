import HTTPCore
import Testing

@testable import AdminClient

@Suite struct AnswerReaderTests {
  private func read(_ text: String, size: Int = .max, ends: Bool = false) throws -> (Int?, String, Bool) {
    var reader = AnswerReader(answering: .get)
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      try reader.take(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    if ends { _ = reader.end() }
    return (reader.status, String(decoding: reader.body, as: UTF8.self), reader.isComplete)
  }

  @Test(arguments: [1, 5, 1000]) func aBodyWithALength(size: Int) throws {
    let read = try read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", size: size)
    #expect(read == (200, "hello", true))
  }

  @Test(arguments: [1, 5, 1000]) func aBodyInChunks(size: Int) throws {
    let text = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
    #expect(try read(text, size: size) == (404, "hello world", true))
  }

  @Test func aBodyThatTheEndOfTheConnectionEnds() throws {
    let text = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
    #expect(try read(text) == (200, "hello", false))
    #expect(try read(text, ends: true) == (200, "hello", true))
  }

  @Test func anAnswerThatIsCutIsNotComplete() throws {
    #expect(try read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", ends: true).2 == false)
    #expect(try read("HTTP/1.1 200 OK\r\nContent-Le", ends: true).2 == false)
    #expect(try read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ends: true).2 == false)
  }

  @Test func interimAnswersArePassedOver() throws {
    #expect(
      try read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") == (200, "ok", true))
  }

  @Test func noBody() throws {
    #expect(try read("HTTP/1.1 204 No Content\r\n\r\n") == (204, "", true))
    #expect(try read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == (200, "", true))
  }

  @Test func whatIsNoHTTPIsToldSo() {
    #expect(throws: AdminFailure.malformed(.badStatusLine)) { try read("SSH-2.0-OpenSSH_9.2\r\n") }
    #expect(throws: AdminFailure.self) {
      try read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    }
  }

  @Test func aBodyThatIsTooLongIsNotRead() {
    #expect(throws: AdminFailure.tooLong) {
      try read("HTTP/1.1 200 OK\r\nContent-Length: \(Answer.longest + 1)\r\n\r\n")
    }
    #expect(throws: AdminFailure.tooLong) {
      try read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n")
    }
    #expect(throws: AdminFailure.tooLong) {
      try read("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: Answer.longest + 1))
    }
  }

  @Test func aStreamHasNoLimitInAll() throws {
    var reader = AnswerReader(answering: .get, isStream: true)
    try reader.take(Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
    let part = Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65_536) + Array("\r\n".utf8)
    for _ in 0..<300 {
      try reader.take(part)
      let part = reader.takePart()
      #expect(part.count == 65_536)
    }
    let isComplete = reader.isComplete
    #expect(!isComplete)
  }
}
