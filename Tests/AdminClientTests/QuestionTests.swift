import HTTPCore
import Testing

@testable import AdminClient

@Suite struct QuestionTests {
  @Test func namesAreEscapedAsOneSegment() {
    #expect(Question.segment("web.internal:80/10.0.0.1") == "web.internal%3A80%2F10.0.0.1")
    #expect(Question.segment("a-b_c~9") == "a-b_c~9")
    #expect(Question.segment("a b?c#d%é\n") == "a%20b%3Fc%23d%25%C3%A9%0A")
    #expect(Question.segment("") == "")
  }

  @Test func aQuestionWithoutABodySaysSo() {
    let get = String(decoding: Question(.get, "/v1/status").bytes(host: "localhost", token: nil), as: UTF8.self)
    #expect(get.hasPrefix("GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"))
    #expect(get.hasSuffix("\r\n\r\n"))
    #expect(!get.contains("Content-"))
    #expect(!get.contains("Authorization"))
  }

  /// The server wants the type on every change.
  @Test func aChangeSaysItsTypeAndLength() {
    let post = String(decoding: Question(.post, "/x").bytes(host: "h:1", token: "secret"), as: UTF8.self)
    #expect(post.contains("\r\nContent-Type: application/json\r\nContent-Length: 0\r\n"))
    #expect(post.contains("\r\nAuthorization: Bearer secret\r\n"))
    let put = String(
      decoding: Question(.put, "/x", body: "{\"weight\":3}").bytes(host: "h:1", token: nil), as: UTF8.self)
    #expect(put.contains("\r\nContent-Length: 12\r\n"))
    #expect(put.hasSuffix("\r\n\r\n{\"weight\":3}"))
  }
}
