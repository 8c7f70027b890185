import Base
import Foundation
import Reactor
import Testing

@testable import Health

/// The causes of conversations and scripts that docs/health-log.md explains are those that checks give, to the letter.
@Suite struct HealthLogCausesTests {
  private let documented: [String]

  init() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let document = try String(contentsOf: root.appending(path: "docs/health-log.md"), encoding: .utf8)
    let section = document.components(separatedBy: "\n").drop { $0 != "### What a conversation ends with" }.dropFirst()
      .prefix { !$0.hasPrefix("#") }
    documented = section.filter { $0.hasPrefix("| `") }.map { $0.components(separatedBy: "`")[1] }
  }

  @Test func everyCauseIsInTheseWords() throws {
    func redis(_ answer: String) -> String? { ended(RedisProbe(), [Array("\(answer)\r\n".utf8)]) }
    func mysql(_ user: String?, _ answers: [UInt8]...) -> String? { ended(MySQLProbe(user: user), answers) }
    var reset = Conversation(RedisProbe())
    _ = reset.begin()
    let elsewhere = "HTTP/1.1 200 OK\r\n" + String(repeating: "x", count: TCPProbe.longestAnswer)

    func http(_ check: HTTPCheck, _ answer: String) -> String? { ended(HTTPProbe(check), [Array(answer.utf8)]) }
    let causes = [
      http(HTTPCheck(), "HTTP/1.1 503 Service Unavailable\r\n\r\n"),
      http(HTTPQuestion.ready, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nstarting"),
      http(HTTPCheck(), "SSH-2.0-OpenSSH_9.2\r\n"),
      redis("-LOADING Redis is loading the dataset in memory"),
      redis("-ERR max number of clients reached"),
      ended(RedisProbe(), [[0x15, 3, 3, 0, 2, 2, 0x46]]),
      reset.end(SystemError("recv", 104)).cause,
      timedOut(PostgreSQLProbe(), []),
      ended(
        PostgreSQLProbe(), [Array("Ecould not fork new process for connection: Cannot allocate memory\n\0".utf8)]),
      mysql(nil, MySQL.error(0, 1040, "Too many connections")),
      mysql(
        nil,
        MySQL.error(
          0, 1129,
          "Host '10.0.0.5' is blocked because of many connection errors; unblock with 'mariadb-admin flush-hosts'")),
      mysql(nil, MySQL.error(0, 1130, "Host '10.0.0.5' is not allowed to connect to this MariaDB server")),
      mysql(
        "balancer", MySQL.greeting,
        MySQL.error(2, 1045, "#28000Access denied for user 'balancer'@'10.0.0.5' (using password: NO)")),
      ended(SMTPProbe(), [Array("421 4.3.2 Service not available\r\n".utf8)]),
      ended(SMTPProbe(), [Array("220 mail\r\n".utf8)]),
      timedOut(TCPProbe(send: "", expect: "ready"), [Array("starting\n".utf8)]),
      // All that is shown of so much would be too long for a table.
      ended(TCPProbe(send: "", expect: "SSH-2.0-"), [Array(elsewhere.utf8)])?
        .replacing(String(repeating: "x", count: Excerpt.longest - 17), with: "…"),
    ]
    #expect(documented.prefix(causes.count) == causes.map { $0 ?? "none" }[...])
  }

  @Test func everyCauseOfAScriptIsInTheseWords() throws {
    func script(_ words: String, _ line: String = "") -> String {
      var output = ScriptOutput()
      output.add(Array(line.utf8))
      return ProbeCause.script(words + output.suffix).text
    }
    // The words before the output are those that ChecksTests sees from real scripts.
    let causes = [
      script("exit status 2", "no quorum: 1 of 3 members\nmore\n"), script("exit status 1"),
      script("no result within 1s", "waiting for the lock"), script("ended by SIGSEGV"),
      script("more than 1MiB of output", "all work and no play\n"),
      script("the script cannot be started: \(SystemError("posix_spawn", 2))"),
      script("the script of the check before was killed and has not ended yet"),
    ]
    #expect(Array(documented.suffix(causes.count)) == causes)
    #expect(documented.count == 17 + causes.count)
  }

  private func ended(_ probe: any Probe, _ answers: [[UInt8]]) -> String? {
    var talk = Talk(probe, answers)
    return talk.run(closing: true).cause
  }

  private func timedOut(_ probe: any Probe, _ answers: [[UInt8]]) -> String {
    var talk = Talk(probe, answers)
    _ = talk.run()
    return talk.conversation.timeOut(.seconds(1)).text
  }
}
