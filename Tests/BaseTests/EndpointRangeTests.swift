import Testing

@testable import Base

@Suite struct EndpointRangeTests {
  @Test(arguments: [
    (":80", [":80"]), ("unix:/run/a-1", ["unix:/run/a-1"]), ("unix:/run/a:1-2", ["unix:/run/a:1-2"]),
    ("127.0.0.1:8000-8002", ["127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"]),
    (":65534-65535", [":65534", ":65535"]), ("[::1]:1-2", ["[::1]:1", "[::1]:2"]),
    ("a-1.example:007-8", ["a-1.example:7", "a-1.example:8"]),
  ])
  func isReadAsItsAddresses(text: String, addresses: [String]) throws {
    #expect(try Endpoint.parsing(range: text).map(\.description) == addresses)
  }

  @Test func isBounded() throws {
    #expect(try Endpoint.parsing(range: ":1-1024").count == Endpoint.longestRange)
    #expect(throws: Endpoint.Malformed("is a range of 1025 ports: at most 1024 expected")) {
      try Endpoint.parsing(range: ":1-1025")
    }
    #expect(throws: Endpoint.Malformed("is a range of 65535 ports: at most 1024 expected")) {
      try Endpoint.parsing(range: ":1-65535")
    }
  }

  @Test(arguments: [
    ":2-1", ":1-1", ":0-5", ":-1", ":1-", ":1-2-3", ":1-65536", ":a-b", "1-2", "::1:1-2", "a..b:1-2", ":1 - 2",
  ])
  func refusesWhatIsNone(text: String) {
    #expect(throws: Endpoint.Malformed.self) { try Endpoint.parsing(range: text) }
  }

  @Test func isWrittenAsItIsRead() throws {
    let texts = [":1-1024", ":1025", "127.0.0.1:5", "127.0.0.1:7-9", "[::1]:10", "[::1]:11", "unix:/a", ":65533-65535"]
    let endpoints = try texts.flatMap { try Endpoint.parsing(range: $0) }
    #expect(Endpoint.written(endpoints) == texts)
    #expect(Endpoint.written([]) == [])
  }
}
