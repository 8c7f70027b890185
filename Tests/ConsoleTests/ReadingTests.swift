import Base
import Testing

@testable import Console

@Suite struct ReadingTests {
  @Test func aStatusIsRead() throws {
    let status = try Answers.usual()
    #expect(status.version == "0.1.0" && status.process == 4711 && status.connectionLimit == 10_000)
    #expect(status.backends.map(\.path) == ["web/a", "web/b", "web/c", "mail/m"])
    let down = status.backends[1]
    #expect(down.state == "down" && down.why == "connection refused (ECONNREFUSED)" && down.rates.errors == 2)
    #expect(down.connect.p50 == nil && down.connect.p99 == 0.0123)
    #expect(status.backends[0].labels == ["zone=east"])
    #expect(status.backends[3].overriddenState == "drain" && status.backends[3].overriddenWeight == nil)
    #expect(status.now?.description == "2026-11-28T01:30:00.500Z")
  }

  @Test func whatIsMissingAndNeededIsNamed() {
    #expect(throws: Reply.Fault(description: "listeners: an array expected")) { try Answers.read("{}") }
    #expect(throws: Reply.Fault(description: "pools[0].backends[0].name: a text expected")) {
      try Answers.read(
        "{\"listeners\": [], \"pools\": [{\"name\": \"a\", \"state\": \"up\", \"backends\": [{\"name\": 7}]}]}")
    }
    #expect(throws: Reply.Fault.self) { try Answers.read("<html>") }
    #expect(throws: Reply.Fault.self) { try Answers.read("") }
    #expect(throws: Reply.Fault.self) { try Answers.read("[]") }
  }

  @Test func numbersOfAnySizeAreBorne() throws {
    let reply = try Reply(Array("{\"a\": 1e400, \"b\": 123456789012345678901234567890, \"c\": -5, \"d\": 1.5}".utf8))
    #expect(reply["a"].number == nil && reply["a"].integer == nil)
    #expect(reply["b"].integer == .max)
    #expect(reply["c"].integer == -5 && reply["d"].integer == 1)
  }

  @Test func textOfTheServersCannotSteerATerminal() throws {
    let status = try Answers.read(
      Answers.status([Answers.pool("web", [Answers.backend("a\\u001b[2J", why: "\\u0007\\u009b31m\\u202ex")])]))
    #expect(status.backends[0].name == "a\\u{1B}[2J")
    #expect(status.backends[0].why == "\\u{7}\\u{9B}31m\\u{202E}x")
  }

  @Test(arguments: [
    "1970-01-01T00:00:00.000Z", "2026-11-28T00:30:00.123Z", "2024-02-29T23:59:59.999Z", "2000-03-01T00:00:00.000Z",
    "2100-12-31T12:00:00.500Z", "1999-01-01T00:00:00.001Z",
  ]) func timesAreReadAsTheyAreWritten(text: String) {
    #expect(WallTime(rfc3339: text)?.description == text)
  }

  @Test func fractionsMayHaveAnyLength() {
    #expect(WallTime(rfc3339: "2026-11-28T00:30:00Z")?.description == "2026-11-28T00:30:00.000Z")
    #expect(WallTime(rfc3339: "2026-11-28T00:30:00.123456789123Z")?.description == "2026-11-28T00:30:00.123Z")
  }

  @Test(arguments: [
    "", "…", "2026-11-28", "2026-11-28T00:30:00", "2026-13-28T00:30:00Z", "2026-11-28T00:30:00.Z",
    "2026-11-28T00:30:00+00:00", "2026-1x-28T00:30:00Z", "2026-11-28T25:30:00Z", "99999-11-28T00:30:00Z",
  ]) func otherTimesAreNone(text: String) {
    #expect(WallTime(rfc3339: text) == nil)
  }
}
