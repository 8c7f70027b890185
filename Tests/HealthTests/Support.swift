import Base

@testable import Health

/// A conversation with a server that answers each question with the next of its answers.
struct Talk {
  private(set) var conversation: Conversation
  /// What the check has sent, the farewell included.
  private(set) var sent: [[UInt8]] = []
  private var answers: ArraySlice<[UInt8]>
  private var step: Conversation.Step

  /// - Parameter answers: the first is what the server says of its own accord where the check sends nothing first.
  init(_ probe: any Probe, _ answers: [[UInt8]]) {
    conversation = Conversation(probe)
    self.answers = answers[...]
    step = conversation.begin()
    note()
  }

  init(_ probe: any Probe, _ answers: [String]) { self.init(probe, answers.map { Array($0.utf8) }) }

  private mutating func note() {
    if case .send(let bytes) = step { sent.append(bytes) }
    if case .passed(let farewell) = step, !farewell.isEmpty { sent.append(farewell) }
  }

  private var isOver: Bool {
    switch step {
    case .wait, .send: false
    case .passed, .failed, .startOver: true
    }
  }

  /// Lets the server speak in pieces whose sizes `next` gives, and then close the connection if it `closes`.
  mutating func run(closing closes: Bool = false, pieces next: () -> Int) -> Conversation.Step {
    while !isOver, let answer = answers.popFirst() {
      var rest = answer[...]
      while !isOver, !rest.isEmpty {
        let piece = rest.prefix(max(1, min(next(), conversation.room)))
        rest = rest.dropFirst(piece.count)
        step = conversation.receive(piece)
        note()
        // What came behind the end of an answer is thrown away.
        if case .send = step { break }
      }
    }
    if closes, !isOver { step = conversation.end() }
    return step
  }

  mutating func run(closing closes: Bool = false) -> Conversation.Step { run(closing: closes) { .max } }
}

extension Conversation.Step {
  /// The cause of a failure.
  var cause: String? { if case .failed(let cause) = self { cause.text } else { nil } }

  var isPassed: Bool { if case .passed = self { true } else { false } }
}

/// One of each kind, with what a server says to make it pass.
struct ProbeCase: CustomStringConvertible, Sendable {
  let name: String
  let make: @Sendable () -> any Probe
  let answers: [[UInt8]]
  /// What the check sends, one after the other.
  let questions: [[UInt8]]

  var description: String { name }

  private init(
    _ name: String, _ make: @escaping @Sendable () -> any Probe, _ answers: [[UInt8]], _ questions: [[UInt8]]
  ) {
    self.name = name
    self.make = make
    self.answers = answers
    self.questions = questions
  }

  private init(
    _ name: String, _ make: @escaping @Sendable () -> any Probe, _ answers: [String], _ questions: [String]
  ) {
    self.init(name, make, answers.map { Array($0.utf8) }, questions.map { Array($0.utf8) })
  }

  static let all = [
    ProbeCase("tcp, expect", { TCPProbe(send: "", expect: "ready") }, ["not yet: rereadready\n"], []),
    ProbeCase("tcp, send and expect", { TCPProbe(send: "ping\n", expect: "pong") }, ["ppong"], ["ping\n"]),
    ProbeCase(
      "http", { HTTPProbe(HTTPCheck()) },
      ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
      [HTTPQuestion.plain]),
    ProbeCase(
      "http with a length", { HTTPProbe(HTTPQuestion.ready) },
      ["HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nI am ready.\n"],
      [HTTPQuestion.plain]),
    ProbeCase(
      "http in chunks", { HTTPProbe(HTTPQuestion.ready) },
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nI am re\r\n4;x=y\r\nady.\r\n0\r\n\r\n"],
      [HTTPQuestion.plain]),
    ProbeCase("redis", { RedisProbe() }, ["+PONG\r\n"], ["*1\r\n$4\r\nPING\r\n"]),
    ProbeCase(
      "redis with a password", { RedisProbe() }, ["-NOAUTH Authentication required.\r\n"], ["*1\r\n$4\r\nPING\r\n"]),
    ProbeCase("postgresql with TLS", { PostgreSQLProbe() }, [Array("S".utf8)], [PostgreSQL.ssl]),
    ProbeCase("postgresql without TLS", { PostgreSQLProbe() }, [Array("N".utf8)], [PostgreSQL.ssl]),
    ProbeCase("mysql", { MySQLProbe(user: nil) }, [MySQL.greeting], []),
    ProbeCase(
      "mysql with a user", { MySQLProbe(user: "check") }, [MySQL.greeting, MySQL.okay(2)], [MySQL.login, MySQL.quit]),
    ProbeCase(
      "mysql with a user of another method", { MySQLProbe(user: "check") },
      [MySQL.greeting, MySQL.otherMethod, MySQL.okay(4)], [MySQL.login, [0, 0, 0, 3], MySQL.quit]),
    ProbeCase("smtp", { SMTPProbe() }, ["220 mail ESMTP\r\n", "221 2.0.0 Bye\r\n"], ["QUIT\r\n"]),
    ProbeCase(
      "smtp in many lines", { SMTPProbe() }, ["220-wait\r\n220-\r\n220 mail\r\n", "221-so\n221\n"], ["QUIT\r\n"]),
  ]
}

enum HTTPQuestion {
  static let plain =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: balancer\r\nAccept: */*\r\nConnection: close\r\n\r\n"

  static var ready: HTTPCheck {
    var check = HTTPCheck()
    check.body = "ready"
    return check
  }
}

enum PostgreSQL {
  static let ssl: [UInt8] = [0, 0, 0, 8, 4, 210, 22, 47]
  static let gss: [UInt8] = [0, 0, 0, 8, 4, 210, 22, 48]

  static func error(_ code: String, _ message: String) -> [UInt8] {
    let fields = Array("SFATAL\0VFATAL\0C\(code)\0M\(message)\0\0".utf8)
    return Array("E".utf8) + (0..<4).reversed().map { UInt8((fields.count + 4) >> (8 * $0) & 0xFF) } + fields
  }
}

enum MySQL {
  static func packet(_ sequence: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [UInt8(payload.count & 0xFF), UInt8(payload.count >> 8 & 0xFF), UInt8(payload.count >> 16), sequence] + payload
  }

  static let greeting = packet(
    0,
    [10] + Array("8.0.36\0".utf8) + [7, 0, 0, 0] + Array("abcdefgh\0".utf8) + [0xFF, 0xF7, 33, 2, 0, 0xFF, 0x81, 21]
      + [UInt8](repeating: 0, count: 10) + Array("ijklmnopqrst\0caching_sha2_password\0".utf8))
  static func okay(_ sequence: UInt8) -> [UInt8] { packet(sequence, [0, 0, 0, 2, 0, 0, 0]) }
  static let otherMethod = packet(2, [0xFE] + Array("caching_sha2_password\0abcdefghijklmnopqrst\0".utf8))
  static let quit: [UInt8] = [1, 0, 0, 0, 1]
  /// PROTOCOL_41, SECURE_CONNECTION and PLUGIN_AUTH; 16 MiB; utf8; no password.
  static let login = packet(
    1,
    [0x00, 0x82, 0x08, 0x00, 0, 0, 0, 1, 33] + [UInt8](repeating: 0, count: 23)
      + Array("check\0\0mysql_native_password\0".utf8))

  static func error(_ sequence: UInt8, _ number: Int, _ message: String) -> [UInt8] {
    packet(sequence, [0xFF, UInt8(number & 0xFF), UInt8(number >> 8)] + Array(message.utf8))
  }
}
