import Balancing
import Base
import Glibc
import Logging
import Synchronization
import Testing

@testable import Health
@testable import Reactor

/// Each type of check, through the checker's thread, against servers that behave and servers that do not.
@Suite(.serialized)
struct ChecksTests {
  /// What the checker tells, in order.
  private final class Results: Sendable {
    private let mailbox: Mailbox<(HealthTarget, HealthReport)>
    private let seen = Mutex<[(HealthTarget, HealthReport)]>([])

    init() throws { mailbox = try Mailbox() }

    func add(_ target: HealthTarget, _ report: HealthReport) { mailbox.post((target, report)) }

    func next() throws -> (HealthTarget, HealthReport) {
      let end = Clock.now + .seconds(20)
      while Clock.now < end {
        if let first = seen.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return first }
        var wait = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&wait, 1, 1000)
        let taken = mailbox.take()
        seen.withLock { $0 += taken }
      }
      throw SystemError("poll", ETIMEDOUT)
    }

    /// How the next check ended that was told: nil for a pass.
    func nextFailure() throws -> ProbeFailure? {
      switch try next().1 {
      case .changed(let transition): transition.result.failure
      case .failed(let failure, _, _, _): failure
      case .skipped(let error): throw error
      case .watched: try nextFailure()
      }
    }
  }

  private func withChecker(_ body: (HealthChecker, Results) throws -> Void) throws {
    let results = try Results()
    let logger = Logger(label: "test") { _ in Silence() }
    let checker = try HealthChecker(seed: 1, logger: logger) { results.add($0, $1) }
    let thread = try checker.start()
    defer {
      checker.stop()
      thread.join()
    }
    try body(checker, results)
  }

  /// Failed checks that change nothing are only told to a log that wants them.
  private struct Silence: LogHandler {
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {}
  }

  private func target(
    _ address: SocketAddress, _ check: HealthCheck, timeout: Duration = .seconds(10),
    interval: Duration = .milliseconds(20)
  ) -> HealthTarget {
    HealthTarget(
      backend: Backend(pool: "web", name: "a", address: address),
      settings: HealthSettings(interval: interval, timeout: timeout, fall: 1, rise: 1), check: check)
  }

  /// The result of the first check.
  private func result(
    of check: HealthCheck, timeout: Duration = .seconds(10), at address: SocketAddress
  ) throws -> ProbeFailure? {
    var failure: ProbeFailure?
    try withChecker { checker, results in
      checker.configure([target(address, check, timeout: timeout, interval: .seconds(3600))])
      failure = try results.nextFailure()
    }
    return failure
  }

  // MARK: Conversations

  private static let servers: [(HealthCheck, answers: [[UInt8]], speaksFirst: Bool)] = [
    (.tcp(expect: "SSH-2.0"), [Array("SSH-2.0-x\r\n".utf8)], true),
    (.tcp(send: "stats\n", expect: "pid"), [Array("STAT pid 1\n".utf8)], false),
    (.http(HTTPCheck()), [Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8)], false),
    (.redis, [Array("+PONG\r\n".utf8)], false),
    (.postgresql, [Array("N".utf8)], false),
    (.mysql(user: nil), [MySQL.greeting], true),
    (.mysql(user: "check"), [MySQL.greeting, MySQL.otherMethod, MySQL.okay(4)], true),
    (.smtp, [Array("220-a\r\n220 b\r\n".utf8), Array("221 c\r\n".utf8)], true),
  ]

  @Test(arguments: servers.indices, [1, 3, .max]) func aServerThatAnswersIsUp(_ index: Int, _ pieces: Int) throws {
    let (check, answers, speaksFirst) = Self.servers[index]
    let server = try FakeServer { connection, _ in
      for (turn, answer) in answers.enumerated() {
        if turn > 0 || !speaksFirst { _ = connection.receive() }
        connection.send(answer, pieces: pieces)
      }
      while !connection.receive().isEmpty {}
    }
    #expect(try result(of: check, at: server.address) == nil)
  }

  @Test(arguments: servers.indices) func aServerThatOnlyAcceptsTimesOut(_ index: Int) throws {
    let (check, _, _) = Self.servers[index]
    let socket = try ListeningSocket.open(.ip(.loopbackIPv4, port: 0), count: 1, backlog: 64)[0]
    var raw = RawAddress()
    _ = raw.withMutableSockaddr { getsockname(socket.number, $0, $1) }
    let failure = try result(of: check, timeout: .milliseconds(60), at: try #require(raw.address))
    #expect(failure?.layer == "L7")
    #expect(failure?.cause.hasPrefix("expected ") == true)
    #expect(failure?.cause.hasSuffix(", no answer within 60 ms") == true)
  }

  @Test(arguments: servers.indices) func aServerThatClosesIsDown(_ index: Int) throws {
    let server = try FakeServer { _, _ in }
    let failure = try result(of: Self.servers[index].0, at: server.address)
    #expect(failure?.layer == "L7")
    // It may also be a reset, where the question met a closed socket.
    #expect(failure?.cause.hasPrefix("expected ") == true)
    #expect(failure?.cause.contains("backend") == true, "\(failure?.cause ?? "")")
  }

  @Test(arguments: servers.indices) func aServerThatResetsIsDown(_ index: Int) throws {
    let server = try FakeServer { connection, _ in connection.reset() }
    let failure = try result(of: Self.servers[index].0, at: server.address)
    // Whether the reset comes before or after the connection was noticed is the kernel's secret.
    #expect(failure?.errno == "ECONNRESET" || failure?.cause.hasSuffix("the backend closed the connection") == true)
  }

  @Test func aSlowDripHasTheSameDeadline() throws {
    let server = try FakeServer { connection, _ in
      _ = connection.receive()
      while connection.send("x") { usleep(5000) }
    }
    let failure = try result(of: .redis, timeout: .seconds(2), at: server.address)
    #expect(failure?.cause.hasPrefix("expected +PONG, received only \"x") == true)
    #expect(failure?.cause.hasSuffix("within 2s") == true, "\(failure?.cause ?? "")")
  }

  @Test func anEndlessBannerIsCutOff() throws {
    let server = try FakeServer { connection, _ in
      let line = [UInt8](repeating: 0x2D, count: 65_536)
      for _ in 0..<64 { connection.send(line) }
    }
    let failure = try result(of: .smtp, at: server.address)
    #expect(failure?.cause.hasPrefix("expected 220, received 4096 bytes without it: \"----") == true)
  }

  @Test func aRefusedConnectionIsNoConversation() throws {
    let address: SocketAddress
    do {
      let server = try FakeServer { _, _ in }
      address = server.address
    }
    for (check, _, _) in Self.servers {
      let failure = try result(of: check, at: address)
      #expect(failure?.layer == "L4")
      #expect(failure?.cause == "connection refused (ECONNREFUSED)")
    }
  }

  /// The second question to a server with TLS is another; one that does not know it costs no failed check.
  @Test func anOldPostgreSQLCostsNoFailure() throws {
    let questions = Mutex<[[UInt8]]>([])
    let server = try FakeServer { connection, _ in
      let question = connection.receive()
      questions.withLock { $0.append(question) }
      connection.send(question == PostgreSQL.ssl ? Array("S".utf8) : PostgreSQL.error("0A000", "unsupported"))
    }
    try withChecker { checker, results in
      checker.configure([target(server.address, .postgresql)])
      let failure = try results.nextFailure()
      #expect(failure == nil)
      let end = Clock.now + .seconds(20)
      while server.connections < 5, Clock.now < end { usleep(1000) }
      // Nothing was told since, as nothing failed: the next that is told is the end of the server.
      checker.configure([target(.unix("/no/such/socket"), .postgresql)])
      let last = try results.nextFailure()
      #expect(last?.errno == "ENOENT")
    }
    let asked = questions.withLock { $0 }
    #expect(asked.prefix(5) == [PostgreSQL.ssl, PostgreSQL.gss, PostgreSQL.ssl, PostgreSQL.ssl, PostgreSQL.ssl])
  }

  @Test func theCheckGoesWhereItIsTold() throws {
    let server = try FakeServer { connection, _ in
      _ = connection.receive()
      connection.send("+PONG\r\n")
    }
    try withChecker { checker, results in
      let backend = Backend(pool: "web", name: "a", address: .unix("/no/such/socket"))
      checker.configure([
        HealthTarget(backend: backend, settings: HealthSettings(), check: .redis, address: server.address)
      ])
      let (target, report) = try results.next()
      #expect(target.address == server.address && target.backend === backend)
      guard case .changed(let transition) = report else { return }
      #expect(transition.to == .up)
    }
  }

  @Test func anotherCheckTakesEffectAtOnce() throws {
    let server = try FakeServer { connection, _ in
      // Answers none but the second.
      if connection.receive() == Array("*1\r\n$4\r\nPING\r\n".utf8) { connection.send("+PONG\r\n") }
    }
    try withChecker { checker, results in
      let settings = HealthSettings(interval: .seconds(3600), timeout: .seconds(3600), fall: 1, rise: 1)
      let backend = Backend(pool: "web", name: "a", address: server.address)
      checker.configure([
        HealthTarget(backend: backend, settings: settings, check: .tcp(expect: "what nobody says"))
      ])
      checker.configure([HealthTarget(backend: backend, settings: settings, check: .redis)])
      let failure = try results.nextFailure()
      #expect(failure == nil)
    }
  }

  // MARK: Scripts

  private let nowhere = SocketAddress.ip(.loopbackIPv6, port: 5432)

  private func script(_ text: String, timeout: Duration = .seconds(20)) throws -> ProbeFailure? {
    try result(of: .script(["sh", "-c", text]), timeout: timeout, at: nowhere)
  }

  @Test func aScriptDecidesByItsExitStatus() throws {
    #expect(try script("exit 0") == nil)
    #expect(try script("exit 3")?.cause == "exit status 3")
    #expect(try script("echo; echo no quorum; echo more; exit 1")?.cause == "exit status 1: \"no quorum\"")
    #expect(try script("echo no route >&2; exit 255")?.cause == "exit status 255: \"no route\"")
    #expect(try script("echo dying; kill -KILL $$")?.cause == "ended by SIGKILL: \"dying\"")
    #expect(try script("exit 3")?.layer == "L7")
  }

  @Test func aScriptKnowsTheBackend() throws {
    #expect(
      try script("echo $BALANCER_POOL $BALANCER_BACKEND $BALANCER_ADDRESS $BALANCER_HOST $BALANCER_PORT; exit 1")?.cause
        == "exit status 1: \"web a [::1]:5432 ::1 5432\"")
    let backend = Backend(pool: "web", name: "a", address: .unix("/run/a.sock"))
    let variables = ScriptRun.variables(for: HealthTarget(backend: backend, settings: HealthSettings()))
    #expect(variables.map(\.value) == ["web", "a", "unix:/run/a.sock", "/run/a.sock", ""])
  }

  @Test func aScriptThatTakesTooLongIsKilledWithItsChildren() throws {
    let folder = "/tmp/balancer-checks-\(getpid())"
    mkdir(folder, 0o700)
    defer {
      unlink("\(folder)/pid")
      rmdir(folder)
    }
    let failure = try script("echo waiting; sleep 600 & echo $! >\(folder)/pid; wait", timeout: .seconds(5))
    #expect(failure?.cause == "no result within 5s: \"waiting\"")
    let text = String(decoding: try Descriptor.contents(of: "\(folder)/pid", limit: 64) ?? [], as: UTF8.self)
    let sleeper = try #require(Int32(text.dropLast()))
    let end = Clock.now + .seconds(20)
    // Its new parent, the first process, may take its time to bury it.
    while kill(sleeper, 0) == 0, Clock.now < end {
      let state = try Descriptor.contents(of: "/proc/\(sleeper)/stat", limit: 4096) ?? []
      if String(decoding: state, as: UTF8.self).contains(") Z ") { break }
      usleep(1000)
    }
    #expect(Clock.now < end)
  }

  @Test func aScriptMayLeaveItsOutputOpen() throws {
    // Its child holds the pipe; only the script itself is waited for.
    #expect(try script("sleep 600 & exit 0") == nil)
  }

  @Test func aScriptThatNeverStopsTalkingIsStopped() throws {
    let cause = try script("while :; do echo all work and no play; done")?.cause
    #expect(cause == "more than 1MiB of output: \"all work and no play\"")
  }

  @Test func aScriptThatIsNotThereSaysSo() throws {
    let failure = try result(of: .script(["/no/such/script"]), at: nowhere)
    #expect(failure?.cause == "the script cannot be started: no such file or directory (ENOENT)")
    #expect(failure?.errno == "ENOENT")
  }

  @Test func scriptsLeaveNothingBehind() throws {
    try withChecker { checker, results in
      let backends = (0..<20).map { Backend(pool: "web", name: "\($0)", address: nowhere) }
      let settings = HealthSettings(interval: .milliseconds(20), timeout: .milliseconds(50), fall: 1, rise: 1)
      // Half of them end, half of them are killed.
      checker.configure(
        backends.enumerated().map { index, backend in
          HealthTarget(
            backend: backend, settings: settings,
            check: .script(["sh", "-c", index % 2 == 0 ? "exit 0" : "exec sleep 600.125"]))
        })
      for _ in 0..<60 { _ = try results.next() }
      checker.configure([])
    }
    let end = Clock.now + .seconds(20)
    while try sleepers() > 0, Clock.now < end { usleep(5000) }
    let left = try sleepers()
    #expect(left == 0)
  }

  /// Scripts of the test above that still run.
  private func sleepers() throws -> Int {
    var count = 0
    guard let folder = opendir("/proc") else { throw SystemError.last("opendir") }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard Int(name) != nil, let line = try? Descriptor.contents(of: "/proc/\(name)/cmdline", limit: 4096) else {
        continue
      }
      if String(decoding: line, as: UTF8.self) == "sleep\0600.125\0" { count += 1 }
    }
    return count
  }
}

extension ProbeResult {
  fileprivate var failure: ProbeFailure? { if case .failed(let failure) = self { failure } else { nil } }
}
