import Base
import Reactor
import Testing

@testable import Health

/// The conversations of the checks, however their bytes come.
@Suite struct ProbeTests {
  @Test(arguments: ProbeCase.all) func anAnswerMayComeInAnyPieces(_ probe: ProbeCase) {
    var whole = Talk(probe.make(), probe.answers)
    #expect(whole.run().isPassed)
    #expect(whole.sent == probe.questions)

    var bytewise = Talk(probe.make(), probe.answers)
    #expect(bytewise.run { 1 }.isPassed)
    #expect(bytewise.sent == probe.questions)

    for first in 1..<(probe.answers.map(\.count).max() ?? 1) {
      var isFirst = true
      var split = Talk(probe.make(), probe.answers)
      let step = split.run {
        defer { isFirst.toggle() }
        return isFirst ? first : .max
      }
      #expect(step.isPassed, "split at \(first)")
      #expect(split.sent == probe.questions, "split at \(first)")
    }
  }

  @Test(arguments: ProbeCase.all) func anAnswerCutShortIsAFailure(_ probe: ProbeCase) {
    for (index, answer) in probe.answers.enumerated() {
      for length in 0..<answer.count {
        let answers = Array(probe.answers[..<index]) + [Array(answer[..<length])]
        var open = Talk(probe.make(), answers)
        let step = open.run()
        // A text to wait for may be found before the end of what is said.
        if step.isPassed { continue }
        #expect(step == .wait || step == .send(probe.questions[safe: open.sent.count - 1] ?? []), "\(index), \(length)")
        let timeOut = open.conversation.timeOut(.seconds(1))
        #expect(timeOut.layer == "L7")
        #expect(timeOut.text.hasPrefix("expected ") && timeOut.text.hasSuffix(" within 1s"))

        var closed = Talk(probe.make(), answers)
        let cause = closed.run(closing: true).cause ?? ""
        #expect(cause.hasPrefix("expected ") && cause.hasSuffix("the backend closed the connection"), "\(cause)")
      }
    }
  }

  /// Whatever comes, it ends within the limit, with a cause that is fit for a line.
  @Test(arguments: ProbeCase.all) func noiseEndsWithACause(_ probe: ProbeCase) {
    let seed: UInt64 = 0xC0FFEE
    var random = SeededGenerator(seed: seed)
    for round in 0..<300 {
      var answers = probe.answers
      switch round % 3 {
      case 0:
        // Noise from the start.
        answers[0] = (0..<Int.random(in: 0...20_000, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
      case 1:
        // A wrong byte somewhere.
        let turn = Int.random(in: 0..<answers.count, using: &random)
        let place = Int.random(in: 0..<answers[turn].count, using: &random)
        answers[turn][place] = UInt8.random(in: 0...255, using: &random)
      default:
        // An endless line of one byte.
        let turn = Int.random(in: 0..<answers.count, using: &random)
        answers[turn] = [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: 40_000)
      }
      var talk = Talk(probe.make(), answers)
      let step = talk.run(closing: true) { Int.random(in: 1...5000, using: &random) }
      if step.isPassed || step == .startOver { continue }
      let cause = step.cause ?? ""
      #expect(cause.hasPrefix("expected "), "seed \(seed), round \(round): \(step)")
      #expect(cause.utf8.count < 1500, "seed \(seed), round \(round)")
      #expect(!cause.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
    }
  }

  @Test(arguments: ProbeCase.all) func aProbeServesOneCheckAfterTheOther(_ probe: ProbeCase) {
    var first = Talk(probe.make(), probe.answers)
    #expect(first.run().isPassed)
    // Of PostgreSQL the second is another: see below.
    if probe.name.hasPrefix("postgresql") { return }
    var half = Talk(first.conversation.probe, [Array(probe.answers[0].dropLast(2))])
    _ = half.run()
    var again = Talk(half.conversation.probe, probe.answers)
    #expect(again.run().isPassed)
    #expect(again.sent == probe.questions)
  }

  // MARK: tcp

  @Test func aConnectionAloneIsEnough() {
    var talk = Talk(TCPProbe(send: "", expect: ""), [] as [String])
    #expect(talk.run() == .passed(farewell: []))
  }

  @Test func aTextIsSentEvenWhenNothingIsExpected() {
    var talk = Talk(TCPProbe(send: "hello\n", expect: ""), [] as [String])
    #expect(talk.run() == .passed(farewell: Array("hello\n".utf8)))
  }

  @Test func theExpectedTextMayBeTheLastOfTheLimit() {
    let filler = String(repeating: "r", count: TCPProbe.longestAnswer - 5)
    var last = Talk(TCPProbe(send: "", expect: "ready"), [filler + "ready"])
    #expect(last.run { 7 }.isPassed)
    var tooLate = Talk(TCPProbe(send: "", expect: "ready"), [filler + "rready"])
    let cause = tooLate.run { 7 }.cause ?? ""
    #expect(cause.hasPrefix("expected \"ready\", received 16384 bytes without it: \"rrrr"))
  }

  // MARK: What servers answer instead

  private func cause(_ probe: any Probe, _ answers: [[UInt8]], closing: Bool = false) -> String? {
    var talk = Talk(probe, answers)
    return talk.run(closing: closing).cause
  }

  private func cause(_ probe: any Probe, _ answers: String..., closing: Bool = false) -> String? {
    cause(probe, answers.map { Array($0.utf8) }, closing: closing)
  }

  @Test func httpAsksAsItIsTold() {
    var check = HTTPCheck()
    check.method = "POST"
    check.path = "/health?full=1"
    check.host = "app.example.com"
    check.fields = [("user-agent", "probe"), ("X-Check", "yes")]
    check.status = [200...299, 401...401]
    var talk = Talk(HTTPProbe(check), ["HTTP/1.1 401 Unauthorized\r\nContent-Length: 99999999999999\r\n\r\n"])
    #expect(talk.run().isPassed)
    #expect(
      talk.sent.map { String(decoding: $0, as: UTF8.self) } == [
        "POST /health?full=1 HTTP/1.1\r\nHost: app.example.com\r\nAccept: */*\r\nuser-agent: probe\r\nX-Check: yes\r\n"
          + "Content-Length: 0\r\nConnection: close\r\n\r\n"
      ])
  }

  @Test func http() {
    let plain = HTTPProbe(HTTPCheck())
    let ready = HTTPProbe(HTTPQuestion.ready)
    #expect(
      cause(plain, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")
        == "expected a status of 200-399, received \"HTTP/1.1 503 Service Unavailable\"")
    #expect(
      cause(plain, "SSH-2.0-OpenSSH_9.2\r\n")
        == "expected a status of 200-399, received no HTTP (its first line is not a version, a status and a reason): \"SSH-2.0-OpenSSH_9.2\\r\\n\""
    )
    #expect(
      cause(ready, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nstarting")
        == "expected \"ready\" in the content, received 8 bytes without it: \"starting\"")
    #expect(
      cause(ready, "HTTP/1.1 204 No Content\r\n\r\n")
        == "expected \"ready\" in the content, received 0 bytes without it: \"\"")
    #expect(
      cause(ready, "HTTP/1.0 200 OK\r\n\r\nread", closing: true)
        == "expected \"ready\" in the content, received 4 bytes without it: \"read\"")
    #expect(
      cause(ready, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsta", closing: true)?.hasPrefix(
        "expected \"ready\" in the content, received only ") == true)
    #expect(
      cause(ready, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n")?.hasPrefix(
        "expected \"ready\" in the content, received content that is broken: ") == true)
    // What lies behind the first 16 KiB does not count.
    let far = String(repeating: "x", count: 16 << 10) + "ready"
    #expect(
      cause(ready, "HTTP/1.1 200 OK\r\nContent-Length: \(far.utf8.count)\r\n\r\n\(far)")?.hasPrefix(
        "expected \"ready\" in the content, received 163") == true)
    var old = Talk(ready, ["HTTP/1.0 200 OK\r\n\r\nnot yet, not rea, ready"])
    #expect(old.run { 3 }.isPassed)
  }

  @Test func redis() {
    #expect(
      cause(RedisProbe(), "-LOADING Redis is loading the dataset in memory\r\n")
        == "expected +PONG, received \"-LOADING Redis is loading the dataset in memory\"")
    #expect(
      cause(RedisProbe(), "-ERR max number of clients reached\r\n")
        == "expected +PONG, received \"-ERR max number of clients reached\"")
    for error in [
      "-MASTERDOWN Link with MASTER is down", "-BUSY a script", "-DENIED protected", "-NOAUTHORITY", "+PONGO",
    ] {
      #expect(cause(RedisProbe(), error + "\r\n") == "expected +PONG, received \"\(error)\"")
    }
    #expect(cause(RedisProbe(), "$4\r\nPONG\r\n") == "expected +PONG, received \"$4\"")
    // TLS where none is expected.
    #expect(
      cause(RedisProbe(), [[0x15, 3, 3, 0, 2, 2, 0x46]], closing: true)
        == #"expected +PONG, received only "\x15\x03\x03\x00\x02\x02F", then the backend closed the connection"#)
    #expect(cause(RedisProbe(), "", closing: true) == "expected +PONG, the backend closed the connection")
    for error in ["-NOAUTH Authentication required.", "-NOPERM this user has no permissions"] {
      var talk = Talk(RedisProbe(), [error + "\r\n"])
      #expect(talk.run().isPassed)
    }
  }

  @Test func aResetNamesTheError() {
    var conversation = Conversation(RedisProbe())
    _ = conversation.begin()
    #expect(
      conversation.end(SystemError("recv", 104))
        == .failed(
          ProbeCause(
            layer: "L7", text: "expected +PONG, connection reset by the backend (ECONNRESET)", errno: "ECONNRESET")))
  }

  @Test func postgresql() {
    #expect(
      cause(PostgreSQLProbe(), [PostgreSQL.error("57P03", "the database system is starting up")])
        == "expected S or N, received error 57P03 \"the database system is starting up\"")
    // The form of servers that cannot even fork.
    #expect(
      cause(PostgreSQLProbe(), "Ecould not fork new process for connection: Resource temporarily unavailable\n\0")
        == "expected S or N, received \"could not fork new process for connection: Resource temporarily unavailable\"")
    #expect(cause(PostgreSQLProbe(), "HTTP/1.1 400\r\n") == "expected S or N, received \"HTTP/1.1 400\\r\\n\"")
    let error = PostgreSQL.error("53300", "sorry, too many clients already")
    for length in 1..<error.count {
      let text = cause(PostgreSQLProbe(), [Array(error[..<length])], closing: true) ?? ""
      #expect(text.hasPrefix("expected S or N, received "), "\(length): \(text)")
    }
  }

  /// A server with TLS logs a line for each SSLRequest that nothing follows; it is asked otherwise from then on.
  @Test func aPostgreSQLWithTLSIsAskedQuietly() {
    var first = Talk(PostgreSQLProbe(), ["S"])
    #expect(first.run().isPassed && first.sent == [PostgreSQL.ssl])
    for answer in ["G", "N"] {
      var next = Talk(first.conversation.probe, [answer])
      #expect(next.run().isPassed && next.sent == [PostgreSQL.gss])
      var third = Talk(next.conversation.probe, [answer])
      #expect(third.run().isPassed && third.sent == [PostgreSQL.gss])
    }
  }

  @Test func anOldPostgreSQLIsAskedAsBefore() {
    for answer in [PostgreSQL.error("0A000", "unsupported frontend protocol 1234.5680"), [], Array("?".utf8)] {
      var first = Talk(PostgreSQLProbe(), ["S"])
      #expect(first.run().isPassed)
      var next = Talk(first.conversation.probe, [answer])
      #expect(next.run(closing: true) == .startOver)
      var again = Talk(next.conversation.probe, ["S"])
      #expect(again.run().isPassed && again.sent == [PostgreSQL.ssl])
      var third = Talk(again.conversation.probe, ["S"])
      #expect(third.run().isPassed && third.sent == [PostgreSQL.ssl])
    }
  }

  @Test func mysql() {
    #expect(
      cause(MySQLProbe(user: nil), [MySQL.error(0, 1040, "#08004Too many connections")])
        == "expected a MySQL greeting, received error 1040 \"Too many connections\"")
    #expect(
      cause(MySQLProbe(user: nil), [MySQL.error(0, 1130, "Host 'lb' is not allowed to connect to this MariaDB server")])
        == "expected a MySQL greeting, received error 1130 \"Host 'lb' is not allowed to connect to this MariaDB server\""
    )
    #expect(
      cause(MySQLProbe(user: "check"), [MySQL.greeting, MySQL.error(2, 1045, "#28000Access denied")])
        == "expected a login as \"check\", received error 1045 \"Access denied\"")
    // A server that speaks first, too.
    #expect(
      cause(MySQLProbe(user: nil), "SSH-2.0-OpenSSH_9.2\r\n")
        == "expected a MySQL greeting, received \"SSH-2.0-OpenSSH_9.2\\r\\n\"")
    #expect(cause(MySQLProbe(user: nil), [MySQL.packet(0, [9] + Array("3.20\0".utf8))])?.contains("\\t3.20") == true)
    // It asks for another method again and again.
    let endless = cause(
      MySQLProbe(user: "check"), [MySQL.greeting, MySQL.otherMethod, MySQL.packet(4, [0xFE])])
    #expect(endless?.hasPrefix("expected a login as \"check\", received ") == true)
    for payload in [[], [0xFF], [0xFF, 1]] as [[UInt8]] {
      #expect(cause(MySQLProbe(user: nil), [MySQL.packet(0, payload)])?.hasPrefix("expected a MySQL greeting") == true)
    }
  }

  @Test func smtp() {
    #expect(
      cause(SMTPProbe(), "421 4.3.2 All server ports are busy\r\n")
        == "expected 220, received \"421 4.3.2 All server ports are busy\"")
    #expect(cause(SMTPProbe(), "554-mail\r\n554 no\r\n") == "expected 220, received \"554-mail\"")
    #expect(cause(SMTPProbe(), "220-mail\r\n250 no\r\n") == "expected 220, received \"250 no\"")
    #expect(cause(SMTPProbe(), "2200 mail\r\n") == "expected 220, received \"2200 mail\"")
    #expect(cause(SMTPProbe(), "220 mail\r\n", "502 what?\r\n") == "expected 221, received \"502 what?\"")
    #expect(
      cause(SMTPProbe(), "220 mail\r\n", closing: true) == "expected 221, the backend closed the connection")
    #expect(cause(SMTPProbe(), "\r\n") == "expected 220, received \"\"")
    // Nothing is said before the last line of the greeting.
    var early = Talk(SMTPProbe(), ["220-wait for it\r\n"])
    #expect(early.run() == .wait && early.sent.isEmpty)
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
