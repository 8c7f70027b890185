import Foundation
import Testing

extension EndToEnd {
  /// What is told of certificates and keys at work, and what of them is told to nobody.
  @Suite struct TLSOversight {
    let site: Site
    let authority: Authority

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
    }

    /// The mode of a key's file, and whose it is: warned of is whoever may read it besides root and the service.
    @Test func keysOfOthersAreAWarning() throws {
      let certificate = try authority.issue("a", ["DNS:a.example"])
      let pool = #""pools": { "web": { "backends": ["127.0.0.1:1"], "health": "off" } }"#
      let text = """
        {
          "listeners": {
            "web": { "listen": "\(site.front)", "pool": "web", "tls": { "certificates": [\(certificate.json)] } }
          },
          \(pool)
        }
        """
      var cases: [(mode: mode_t, user: uid_t, group: gid_t, reader: String?)] = [
        (0o600, geteuid(), getegid(), nil), (0o400, geteuid(), getegid(), nil), (0o640, geteuid(), getegid(), nil),
        (0o644, geteuid(), getegid(), "everyone"), (0o604, geteuid(), getegid(), "everyone"),
      ]
      // Only root can give files away.
      if geteuid() == 0 {
        cases += [
          (0o640, 0, 12345, "the group 12345"), (0o600, 0, 12345, nil), (0o600, 12345, 0, "the user 12345"),
          (0o400, 12345, 12345, "the user 12345"), (0o644, 12345, 12345, "everyone"),
        ]
      }
      for (mode, user, group, reader) in cases {
        try #require(chown(certificate.key, user, group) == 0 && chmod(certificate.key, mode) == 0)
        let result = try ChildProcess.run(BalancerProcess.command(text, in: site.folder, "check"))
        #expect(result.exit == .status(0))
        let warnings = result.output.split(separator: "\n").filter { $0.contains("warning:") }
        let name = "\(String(mode, radix: 8)) \(user):\(group): \(result.output)"
        #expect(warnings.count == (reader == nil ? 0 : 1), "\(name)")
        guard let reader else { continue }
        let words = "\(certificate.key): holds a private key that \(reader) may read"
        #expect(warnings.first?.contains(words) == true, "\(name)")
      }
    }

    /// Of all certificates in use, in each place where an operator may look, and none is warned of before its time.
    @Test func daysToExpiryAreInTheStatusTheMetricsAndTheLog() throws {
      let admin = try AdminSite()
      let backend = try site.backend("plain")
      // Made a moment ago, so a little less than that is left.
      let days = [("late", 90), ("month", 30), ("week", 7), ("day", 1), ("over", -3)]
      let issued = try days.map { name, days in try authority.issue(name, ["DNS:\(name).example"], days: days).json }
      try authority.issue("shown", ["DNS:shown"], days: 5)
      let balancer = try site.balancer(
        site.configuration(
          [backend.json],
          pool: #""health": "off", "tls": { "ca": "root.pem", "certificate": "shown.pem", "key": "shown.key" }"#,
          listener: "\"tls\": { \"certificates\": [\(issued.joined(separator: ", "))] }", top: admin.json()))
      let log = balancer.log.all.filter { $0.contains("warning") && $0.contains("expire") }
      for (name, words) in [
        ("month", "expires in 29 days"), ("week", "expires in 6 days"), ("day", "expires within a day"),
        ("over", "has expired on"), ("shown", "expires in 4 days"),
      ] {
        #expect(log.count { $0.contains(site.path("\(name).pem")) && $0.contains(words) } == 1, "\(name): \(log)")
      }
      #expect(log.count == 5, "\(log)")
      // Who does the work is said beside it.
      #expect(balancer.log.all.contains { $0.contains("kernel TLS: ") })

      let certificates = try #require(try admin.status()["certificates"] as? [[String: Any]])
      let left = Dictionary(
        uniqueKeysWithValues: try certificates.map { (try #require($0["file"] as? String), $0["daysLeft"] as? Int) })
      let metrics = try Scrape(address: admin.address).samples().filter {
        $0.key.hasPrefix("balancer_certificate_expiry_timestamp_seconds{")
      }
      #expect(certificates.count == 6 && metrics.count == 6)
      for (name, days) in days + [("shown", 5)] {
        #expect(left[site.path("\(name).pem")] == days - 1, "\(name): \(left)")
        let sample = try #require(metrics.first { $0.key.contains(site.path("\(name).pem")) }, "\(metrics)")
        // To the second.
        let end = try Authority.openssl([
          "x509", "-in", site.path("\(name).pem"), "-noout", "-enddate", "-dateopt", "iso_8601",
        ])
        let date = try #require(end.split(separator: "=").last)
        let seconds = try Date(
          date.replacingOccurrences(of: " ", with: "T").trimmingCharacters(in: .newlines), strategy: .iso8601)
        #expect(sample.value == seconds.timeIntervalSince1970, "\(name)")
      }
    }

    /// Nothing of a key or a passphrase is in what the admin server says, or in the log at its most talkative.
    @Test func keysAreNowhereToBeRead() throws {
      let admin = try AdminSite()
      let backend = try site.backend("plain")
      let certificate = try authority.issue("a", ["DNS:a.example"], passphrase: "open-sesame")
      try site.write("open-sesame\n", to: "a.pass")
      chmod(site.path("a.pass"), 0o600)
      let plain = try authority.issue("b", ["DNS:b.example"])
      try Authority.openssl(["rand", "-out", site.path("ticket.key"), "80"])
      chmod(site.path("ticket.key"), 0o600)
      let balancer = try site.balancer(
        site.configuration(
          [backend.json],
          pool: #""health": "off", "tls": { "ca": "root.pem", "certificate": "b.pem", "key": "b.key" }"#,
          listener: """
            "tls": {
              "certificates": [
                { "certificate": "a.pem", "key": "a.key", "keyPassphraseFile": "a.pass" }, \(plain.json)
              ],
              "ticketKeys": "ticket.key"
            }
            """, top: admin.json() + #", "log": { "level": "debug" }"#))
      // The backend does not speak TLS: that is logged as well.
      #expect(try TLSClient(site.front, ca: authority.certificate).visit().version != nil)
      let mark = balancer.log.mark
      try site.write("wrong\n", to: "a.pass")
      try balancer.log.waitForLine(containing: "listener web", "is refused", after: mark)
      let texts = try ["/v1/status", "/v1/config", "/v1/sessions", "/metrics"].map { path in
        let answer = try admin.get(path)
        #expect(answer.status == 200, "\(path)")
        return answer.body
      }
      let ticket = try Data(contentsOf: URL(filePath: site.path("ticket.key")))
      let lines = try [certificate.key, plain.key].flatMap { file in
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("-----") }
      }
      let secrets =
        [
          "open-sesame", "PRIVATE KEY-----", ticket.base64EncodedString(),
          ticket.map { String(format: "%02x", $0) }.joined(),
        ]
        + lines.map(String.init)
      for text in texts + [balancer.log.all.joined(separator: "\n")] {
        for secret in secrets { #expect(!text.contains(secret), "\(text)") }
      }
    }
  }
}
