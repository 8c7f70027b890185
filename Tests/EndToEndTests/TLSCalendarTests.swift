import Foundation
import Testing

extension EndToEnd {
  /// What TLS does as hours and days pass, in the real program: its clocks are moved on by libfaketime, as far as a file says.
  @Suite struct TLSCalendar {
    let site: Site
    let authority: Authority

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
      try moveClock(hours: 0)
    }

    private func moveClock(hours: Int) throws { try site.write("+\(hours)h\n", to: "clock") }

    /// With a certificate that is good for 33 days.
    private func balancer() throws -> BalancerProcess {
      let certificate = try authority.issue("a", ["DNS:a.example"], days: 33)
      let library = try #require(
        FileManager.default.contentsOfDirectory(atPath: "/usr/lib").map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }
          .first { FileManager.default.fileExists(atPath: $0) })
      return try site.balancer(
        site.configuration(
          [site.backend("plain").json], pool: #""health": "off""#,
          listener: #""tls": { "certificates": [\#(certificate.json)] }"#),
        environment: [
          "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": site.path("clock"), "FAKETIME_NO_CACHE": "1",
        ])
    }

    private struct Visit {
      let wasResumed: Bool
      /// The name of the key that its ticket is encrypted with: the first 16 bytes (RFC 5077, 4).
      let keyName: String
    }

    /// - Parameters:
    ///   - brought: the file of the session to go on with.
    ///   - kept: the file that a new one goes into.
    private func visit(bringing brought: String? = nil, keeping kept: String? = nil) throws -> Visit {
      // In TLS 1.2 the ticket is a message of the handshake: nothing has to be said for it.
      let client = try ChildProcess.run(
        ["openssl", "s_client", "-connect", "\(site.front)", "-servername", "a.example", "-tls1_2"]
          + (brought.map { ["-sess_in", site.path($0)] } ?? []) + (kept.map { ["-sess_out", site.path($0)] } ?? []))
      let words = client.output
      try #require(words.contains("New, ") || words.contains("Reused, "), "\(words)")
      let ticket = try #require(words.split(separator: "\n").first { $0.contains("0000 - ") }, "\(words)")
      let name = try #require(ticket.range(of: "0000 - ").map { ticket[$0.upperBound...].prefix(47) })
      return Visit(wasResumed: words.contains("Reused, "), keyName: String(name))
    }

    /// Until new clients get tickets of another key.
    private func visit(whenTheKeyIsNot name: String) throws -> Visit {
      let limit = ContinuousClock.now + .seconds(20)
      while ContinuousClock.now < limit {
        let visit = try visit()
        if visit.keyName != name { return visit }
      }
      throw Failure("the key did not change")
    }

    @Test func theKeysOfTicketsChange() throws {
      let balancer = try balancer()
      let first = try visit(keeping: "first")
      #expect(!first.wasResumed)
      try moveClock(hours: 11)
      let eleventh = try visit(keeping: "eleventh")
      #expect(eleventh.keyName == first.keyName)
      #expect(try visit(bringing: "first").wasResumed)

      try moveClock(hours: 13)
      let latest = try visit(whenTheKeyIsNot: first.keyName)
      // Of the key before, and exchanged for one of the new key.
      let old = try visit(bringing: "eleventh")
      #expect(old.wasResumed && old.keyName == latest.keyName)
      // A ticket lives as long as its client was told: for 12 hours.
      #expect(try !visit(bringing: "first").wasResumed)
      withExtendedLifetime(balancer) {}
    }

    @Test func anExpiryIsToldThreeTimesAndOnceItIsThere() throws {
      let balancer = try balancer()
      let file = site.path("a.pem")
      func told() -> [String] { balancer.log.all.filter { $0.contains(file) && $0.contains("expire") } }
      #expect(told().isEmpty)
      var mark = balancer.log.mark
      for (days, words) in [
        (4, "expires in 28 days"), (20, nil), (27, "expires in 5 days"), (30, nil), (32, "expires within a day"),
        (33, "has expired on"),
      ] {
        let name = try visit().keyName
        try moveClock(hours: days * 24)
        // It tends to its keys and to its calendar together.
        _ = try visit(whenTheKeyIsNot: name)
        guard let words else { continue }
        let line = try balancer.log.waitForLine(containing: "warning", file, after: mark)
        #expect(line.contains(words), "day \(days): \(line)")
        mark = balancer.log.mark
      }
      #expect(told().count == 4, "\(told())")
    }
  }
}
