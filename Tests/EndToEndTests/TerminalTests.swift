import Foundation
import Testing

extension EndToEnd {
  /// The commands that ask and steer the running program.
  @Suite struct Terminal {
    let site: Site
    let admin: Address

    init() throws {
      site = try Site()
      admin = .ipv4(try FreePort.take())
    }

    typealias Run = (exit: ChildProcess.Exit, output: String, errors: String)

    private func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Run {
      try ChildProcess.run(
        [BalancerProcess.binary] + arguments, environment: environment, folder: site.folder.path)
    }

    /// The pool `web` with these backends and quick checks, and an admin server of its own.
    private func balancer(
      _ backends: [String], admin keys: String = "", environment: [String: String] = [:]
    ) throws -> BalancerProcess {
      try site.balancer(configuration(backends, keys), environment: environment)
    }

    private func configuration(_ backends: [String], _ keys: String = "", top: String = "") -> String {
      site.configuration(
        backends, pool: #""health": { "interval": "100ms", "timeout": "90ms", "fall": 1, "rise": 1 }"#,
        top: #""workers": 1, "admin": { "listen": "\#(admin)" \#(keys) } \#(top)"#)
    }

    private func backend(_ name: String) throws -> TestBackend { try site.backend(name) }

    private func named(_ backend: TestBackend) -> String { backend.json(#""name": "\#(backend.name)""#) }

    /// A server that is none of balancer's: reads a request and answers as it is told to by its first line.
    private func server(_ answer: @escaping @Sendable (String) -> String) throws -> TestBackend {
      try site.backend("") { socket in
        guard let first = try socket.receiveLine() else { return }
        // What is left unread would make the end of the connection a reset.
        while let line = try socket.receiveLine(), line != "\r", line != "" {}
        try socket.send(answer(first))
      }
    }

    // MARK: status

    @Test func statusShowsProblemsFirst() throws {
      let (a, dead) = (try backend("a"), try site.deadAddress())
      let balancer = try balancer([named(a), #"{ "name": "b", "address": "\#(dead)" }"#])
      try balancer.log.waitForLine(containing: "web/b", "DOWN")
      let run = try run("status")
      #expect(run.exit == .status(0), "\(run.errors)")
      let lines = run.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines[0].hasPrefix("balancer 0.") && lines[0].contains("process \(balancer.process.pid)"))
      #expect(lines[1].contains("balancer.json of "))
      #expect(lines[3].hasPrefix("! web/b is down for ") && lines[3].contains("connection refused (ECONNREFUSED)"))
      #expect(lines.contains { $0.hasPrefix("! pool web is degraded: 1 of 2 backends eligible, 50% of weight left") })
      #expect(lines.contains { $0.hasPrefix("web/a") && $0.contains(" up ") })
      #expect(!run.output.contains("\u{1B}"), "a pipe has no looks")
    }

    @Test func statusAsJSONIsWhatTheServerAnswers() throws {
      _ = try balancer([named(backend("a"))])
      let run = try run("status", "--json")
      #expect(run.exit == .status(0))
      let status = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
      #expect(status["state"] as? String == "running")
      let pools = try #require(status["pools"] as? [[String: Any]])
      #expect((pools[0]["backends"] as? [[String: Any]])?.first?["name"] as? String == "a")
    }

    @Test func aFileWithMistakesElsewhereStillSaysWhereToAsk() throws {
      _ = try balancer([named(backend("a"))])
      let file = site.folder.appendingPathComponent("balancer.json")
      try configuration(["7"], top: #", "worker": true"#).write(to: file, atomically: true, encoding: .utf8)
      #expect(try run("status").exit == .status(0))
      try "{ \"admin\": { \"listen\": 7 } }".write(to: file, atomically: true, encoding: .utf8)
      let wrong = try run("status")
      #expect(wrong.exit == .status(78))
      #expect(wrong.errors.contains("balancer.json:1:24: admin.listen: "), "\(wrong.errors)")
      #expect(wrong.errors.contains("--admin"))
      try "{ \"admin\": ".write(to: file, atomically: true, encoding: .utf8)
      #expect(try run("status").exit == .status(78))
      #expect(try run("status", "--admin", "\(admin)").exit == .status(0))
    }

    // MARK: drain, enable, disable, weight

    @Test func aDrainedBackendGetsNothingNewUntilItIsEnabled() throws {
      let balancer = try balancer([named(backend("a")), named(backend("b"))])
      let drain = try run("drain", "web/a")
      #expect(drain.exit == .status(0) && drain.errors == "")
      #expect(drain.output == "web/a is drained: no new sessions; 0 sessions open")
      #expect(try Set(site.visits(6)) == ["b"])
      #expect(try run("status").output.contains("! web/a is drained"))
      // It survives a reload.
      let mark = try balancer.reload(configuration([named(backend("a")), named(backend("b"))]))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      let enable = try run("enable", "web/a", "--wait", "20s")
      #expect(enable.exit == .status(0), "\(enable.errors)")
    }

    @Test func drainReturnsWhenTheLastSessionHasEnded() throws {
      let balancer = try balancer([named(backend("a"))])
      let (session, _) = try site.session()
      let drain = try ChildProcess(
        [BalancerProcess.binary, "drain", "web/a", "--wait", "60s"], folder: site.folder.path)
      try balancer.log.waitForLine(containing: "web/a", "drained")
      #expect(drain.hasExited == nil)
      session.close()
      #expect(try drain.waitForExit() == .status(0))
      #expect(try drain.output.waitForEnd() == "web/a is drained: no session is open")
    }

    @Test func drainSaysWhatIsLeftWhenTheTimeIsOver() throws {
      _ = try balancer([named(backend("a"))])
      let (session, _) = try site.session()
      let drain = try run("drain", "web/a", "--wait", "100ms")
      #expect(drain.exit == .status(75))
      #expect(drain.errors == "balancer: web/a is drained, but 1 session still open after 100ms")
      session.close()
    }

    @Test func enableWaitsUntilItIsUpOrSaysWhyNot() throws {
      let dead = try site.deadAddress()
      let balancer = try balancer([#"{ "name": "a", "address": "\#(dead)" }"#])
      try balancer.log.waitForLine(containing: "web/a", "DOWN")
      #expect(try run("disable", "web/a").output == "web/a is disabled: no new sessions, no checks; 0 sessions open")
      let enable = try run("enable", "web/a", "--wait", "2s")
      #expect(enable.exit == .status(75))
      #expect(enable.errors.contains("down after 2s: connection refused (ECONNREFUSED)"), "\(enable.errors)")
    }

    @Test func aWeightIsGivenAndTakenBack() throws {
      _ = try balancer([named(backend("a")), named(backend("b"))])
      #expect(try run("weight", "web/a", "7").output == "web/a has the weight 7; in the file it is 1")
      #expect(try run("status").output.contains("7*"))
      #expect(try site.visits(8).count { $0 == "a" } == 7)
      #expect(try run("weight", "web/a", "reset").output == "web/a has the file's weight again: 1")
      for wrong in ["257", "-1", "many", "1.5", ""] {
        #expect(try run("weight", "web/a", "--", wrong).exit == .status(64), "\(wrong)")
      }
    }

    @Test func aMistypedNameIsAnsweredWithTheNearest() throws {
      let (a, b) = (try backend("alpha"), try backend("beta"))
      _ = try balancer([named(a), named(b)])
      for (typed, words) in [
        ("web/alhpa", "there is no backend \"web/alhpa\" (did you mean web/alpha?)"),
        ("wbe/beta", "there is no backend \"wbe/beta\" (did you mean web/beta?)"),
        ("alpha", "there is no backend \"alpha\" (did you mean web/alpha?)"),
        ("nothing/like/it", "there is no backend \"nothing/like/it\": there are web/alpha, web/beta"),
      ] {
        let run = try run("drain", typed)
        #expect(run.exit == .status(64))
        #expect(run.errors == "balancer: \(words)")
      }
      let unit = try run("drain", "web/alpha", "--wait", "60")
      #expect(unit.exit == .status(64) && unit.errors.contains("has no unit: write \"60s\""), "\(unit.errors)")
    }

    // MARK: reload

    @Test func reloadTellsWhatCameOfIt() throws {
      let (a, b) = (try backend("a"), try backend("b"))
      let balancer = try balancer([named(a)])
      let unchanged = try run("reload")
      #expect(unchanged.exit == .status(0))
      #expect(unchanged.output == "nothing to do: the file says what is running")

      try configuration([named(a), named(b)]).write(
        to: balancer.configurationFile, atomically: true, encoding: .utf8)
      let done = try run("reload")
      #expect(done.exit == .status(0))
      let lines = done.output.split(separator: "\n")
      #expect(lines.first == "reloaded: 1 change", "\(done.output)")
      #expect(lines.last?.hasPrefix("  + backend web/b") == true)

      try configuration([named(a), "7"]).write(to: balancer.configurationFile, atomically: true, encoding: .utf8)
      let refused = try run("reload")
      #expect(refused.exit == .status(78))
      #expect(refused.errors.hasPrefix("balancer: the reload was refused; what ran before goes on\n"))
      #expect(refused.errors.contains("balancer.json:3:"), "\(refused.errors)")
      let json = try run("reload", "--json")
      #expect(json.exit == .status(78))
      #expect(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) is [String: Any])
    }

    // MARK: events

    @Test func theLastEventsAreShown() throws {
      let balancer = try balancer([named(backend("a"))])
      try balancer.log.waitForLine(containing: "web/a", "UP")
      _ = try run("drain", "web/a")
      let events = try run("events")
      #expect(events.exit == .status(0), "\(events.errors)")
      let lines = events.output.split(separator: "\n")
      #expect(lines.count == 2, "\(events.output)")
      #expect(lines.first?.contains(" notice  health web/a") == true && lines.last?.contains(" override web/a") == true)
      let json = try run("events", "--json").output.split(separator: "\n")
      let last = try #require(try JSONSerialization.jsonObject(with: Data(json[1].utf8)) as? [String: Any])
      #expect(last["id"] as? String == "2" && last["event"] as? String == "override")
      #expect((last["data"] as? [String: Any])?["action"] as? String == "drain")
    }

    /// Also when the program is another one after a while.
    @Test func eventsAreFollowed() throws {
      let a = try backend("a")
      let balancer = try balancer([named(a)])
      let follow = try ChildProcess([BalancerProcess.binary, "events", "--follow"], folder: site.folder.path)
      try follow.output.waitForLine(containing: "web/a", "UP")
      a.close()
      try follow.output.waitForLine(containing: "web/a", "DOWN")
      balancer.askToEnd()
      #expect(try balancer.waitForExit() == .status(0))
      try follow.errors.waitForLine(containing: "\(admin) does not answer; trying again")
      let mark = follow.output.mark
      let other = try self.balancer([named(a)])
      try follow.output.waitForLine(containing: "web/a", "DOWN at its first check", after: mark)
      withExtendedLifetime(other) {}
      #expect(follow.hasExited == nil)
      follow.kill()
    }

    // MARK: sessions

    /// A server with 2500 sessions, in pages as long as they are wanted.
    private func sessionServer() throws -> TestBackend {
      try server { line in
        let target = line.split(separator: " ")[1]
        let query = target.split(separator: "?").last?.split(separator: "&") ?? []
        func value(_ name: String) -> String? {
          query.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        let first = value("after").flatMap { Int($0) } ?? 0
        let end = min(2500, first + min(1000, Int(value("limit") ?? "100")!))
        let sessions = (first..<end).map { number in
          """
          {"id": "\(number)", "listener": "web", "mode": "tcp", "client": "10.0.0.\(number % 250):5", "pool": "web",
           "backend": "\(value("backend") ?? "a")", "state": "relaying", "age": 12.5, "bytesFromClient": 1, "bytesToClient": 4711}
          """
        }
        let next = end < 2500 ? "\"\(end)\"" : "null"
        let body = "{\"sessions\": [\(sessions.joined(separator: ","))], \"next\": \(next)}"
        return "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      }
    }

    @Test func sessionsComeInPages() throws {
      let server = try sessionServer()
      func lines(_ arguments: String...) throws -> [Substring] {
        let run = try ChildProcess.run(
          [BalancerProcess.binary, "sessions", "--admin", "\(server.address)"] + arguments)
        #expect(run.exit == .status(0), "\(run.errors)")
        return run.output.split(separator: "\n")
      }
      let first = try lines()
      #expect(first.count == 102)
      #expect(first[0].hasPrefix("CLIENT") && first[1].hasPrefix("10.0.0.0:5") && first[101] == "more: --after 100")
      #expect(try lines("--limit", "2", "--after", "2499").count == 2)
      #expect(try lines("--limit", "0").count == 2501)
      #expect(try lines("--limit", "1500").last == "more: --after 1500")
      // POOL/BACKEND is both.
      #expect(try lines("--limit", "1", "--backend", "web/b")[1].contains("web/b"))
      let json = try lines("--limit", "0", "--json").joined(separator: "\n")
      let all = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
      #expect((all["sessions"] as? [Any])?.count == 2500 && all["next"] is NSNull)
      #expect(try run("sessions", "--limit", "-1").exit == .status(64))
    }

    // MARK: Getting there

    @Test func whereNobodyAnswersThatIsSaid() throws {
      let nobody = try run("status", "--admin", "\(admin)")
      #expect(nobody.exit == .status(69))
      for part in ["\(admin) does not answer: connection refused (ECONNREFUSED)", "--admin", "Is balancer running?"] {
        #expect(nobody.errors.contains(part), "\(nobody.errors)")
      }
      try "{ \"admin\": \"off\" }".write(
        to: site.folder.appendingPathComponent("off.json"), atomically: true, encoding: .utf8)
      let off = try run("top", "--config", "off.json")
      #expect(off.exit == .status(69))
      #expect(off.errors.contains("\"admin\" is \"off\" in off.json"))
      let unix = try run("status", "--admin", "unix:/nonexistent/socket")
      #expect(unix.exit == .status(69) && unix.errors.contains("ENOENT"))
      #expect(try run("status", "--admin", "nowhere").exit == .status(64))
      #expect(try run("status", "--config", "missing.json").exit == .status(78))
    }

    @Test func aTokenIsFoundInTheFileOrTheEnvironment() throws {
      _ = try balancer([named(backend("a"))], admin: #", "token": "secret""#)
      #expect(try run("status").exit == .status(0))
      // Another address gets no token but that of the environment.
      let without = try run("status", "--admin", "\(admin)")
      #expect(without.exit == .status(77))
      #expect(without.errors.contains("BALANCER_TOKEN") && !without.errors.contains("secret"))
      #expect(try run("status", "--admin", "\(admin)", environment: ["BALANCER_TOKEN": "secret"]).exit == .status(0))
      #expect(try run("status", environment: ["BALANCER_TOKEN": "wrong"]).exit == .status(77))
      #expect(try run("events", environment: ["BALANCER_TOKEN": "wrong"]).exit == .status(77))
      #expect(try run("status", environment: ["BALANCER_TOKEN": "a\r\nb: c"]).exit == .status(64))
    }

    @Test func aTokenIsReadFromItsFile() throws {
      let file = site.folder.appendingPathComponent("token")
      try "secret\n".write(to: file, atomically: true, encoding: .utf8)
      _ = try balancer([named(backend("a"))], admin: #", "tokenFile": "token""#)
      #expect(try run("status").exit == .status(0))
      try FileManager.default.removeItem(at: file)
      let gone = try run("status")
      #expect(gone.exit == .status(77) && gone.errors.contains("tokenFile") && gone.errors.contains("ENOENT"))
    }

    @Test func aUnixSocketIsAsked() throws {
      let a = try backend("a")
      let configuration = site.configuration(
        [named(a)], top: #""workers": 1, "admin": { "listen": "unix:admin.sock" }"#)
      _ = try site.balancer(configuration)
      #expect(try run("status").exit == .status(0))
      #expect(try run("drain", "web/a").exit == .status(0))
    }

    @Test func whatAnswersOtherwiseIsNotTakenForBalancer() throws {
      for answer in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"] {
        let server = try server { _ in answer }
        let run = try run("status", "--admin", "\(server.address)")
        #expect(run.exit == .status(76), "\(run.errors)")
        #expect(run.errors.contains("is this balancer's admin server?"))
      }
      let server = try server { _ in "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{" }
      #expect(try run("status", "--admin", "\(server.address)").exit == .status(69))
    }

    @Test func whatAServerSaysCannotSteerTheTerminal() throws {
      let body = #"{"error": {"code": "x", "message": "a\u001b]0;b\u0007\u009b2J"}}"#
      let server = try server { _ in "HTTP/1.1 503 No\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)" }
      let run = try run("status", "--admin", "\(server.address)")
      #expect(run.exit == .status(69))
      #expect(run.errors.contains("a\\u{1B}]0;b\\u{7}\\u{9B}2J"), "\(run.errors)")
      #expect(!run.errors.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
    }

    // MARK: top, help

    @Test func topIsPrintedWhereThereIsNoTerminal() throws {
      let balancer = try balancer([named(backend("a")), named(backend("b"))])
      try balancer.log.waitForLine(containing: "web/b", "UP")
      let top = try run("top", "--count", "2", "--interval", "250ms")
      #expect(top.exit == .status(0), "\(top.errors)")
      #expect(top.output.split(separator: "\n").count { $0.hasPrefix("BACKEND") } == 2)
      #expect(top.output.split(separator: "\n").count { $0.hasPrefix("web/b") } == 2)
      #expect(!top.output.contains("\u{1B}"))
      for wrong in [["--interval", "1ms"], ["--interval", "1"], ["--count", "0"]] {
        #expect(try run("top", wrong[0], wrong[1]).exit == .status(64))
      }
    }

    @Test(arguments: [
      "status", "top", "drain", "enable", "disable", "weight", "reload", "sessions", "events", "completions",
    ]) func everyCommandHasExamples(command: String) throws {
      let help = try run(command, "--help")
      #expect(help.exit == .status(0))
      #expect(help.output.contains("Examples:\n") || help.output.contains("Examples:"))
      #expect(help.output.contains("balancer \(command)"))
      if command != "completions" { #expect(help.output.contains("Exit status:")) }
      for line in help.output.split(separator: "\n") where !line.hasPrefix("USAGE: ") {
        #expect(line.count <= 80, "\(line)")
      }
    }
  }
}
