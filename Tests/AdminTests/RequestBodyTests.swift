import HTTPCore
import Testing

@testable import Admin

@Suite struct RequestBodyTests {
  /// Takes a body of these bytes in pieces of some size; nil when it is not complete, and what is left behind it.
  private func take(_ text: String, _ framing: BodyFraming, by size: Int) throws -> (body: String, rest: String)? {
    var fields = FieldTable()
    var body = try RequestBody(framing)
    var input: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while true {
      if try body.take(from: &input, fields: &fields) {
        return (String(decoding: body.bytes, as: UTF8.self), String(decoding: input + rest, as: UTF8.self))
      }
      if rest.isEmpty { return nil }
      input += rest.prefix(size)
      rest = rest.dropFirst(size)
    }
  }

  @Test(arguments: 1...9) func aBodyEndsWhereItsFramingSays(size: Int) throws {
    let none = try #require(try take("GET /", .none, by: size))
    #expect(none == ("", "GET /"))
    let length = try #require(try take("12345GET /", .length(5), by: size))
    #expect(length == ("12345", "GET /"))
    #expect(try take("1234", .length(5), by: size) == nil)
    let chunks = try #require(try take("2\r\n12\r\n3;x=y\r\n345\r\n0\r\n\r\nGET /", .chunked, by: size))
    #expect(chunks == ("12345", "GET /"))
    let trailers = try #require(try take("2\r\n12\r\n0\r\nA: b\r\nC: d\r\n\r\nGET /", .chunked, by: size))
    #expect(trailers == ("12", "GET /"))
    #expect(try take("2\r\n12\r\n0\r\nA: b\r\n", .chunked, by: size) == nil)
  }

  @Test func aBodyThatIsTooLargeIsRefusedBeforeItComes() {
    #expect(error { try RequestBody(.length(1 << 20)) } == nil)
    #expect(error { try RequestBody(.length(1 << 20 + 1)) }?.code == .tooLarge)
    #expect(error { try take("100001\r\n", .chunked, by: 8) }?.code == .tooLarge)
  }

  @Test func badChunksAreBadRequests() {
    for text in ["x\r\n", "1\r\n12\r\n", "1\n1", "2\r\n12\r\n0\r\nA b\r\n\r\n"] {
      #expect(error { try take(text, .chunked, by: 3) }?.code == .badRequest, "\(text)")
    }
  }
}
