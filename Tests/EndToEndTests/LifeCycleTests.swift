import Foundation
import Testing

extension EndToEnd {
  /// Starting, ending, and what systemd and logrotate expect.
  @Suite struct LifeCycle {
    let site: Site

    init() throws { site = try Site() }

    @Test(arguments: [SIGTERM, SIGINT])
    func anEndLetsSessionsFinish(signal: Int32) throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json]))
      let sessions = try (0..<5).map { _ in try site.session().socket }
      balancer.askToEnd(signal)
      try waitUntil("nobody listens") { (try? Socket(connectingTo: site.front)) == nil }
      for session in sessions {
        try session.send("still there?\n")
        #expect(try session.receiveLine() == "still there?")
      }
      #expect(balancer.process.hasExited == nil)
      for session in sessions { session.close() }
      #expect(try balancer.waitForExit() == .status(0))
    }

    @Test func anEndWithoutSessionsIsImmediate() throws {
      let balancer = try site.balancer(site.configuration([site.deadAddress().json]))
      balancer.askToEnd()
      #expect(try balancer.waitForExit(within: .seconds(5)) == .status(0))
    }

    @Test func drainingHasALimit() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], top: #""shutdown": { "drain": "500ms" }"#))
      let (session, _) = try site.session()
      balancer.askToEnd()
      _ = try session.waitForEnd()
      #expect(try balancer.waitForExit() == .status(0))
    }

    @Test func theSecondSignalEndsAtOnce() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], top: #""shutdown": { "drain": "1h" }"#))
      let (session, _) = try site.session()
      balancer.askToEnd()
      try waitUntil("nobody listens") { (try? Socket(connectingTo: site.front)) == nil }
      balancer.askToEnd()
      _ = try balancer.waitForExit(within: .seconds(5))
      _ = try session.waitForEnd()
    }

    @Test func logFilesAreReopened() throws {
      let backend = try site.backend("a")
      let (file, rotated) = (site.folder.appendingPathComponent("b.log"), site.folder.appendingPathComponent("b.log.1"))
      let balancer = try site.balancer(
        site.configuration(
          [backend.json], pool: #""health": { "interval": "100ms", "fall": 1, "rise": 1 }"#,
          top: #""log": { "file": "b.log" }"#), log: file)
      func content(_ file: URL) -> String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }
      try waitUntil("the first result is logged") { content(file).contains("UP") }
      try FileManager.default.moveItem(at: file, to: rotated)
      try backend.stopListening()
      try waitUntil("the old file is still written") { content(rotated).contains("DOWN") }

      balancer.signal(SIGUSR1)
      try waitUntil("the file is there again") { FileManager.default.fileExists(atPath: file.path) }
      let size = content(rotated).utf8.count
      try backend.listen()
      try waitUntil("the new file is written") { content(file).contains("UP") }
      #expect(content(rotated).utf8.count == size)
    }

    @Test func aLogThatNobodyReadsHoldsNobodyUp() throws {
      let backend = try site.backend("a")
      let command = try BalancerProcess.command(
        site.configuration(
          [site.deadAddress().json, backend.json], top: #""log": { "level": "trace" }, "workers": 1"#),
        in: site.folder)
      let process = try ChildProcess(command, readsErrors: false)
      try waitUntil("it serves") { (try? site.visit()) == "a" }
      // Each retry is a line: far more than a pipe holds.
      #expect(try site.visits(4000).allSatisfy { $0 == "a" })
      process.signal(SIGTERM)
      #expect(try process.waitForExit() == .status(0))
    }

    @Test func aTakenPortIsNamed() throws {
      let other = try site.backend("other")
      let run = try ChildProcess.run(
        BalancerProcess.command(
          """
          {
            "listeners": { "web": { "listen": ["\(site.front)", "\(other.address)"], "pool": "web" } },
            "pools": { "web": { "backends": ["127.0.0.1:1"] } }
          }
          """, in: site.folder))
      guard case .status(let status) = run.exit else { throw Failure("ended with \(run.exit)") }
      #expect(status != 0 && status != 78)
      #expect(run.errors.contains("web"))
      #expect(run.errors.contains("\(other.address)"))
      #expect(run.errors.contains("EADDRINUSE") || run.errors.lowercased().contains("in use"))
    }

    @Test func twoBalancersCannotHaveOnePort() throws {
      // Although each worker has a socket of its own on it.
      _ = try site.balancer(site.configuration([site.deadAddress().json], top: #""workers": 2"#))
      let run = try ChildProcess.run([BalancerProcess.binary, "run", "--config", site.folder.path + "/balancer.json"])
      #expect(run.exit != .status(0))
      #expect(run.errors.contains("\(site.front)"))
    }

    @Test func aStartAfterAnEndFindsThePortFree() throws {
      let backend = try site.backend("a")
      for _ in 0..<3 {
        let balancer = try site.balancer(site.configuration([backend.json], pool: ""))
        // The side that closes first keeps the connection in TIME_WAIT.
        let (session, name) = try site.session()
        #expect(name == "a")
        balancer.askToEnd()
        // Two signals of a kind that wait together are one.
        try balancer.log.waitForLine(containing: "no longer accepting")
        balancer.askToEnd()
        _ = try balancer.waitForExit()
        session.close()
      }
    }

    @Test func aUnixSocketLeftBehindIsReplaced() throws {
      let backend = try site.backend("a")
      let front = Address.unix(site.folder.path + "/front.sock")
      let file = """
        {
          "listeners": { "web": { "listen": "\(front)", "pool": "web" } },
          "pools": { "web": { "backends": [\(backend.json)] } }
        }
        """
      let killed = try site.balancer(file)
      #expect(try Socket(connectingTo: front).receiveLine() == "a")
      killed.askToEnd(SIGKILL)
      _ = try killed.waitForExit()

      let second = try site.balancer(file)
      #expect(try Socket(connectingTo: front).receiveLine() == "a")
      // One that is in use is not.
      let third = try ChildProcess.run([BalancerProcess.binary, "run", "--config", site.folder.path + "/balancer.json"])
      #expect(third.exit != .status(0))
      #expect(try Socket(connectingTo: front).receiveLine() == "a")

      second.askToEnd()
      #expect(try second.waitForExit() == .status(0))
      #expect(!FileManager.default.fileExists(atPath: site.folder.path + "/front.sock"))
    }
  }

  /// Sockets that systemd has opened (sd_listen_fds(3)).
  @Suite struct InheritedSockets {
    let site: Site

    init() throws { site = try Site() }

    private func file(_ backend: TestBackend, listen: Address) -> String {
      """
      {
        "workers": 2,
        "listeners": { "web": { "listen": "\(listen)", "pool": "web" } },
        "pools": { "web": { "backends": [\(backend.json)] } }
      }
      """
    }

    @Test func aSocketIsTakenByTheListenersName() throws {
      let backend = try site.backend("a")
      // Its address is another than the file says.
      let inherited = try ListeningSocket(at: .ipv4(FreePort.take()))
      _ = try site.balancer(
        file(backend, listen: site.front), environment: ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"],
        passing: [inherited.descriptor])
      #expect(try Socket(connectingTo: inherited.address).receiveLine() == "a")
      #expect(throws: SystemFailure.self) { try site.connect() }
    }

    @Test func aSocketIsTakenByItsAddress() throws {
      let backend = try site.backend("a")
      let inherited = try ListeningSocket(at: site.front)
      let other = try ListeningSocket(at: .ipv4(FreePort.take()))
      _ = try site.balancer(
        file(backend, listen: site.front), environment: ["LISTEN_FDS": "2"],
        passing: [other.descriptor, inherited.descriptor])
      // A client that came before the program is served too.
      #expect(try site.visits(8).allSatisfy { $0 == "a" })
    }

    @Test func aUnixSocketIsTakenByItsAddress() throws {
      let backend = try site.backend("a")
      let front = Address.unix(site.folder.path + "/front.sock")
      let inherited = try ListeningSocket(at: front)
      _ = try site.balancer(
        file(backend, listen: front), environment: ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "unknown"],
        passing: [inherited.descriptor])
      #expect(try Socket(connectingTo: front).receiveLine() == "a")
    }

    @Test func clientsThatCameBeforeTheProgramAreServed() throws {
      let backend = try site.backend("a")
      let inherited = try ListeningSocket(at: site.front)
      let early = try (0..<10).map { _ in try site.connect() }
      _ = try site.balancer(
        file(backend, listen: site.front), environment: ["LISTEN_FDS": "1"], passing: [inherited.descriptor])
      for client in early { #expect(try client.receiveLine() == "a") }
    }

    @Test func theSocketsOfAnotherProcessAreLeftAlone() throws {
      let backend = try site.backend("a")
      // A parent's variables that were passed on with the environment, LISTEN_PID naming the parent.
      _ = try site.balancer(
        file(backend, listen: site.front), environment: ["LISTEN_FDS": "1", "LISTEN_PID": "1"])
      #expect(try site.visit() == "a")
    }
  }
}
