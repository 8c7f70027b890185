import Foundation
import Testing

extension EndToEnd {
  /// Backends by host name.
  @Suite(.enabled(if: HostFiles.arePermitted, Comment(rawValue: HostFiles.refusal)))
  struct HostNames {
    let site: Site
    let port: UInt16

    init() throws {
      site = try Site()
      port = try FreePort.take()
    }

    private static let keys = #""health": { "interval": "50ms" }"#

    /// The servers 127.0.0.1, 127.0.0.2 and so on, `a`, `b` and so on, all on one port.
    private func servers(_ count: Int) throws -> [TestBackend] {
      try (1...UInt8(count)).map { last in
        let name = String(UnicodeScalar(UInt8(ascii: "a") + last - 1))
        return try site.backend(name, at: .host("127.0.0.\(last)", port))
      }
    }

    private func backend(_ name: String, _ address: Int) -> String { "backend web/\(name):\(port)/127.0.0.\(address)" }

    private func waitForSight(of names: [String]) throws {
      var seen: Set<String> = []
      try waitUntil("\(names) serve") {
        if let name = try site.visit() { seen.insert(name) }
        return seen.isSuperset(of: names)
      }
    }

    @Test func eachAddressIsABackend() throws {
      let servers = try servers(3)
      let hosts = try HostFiles(in: site.folder, "127.0.0.2 web.test", "127.0.0.1 web.test")
      let balancer = try site.balancer(
        site.configuration(["\"web.test:\(port)\""], pool: Self.keys), inside: hosts.wrapper)
      try balancer.log.waitForLine(containing: "names \"web.test\" is 127.0.0.1, 127.0.0.2")
      try waitForSight(of: ["a", "b"])
      for address in 1...2 {
        try balancer.log.waitForLine(
          containing: "web/web.test:\(port)/127.0.0.\(address) (127.0.0.\(address):\(port)) UP at its first check")
      }
      #expect(Set(try site.visits(4)) == ["a", "b"])
      let kept = try ["a", "b"].map { name in
        while true { if case (let socket, name) = try site.session() { return socket } }
      }

      try hosts.set("127.0.0.2 web.test", "127.0.0.3 web.test")
      let mark = balancer.log.mark
      balancer.signal(SIGHUP)
      try balancer.log.waitForLine(containing: "holds no change; its host names are looked up again", after: mark)
      try balancer.log.waitForLine(containing: "is 127.0.0.2, 127.0.0.3, was 127.0.0.1, 127.0.0.2", after: mark)
      try balancer.log.waitForLine(containing: "+ " + backend("web.test", 3), after: mark)
      try balancer.log.waitForLine(containing: "- " + backend("web.test", 1), after: mark)
      try waitForSight(of: ["b", "c"])
      #expect(Set(try site.visits(6)) == ["b", "c"])
      // Who stays is not checked as if it were new, and sessions of both stay.
      #expect(balancer.log.all.count { $0.contains("127.0.0.2") && $0.contains("first check") } == 1)
      for socket in kept {
        try socket.send("still there?\n")
        #expect(try socket.receiveLine() == "still there?")
      }
      try servers[0].waitForConnections(1)
    }

    @Test func sessionsOfAnAddressThatVanishesEndAsOnRemoveSays() throws {
      _ = try servers(2)
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 web.test")
      let balancer = try site.balancer(
        site.configuration(["\"web.test:\(port)\""], pool: Self.keys + #", "onRemove": "close""#), inside: hosts.wrapper
      )
      let (session, name) = try site.session()
      #expect(name == "a")
      try hosts.set("127.0.0.2 web.test")
      balancer.signal(SIGHUP)
      _ = try session.waitForEnd()
      try waitForSight(of: ["b"])
    }

    /// No signal: names that fail are asked for again soon.
    @Test func aNameThatCannotBeResolvedIsDownAndComesInByItself() throws {
      _ = try servers(2)
      let hosts = try HostFiles(in: site.folder, "127.0.0.2 other.test")
      let balancer = try site.balancer(
        site.configuration(["\"web.test:\(port)\""], pool: Self.keys), inside: hosts.wrapper)
      try balancer.log.waitForLine(
        containing: "error", "health web/web.test:\(port) DOWN: \"web.test\" cannot be resolved: ",
        "; 0/1 backends eligible")
      #expect(try site.visit() == nil)
      try balancer.log.waitForLine(containing: "pool web", "no backend is eligible")
      try hosts.set("127.0.0.1 web.test", "127.0.0.2 web.test")
      try balancer.log.waitForLine(containing: "names \"web.test\" is 127.0.0.1, 127.0.0.2")
      try waitForSight(of: ["a", "b"])
      #expect(!balancer.log.all.contains { $0.contains("- backend") })
      #expect(balancer.log.all.count { $0.contains("cannot be resolved") } == 1)
    }

    @Test func othersServeMeanwhile() throws {
      let servers = try servers(1)
      let hosts = try HostFiles(in: site.folder)
      let balancer = try site.balancer(
        site.configuration(
          ["\"web.test:\(port)\"", servers[0].json], pool: #""health": "off", "panic": 100, "scheduler": "source-hash""#
        ),
        inside: hosts.wrapper)
      try balancer.log.waitForLine(containing: "warning", "web.test", "DOWN", "1/2 backends eligible, 50% of weight")
      #expect(try site.visits(10) == Array(repeating: "a", count: 10))
    }

    @Test func aNameThatFailsLaterKeepsItsLastAnswer() throws {
      _ = try servers(1)
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 web.test")
      let balancer = try site.balancer(
        site.configuration(["\"web.test:\(port)\""], pool: Self.keys), inside: hosts.wrapper)
      try waitForSight(of: ["a"])
      try hosts.set()
      balancer.signal(SIGHUP)
      try balancer.log.waitForLine(
        containing: "names \"web.test\" cannot be resolved", "its last answer holds: 127.0.0.1")
      // Once only, however often it is asked for.
      for _ in 1...3 {
        let mark = balancer.log.mark
        balancer.signal(SIGHUP)
        try balancer.waitUntilReloaded(after: mark)
        #expect(try site.visit() == "a")
      }
      try hosts.set("127.0.0.1 web.test")
      balancer.signal(SIGHUP)
      try balancer.log.waitForLine(containing: "names \"web.test\" can be resolved again after")
      #expect(balancer.log.all.count { $0.contains("cannot be resolved") } == 1)
      #expect(try site.visit() == "a")
    }

    @Test func clientsDoNotNoticeWhatANameStandsFor() throws {
      _ = try servers(4)
      let sets = [["1", "2"], ["2", "3", "4"], ["4", "1"], ["3", "2", "1"], []].map {
        $0.map { "127.0.0.\($0) web.test" }
      }
      let hosts = try HostFiles(in: site.folder, sets[0][0], sets[0][1])
      let balancer = try site.balancer(
        site.configuration(["\"web.test:\(port)\""], pool: Self.keys), inside: hosts.wrapper)
      let (kept, _) = try site.session()
      let load = Load(on: site.front)
      for round in 1...25 {
        try hosts.set(sets[round % sets.count])
        let mark = balancer.log.mark
        balancer.signal(SIGHUP)
        try balancer.waitUntilReloaded(after: mark)
        try load.waitForSessions(10)
      }
      let report = try load.stop()
      #expect(report.lost.isEmpty)
      #expect(Set(report.served.keys) == ["a", "b", "c", "d"])
      try kept.send("still there?\n")
      #expect(try kept.receiveLine() == "still there?")
    }

    @Test func nothingIsLeftOfManyLookUps() throws {
      _ = try servers(1)
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 web.test")
      let names = (1...20).map { "\"none\($0).test:\(port)\"" }
      let balancer = try site.balancer(
        site.configuration(names + ["\"web.test:\(port)\""]), inside: hosts.wrapper)
      func look(_ rounds: Int) throws -> (descriptors: Int, threads: Int, memory: Int) {
        for _ in 1...rounds {
          let mark = balancer.log.mark
          balancer.signal(SIGHUP)
          try balancer.waitUntilReloaded(after: mark)
        }
        let figures = balancer.figures
        // Look-ups come and go: the fewest of some looks are those without one.
        let counts = try (0..<50).map { _ in
          usleep(2000)
          return (try figures.descriptors, try figures.threads)
        }
        return (counts.map(\.0).min()!, counts.map(\.1).min()!, try figures.residentBytes)
      }
      let before = try look(20)
      let after = try look(200)
      #expect(after.descriptors == before.descriptors)
      #expect(after.threads == before.threads)
      #expect(after.memory - before.memory < 2 << 20, "\(after.memory - before.memory) bytes more")
    }

    @Test func aReloadWaitsForNewNames() throws {
      let servers = try servers(2)
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 old.test", "127.0.0.2 new.test")
      let balancer = try site.balancer(
        site.configuration(["\"old.test:\(port)\""], pool: Self.keys), inside: hosts.wrapper)
      let load = Load(on: site.front)
      try load.waitForSessions(20)
      let mark = try balancer.reload(site.configuration(["\"new.test:\(port)\""], pool: Self.keys))
      try balancer.waitUntilReloaded(after: mark)
      try load.waitForSessions(20, by: "b")
      let report = try load.stop()
      #expect(report.lost.isEmpty)
      try balancer.log.waitForLine(containing: "- backend web/old.test:\(port)", after: mark)
      #expect(!balancer.log.all.contains { $0.contains("not resolved") })

      // What does not resolve comes in like at the start.
      try balancer.waitUntilReloaded(
        after: balancer.reload(site.configuration(["\"none.test:\(port)\"", servers[0].json], pool: Self.keys)))
      try balancer.log.waitForLine(containing: "web/none.test:\(port) DOWN: \"none.test\" cannot be resolved")
      try waitForSight(of: ["a"])
      #expect(try site.visits(5) == Array(repeating: "a", count: 5))
    }

    @Test func aDeadNameServerHoldsUpNothingForLong() throws {
      let servers = try servers(2)
      let server = try SilentNameServer()
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 web.test", nameServer: server.address)
      let dead = (1...20).map { "\"dead\($0).test:\(port)\"" }
      let balancer = try site.balancer(
        site.configuration(dead + [servers[0].json], pool: Self.keys), inside: hosts.wrapper)
      try balancer.log.waitForLine(containing: "web/dead1.test:\(port) DOWN: \"dead1.test\" is not resolved yet")
      try waitForSight(of: ["a"])

      // A reload waits for its new name, and the program does not.
      let mark = try balancer.reload(site.configuration(["\"more.test:\(port)\"", servers[1].json], pool: Self.keys))
      balancer.signal(SIGUSR1)
      try balancer.log.waitForLine(containing: "log file reopened", after: mark)
      #expect(try site.visit() == "a")
      #expect(!balancer.log.all.contains { $0.contains("is in force") })
      try balancer.waitUntilReloaded(after: mark)
      try waitForSight(of: ["b"])
      balancer.askToEnd()
      #expect(try balancer.waitForExit() == .status(0))
    }

    @Test func aSignalEndsTheWaitOfTheStart() throws {
      let server = try SilentNameServer()
      let hosts = try HostFiles(in: site.folder, nameServer: server.address)
      let process = try ChildProcess(
        hosts.wrapper + BalancerProcess.command(site.configuration(["\"dead.test:1\""]), in: site.folder))
      try waitUntil("it blocks its signals") {
        // One that the shells before it do not block while they start something.
        let status = try ProcessFigures(pid: process.pid).blockedSignals
        return status & (1 << UInt64(SIGUSR1 - 1)) != 0
      }
      process.signal(SIGTERM)
      #expect(try process.waitForExit() == .status(0))
    }

    @Test func localhostIsIPv4WhereItIsBoth() throws {
      _ = try servers(1)
      let hosts = try HostFiles(in: site.folder, "::1 localhost", "127.0.0.1 localhost")
      let balancer = try site.balancer(
        site.configuration(["\"localhost:\(port)\""], pool: Self.keys), inside: hosts.wrapper)
      try balancer.log.waitForLine(containing: "names \"localhost\" is 127.0.0.1")
      try balancer.log.waitForLine(containing: "web/localhost:\(port)/127.0.0.1", "UP", "1/1 backends eligible")
    }

    @Test func ofVeryManyAddressesTheFirstAreUsed() throws {
      let hosts = try HostFiles(in: site.folder)
      try hosts.set((1...70).map { "127.0.0.\($0) many.test" })
      let balancer = try site.balancer(site.configuration(["\"many.test:\(port)\""]), inside: hosts.wrapper)
      try balancer.log.waitForLine(containing: "\"many.test\" has 70 addresses: 6 of them are not used")
    }

    /// Spare connections come and go with the addresses.
    @Test func addressesThatComeInAreWarmedAsWell() throws {
      let servers = try servers(2)
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 web.test")
      let balancer = try site.balancer(
        site.configuration(["\"web.test:\(port)\""], pool: #""health": "off", "prewarm": 2"#), inside: hosts.wrapper)
      try servers[0].waitForConnections(4)
      try hosts.set("127.0.0.1 web.test", "127.0.0.2 web.test")
      balancer.signal(SIGHUP)
      try servers[1].waitForConnections(4)
      try hosts.set("127.0.0.2 web.test")
      balancer.signal(SIGHUP)
      try servers[0].waitForConnections(0)
      #expect(try site.visits(3) == ["b", "b", "b"])
    }

    /// A name in `check`: the backend is down until it is known where it is checked.
    @Test func aCheckMayHaveANameToo() throws {
      _ = try servers(2)
      let backend = #"{ "address": "web.test:\#(port)", "check": "monitor.test:\#(port)" }"#
      let hosts = try HostFiles(in: site.folder, "127.0.0.1 web.test")
      let balancer = try site.balancer(site.configuration([backend], pool: Self.keys), inside: hosts.wrapper)
      try balancer.log.waitForLine(containing: "web/web.test:\(port) DOWN: \"monitor.test\" cannot be resolved")
      try hosts.set("127.0.0.1 web.test", "127.0.0.2 monitor.test")
      balancer.signal(SIGHUP)
      try balancer.log.waitForLine(containing: "UP", "tcp check of 127.0.0.2:\(port)")
      #expect(try site.visit() == "a")
    }

    @Test func checkWarnsOfANameThatCannotBeResolved() throws {
      let hosts = try HostFiles(in: site.folder, "127.0.0.2 web.test", "127.0.0.1 web.test")
      let command = try BalancerProcess.command(
        site.configuration(["\"web.test:1\"", "\"none.test:1\""]), in: site.folder, "check")
      let (exit, output, _) = try ChildProcess.run(hosts.wrapper + command)
      #expect(exit == .status(0))
      #expect(output.contains("\"web.test\" is 127.0.0.1, 127.0.0.2"))
      #expect(output.contains("warning: pools.web.backends: \"none.test\" cannot be resolved"))
    }
  }
}
