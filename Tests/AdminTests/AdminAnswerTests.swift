import HTTPCore
import Testing

@testable import Admin

@Suite struct AdminAnswerTests {
  private func text(_ answer: AdminAnswer, isHead: Bool = false, version: Version = .http11, keepsAlive: Bool = true)
    -> String
  {
    String(
      decoding: answer.written(isHead: isHead, version: version, keepsAlive: keepsAlive, now: 784_111_777),
      as: UTF8.self)
  }

  @Test func anAnswerHasTheFieldsThatGuardAPage() {
    #expect(
      text(.json { #"{"a":1}"# })
        == [
          "HTTP/1.1 200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT", "Content-Type: application/json",
          "X-Content-Type-Options: nosniff", "Cache-Control: no-store", "Referrer-Policy: no-referrer",
          "X-Frame-Options: DENY", "Cross-Origin-Resource-Policy: same-origin",
          "Cross-Origin-Opener-Policy: same-origin",
          "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'", "Content-Length: 8", "",
          "{\"a\":1}\n",
        ].joined(separator: "\r\n"))
  }

  @Test func theAnswerToAHeadHasNoBody() {
    let head = text(.text(200, "ok\n"), isHead: true)
    #expect(head.hasSuffix("\r\n\r\n") && head.contains("Content-Length: 3\r\n"))
  }

  @Test func theConnectionGoesOnOrDoesNot() {
    #expect(!text(.text(200, "")).contains("\r\nConnection:"))
    #expect(text(.text(200, ""), keepsAlive: false).contains("\r\nConnection: close\r\n"))
    #expect(text(.text(200, ""), version: .http10).contains("\r\nConnection: keep-alive\r\n"))
  }

  @Test func anErrorSaysItsCode() {
    let unauthorized = text(.error(AdminError(.unauthorized, "no \"token\"")) { $0.add("result", "refused") })
    #expect(unauthorized.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
    #expect(unauthorized.contains("\r\nWWW-Authenticate: Bearer\r\n"))
    #expect(
      unauthorized.hasSuffix(
        #"{"result":"refused","error":{"code":"unauthorized","message":"no \"token\""}}"# + "\n"))
    #expect(text(.error(.methodNotAllowed(["PUT", "DELETE"]))).contains("\r\nAllow: PUT, DELETE\r\n"))
  }

  @Test func largeBodiesAreWhole() {
    let body = String(repeating: "x", count: 100_000)
    #expect(text(.text(200, body)).hasSuffix("\r\n\r\n" + body))
  }

  @Test func faultsOfMessagesHaveCodes() {
    let codes = Dictionary(grouping: MessageFault.allCases) { AdminError($0).code }
    #expect(codes[.tooLarge] == [.bodyTooLarge])
    #expect(Set(codes[.headTooLarge] ?? []) == [.targetTooLong, .headTooLarge, .tooManyFields, .trailersTooLarge])
    #expect(Set(codes.keys) == [.tooLarge, .headTooLarge, .badRequest])
  }
}
