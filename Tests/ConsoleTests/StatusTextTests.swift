import Testing

@testable import Console

@Suite struct StatusTextTests {
  @Test func problemsComeFirstAndTheWorstBeforeThem() throws {
    let lines = StatusText.lines(try Answers.usual(), width: 80).map(\.text)
    #expect(
      lines.prefix(8) == [
        "balancer 0.1.0, running for 1h, process 4711, 2 workers, 12 of 10000 connections",
        "balancer.json of 2026-11-28T01:00:00.000Z (30m ago), reloaded 1 time, refused 1…",
        "",
        "! web/b is down for 3m: connection refused (ECONNREFUSED)",
        "! pool web is degraded: 1 of 3 backends eligible, 67% of weight left",
        "! mail/m is drained by hand for 1h; 1 session open",
        "",
        "LISTENER  MODE      LISTEN     SESSIONS  SESS/S  REQ/S  ERR/S  IN/S  OUT/S",
      ])
    #expect(lines.contains { $0.hasPrefix("web/b    down") })
  }

  @Test(arguments: [20, 40, 80, 120, 200]) func nothingIsWiderThanTheWindow(width: Int) throws {
    for line in StatusText.lines(try Answers.usual(), width: width) { #expect(line.width <= width) }
  }

  @Test func withoutAWindowNothingIsCut() throws {
    let name = String(repeating: "x", count: 64)
    let status = try Answers.read(Answers.status([Answers.pool(name, [Answers.backend(name)])]))
    #expect(StatusText.lines(status, width: nil).contains { $0.text.contains("\(name)/\(name)") })
    #expect(StatusText.lines(status, width: 80).allSatisfy { $0.width <= 80 })
  }

  @Test func aRefusedReloadAndCertificatesAreProblems() throws {
    let status = try Answers.read(
      Answers.status(
        [Answers.pool("web", [Answers.backend("a")])],
        reload: """
          {"at": "2026-11-28T01:20:00.000Z", "result": "refused", "changes": [], "errors": ["balancer.json:1:2: a", "b"]}
          """,
        certificates: """
          [{"file": "a.pem", "names": ["a.test"], "notAfter": "…", "daysLeft": 3},
           {"file": "b.pem", "names": [], "daysLeft": 300}, {"file": "c.pem", "names": [], "daysLeft": -1}]
          """))
    #expect(
      Problems.of(status).map(\.text) == [
        "the last reload was refused 10m ago: balancer.json:1:2: a (and 1 more)",
        "certificate c.pem has expired",
        "certificate a.pem for a.test expires in 3 days",
      ])
  }

  @Test func whereAllIsWellNothingIsSaid() throws {
    #expect(Problems.of(try Answers.read(Answers.status([Answers.pool("web", [Answers.backend("a")])]))).isEmpty)
  }

  @Test func sessionsAndEventsAreLines() throws {
    let reply = try Reply(
      Array(
        """
        {"id": "1-2-3", "listener": "web", "mode": "tcp", "client": "127.0.0.1:5", "pool": "web", "backend": "a",
         "state": "relaying", "age": 12.5, "bytesFromClient": 120, "bytesToClient": 4711}
        """.utf8))
    #expect(
      SessionText.lines([try LiveSession(reply)], width: 80).map(\.text) == [
        "CLIENT       LISTENER  BACKEND  STATE     AGE   IN   OUT  ID",
        "127.0.0.1:5  web       web/a    relaying  12s  120  4.6K  1-2-3",
      ])
    let event = try Reply(Array("{\"time\": \"T\", \"level\": \"warning\", \"message\": \"web/b DOWN\\n\"}".utf8))
    #expect(EventText.lines(name: "health", event).map(\.text) == ["T warning health web/b DOWN\\n"])
    let reload = try Reply(
      Array(
        "{\"time\": \"T\", \"level\": \"error\", \"message\": \"refused:\", \"changes\": [], \"errors\": [\"a\", \"b\"]}"
          .utf8))
    #expect(EventText.lines(name: "reload", reload).map(\.text) == ["T error   reload refused:", "  a", "  b"])
    #expect(
      event.event(id: "7", name: "health").hasPrefix("{\"id\": \"7\", \"event\": \"health\", \"data\": {\"time\""))
  }

  @Test func aReloadIsToldByItsResult() throws {
    func lines(_ text: String) throws -> [String] { ReloadReport(try Reply(Array(text.utf8))).lines.map(\.text) }
    #expect(
      try lines("{\"result\": \"done\", \"changes\": [\"~ a\", \"+ b\"]}") == ["reloaded: 2 changes", "  ~ a", "  + b"])
    #expect(try lines("{\"result\": \"unchanged\"}") == ["nothing to do: the file says what is running"])
    #expect(ReloadReport(try Reply(Array("{\"result\": \"refused\", \"errors\": [\"x\"]}".utf8))).isRefused)
  }
}
