import Foundation
import Testing

extension EndToEnd {
  /// Backends that are talked to over TLS, by sessions and by checks.
  @Suite struct TLSBackends {
    let site: Site
    let authority: Authority

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
    }

    private func configuration(_ backends: [String], tls: String, pool: String = #""health": "off""#) -> String {
      site.configuration(backends, pool: #""tls": \#(tls), "retries": 1, \#(pool)"#)
    }

    private let trusting = #"{ "ca": "root.pem" }"#

    // MARK: Verification

    /// What is wrong with a backend's certificate, and in which words.
    private func faults() throws -> [(name: String, server: TLSServer, words: String)] {
      let stranger = try Authority("stranger", in: site.folder)
      return [
        (
          "host", try TLSServer("host", authority.issue("host", ["DNS:a.example", "DNS:b.example"])),
          "certificate is not for localhost (backend cert CN=a.example, for a.example, b.example)"
        ),
        (
          "expired", try TLSServer("expired", authority.issue("expired", ["DNS:localhost"], days: -3)),
          "certificate has expired (backend cert CN=localhost, expired"
        ),
        (
          "stranger", try TLSServer("stranger", stranger.issue("theirs", ["DNS:localhost"])),
          "certificate is signed by an unknown authority"
        ),
      ]
    }

    @Test func onlyAProvenBackendIsTalkedTo() throws {
      let good = try TLSServer("good", authority.issue("good", ["DNS:localhost"]))
      let balancer = try site.balancer(configuration([good.json()], tls: trusting))
      #expect(try site.visit() == "good localhost - None full")
      for (name, server, words) in try faults() {
        let mark = try balancer.reload(configuration([server.json()], tls: trusting))
        try balancer.log.waitForLine(containing: "is in force", after: mark)
        #expect(try site.visit() == nil, "\(name)")
        try balancer.log.waitForLine(containing: "pool web", words, after: mark)

        // The same without verification.
        let second = try balancer.reload(configuration([server.json()], tls: #"{ "verify": false }"#))
        try balancer.log.waitForLine(containing: "is in force", after: second)
        try balancer.log.waitForLine(containing: "pools.web.tls.verify", "is believed", after: second)
        #expect(try site.visit()?.hasPrefix(name) == true)

        // Another backend takes over, without the client's noticing.
        let third = try balancer.reload(configuration([server.json(), good.json()], tls: trusting))
        try balancer.log.waitForLine(containing: "is in force", after: third)
        for _ in 0..<4 { #expect(try site.visit()?.hasPrefix("good") == true) }
      }
    }

    @Test func theSystemTrustsNobodyOfATest() throws {
      let server = try TLSServer("good", authority.issue("good", ["DNS:localhost"]))
      let balancer = try site.balancer(configuration([server.json()], tls: "{}"))
      #expect(try site.visit() == nil)
      try balancer.log.waitForLine(containing: "pool web", "unknown authority")
    }

    @Test func namesAndAddresses() throws {
      let address = try TLSServer("address", authority.issue("address", ["IP:127.0.0.1"]))
      let named = try TLSServer("named", authority.issue("named", ["DNS:app.internal"]))
      let plain = try site.backend("plain")
      let balancer = try site.balancer(
        configuration([address.json(host: "127.0.0.1")], tls: trusting))
      // An address is verified and never asked for.
      #expect(try site.visit() == "address None - None full")
      // A backend's own tls comes before the pool's, key by key; "off" is in the clear.
      let mark = try balancer.reload(
        configuration(
          [
            named.json(#""tls": { "serverName": "app.internal" }"#), plain.json(#""tls": "off""#),
          ], tls: trusting))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      let said = Set(try site.visits(4).map { $0 ?? "closed" })
      #expect(said.contains("plain"))
      #expect(said.contains("named app.internal - None full"))
      #expect(said.allSatisfy { $0 == "plain" || $0.hasPrefix("named app.internal") })
    }

    @Test func clientCertificatesAndProtocols() throws {
      let clients = try Authority("clients", in: site.folder)
      let shown = try clients.issue("balancer", ["DNS:balancer"], passphrase: "secret")
      try "secret\n".write(
        to: site.folder.appendingPathComponent("pass"), atomically: true, encoding: .utf8)
      chmod("\(site.folder.path)/pass", 0o600)
      let server = try TLSServer(
        "strict", authority.issue("strict", ["DNS:localhost"]), clientCA: clients.certificate, alpn: ["http/1.1", "h2"])
      let balancer = try site.balancer(
        configuration(
          [server.json()],
          tls: """
            { "ca": "root.pem", "certificate": "\(shown.certificate)", "key": "\(shown.key)",
              "keyPassphraseFile": "pass", "alpn": ["h2"] }
            """))
      #expect(try site.visit() == "strict localhost balancer h2 full")
      #expect(!balancer.log.all.contains { $0.contains("secret") || $0.contains("PRIVATE KEY") })
      let mark = try balancer.reload(configuration([server.json()], tls: trusting))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      // In TLS 1.3 the refusal comes after the handshake.
      #expect((try? site.visit()) ?? nil == nil)
    }

    /// Sessions with a backend are resumed, over a reload of what has nothing to do with them as well, and never with
    /// another one.
    @Test(arguments: ["1.2", "1.3"]) func sessionsAreResumed(_ version: String) throws {
      let one = try TLSServer("one", authority.issue("one", ["DNS:localhost"]), maximum: version)
      let balancer = try site.balancer(configuration([one.json()], tls: trusting))
      func visit() throws -> String? { try site.visit().map { String($0.split(separator: " ").last ?? "") } }
      #expect(try visit() == "full")
      #expect(try visit() == "resumed")
      let mark = try balancer.reload(
        configuration([one.json()], tls: trusting).replacingOccurrences(
          of: "\"workers\": 2", with: #""workers": 2, "shutdown": { "drain": "1s" }"#))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      #expect(try visit() == "resumed")
      // Who trusts others begins anew.
      let second = try Authority("second", in: site.folder)
      let third = try balancer.reload(
        configuration([one.json()], tls: #"{ "ca": ["root.pem", "\#(second.certificate)"] }"#))
      try balancer.log.waitForLine(containing: "is in force", after: third)
      #expect(try visit() == "full")
      #expect(try visit() == "resumed")
    }

    // MARK: Checks

    private let quick = #""interval": "200ms", "timeout": "2s", "fall": 2, "rise": 1"#

    @Test func aCheckShakesHandsAndVerifies() throws {
      let good = try TLSServer("good", authority.issue("good", ["DNS:localhost"]))
      let plain = try site.backend("plain")
      let faults = try faults()
      let backends =
        [good.json(#""name": "good""#), plain.json(#""name": "plain""#)]
        + faults.map { $0.server.json("\"name\": \"\($0.name)\"") }
      let balancer = try site.balancer(
        configuration(backends, tls: trusting, pool: #""health": { \#(quick) }"#))
      try balancer.log.waitForLine(containing: "web/good", "UP", "tcp check passed")
      for (name, _, words) in faults {
        try balancer.log.waitForLine(containing: "web/\(name)", "DOWN", words, "tcp check")
      }
      try balancer.log.waitForLine(
        containing: "web/plain", "DOWN", #"the backend does not speak TLS: it sent "plain""#, "tcp check")
      for _ in 0..<4 { #expect(try site.visit()?.hasPrefix("good") == true) }

      // The same, unless it is not verified.
      let mark = try balancer.reload(
        configuration(
          backends, tls: trusting, pool: #""health": { \#(quick), "tls": { "verify": false } }"#))
      for (name, _, _) in faults { try balancer.log.waitForLine(containing: "web/\(name)", "UP", after: mark) }
      // Only a connection.
      let second = try balancer.reload(
        configuration(backends, tls: trusting, pool: #""health": { \#(quick), "tls": "off" }"#))
      try balancer.log.waitForLine(containing: "web/plain", "UP", after: second)
    }

    @Test func aConversationIsInside() throws {
      let redis = try TLSServer("redis", authority.issue("good", ["DNS:localhost"]), hello: "+PONG\r\n", waits: true)
      let loading = try TLSServer(
        "loading", authority.issue("more", ["DNS:localhost"]), hello: "-LOADING\r\n", waits: true)
      let old = try TLSServer("old", authority.issue("old", ["DNS:localhost"]), maximum: "1.2", hello: "220 ready\r\n")
      let balancer = try site.balancer(
        """
        {
          "workers": 1,
          "defaults": { "health": { "interval": "200ms", "timeout": "2s", "fall": 1 } },
          "listeners": { "web": { "listen": "\(site.front)", "pool": "redis" } },
          "pools": {
            "redis": {
              "backends": [\(redis.json(#""name": "redis""#)), \(loading.json(#""name": "loading""#))],
              "tls": { "ca": "root.pem" }, "health": { "type": "redis" }
            },
            "talk": {
              "backends": [\(old.json(#""name": "old""#))],
              "health": { "type": "tls", "expect": "220", "tls": { "ca": "root.pem" } }
            },
            "new": {
              "backends": [\(old.json(#""name": "old""#))],
              "health": { "type": "tls", "tls": { "ca": "root.pem", "minVersion": "1.3" } }
            }
          }
        }
        """)
      try balancer.log.waitForLine(containing: "redis/redis", "UP", "redis check passed")
      try balancer.log.waitForLine(containing: "redis/loading", "DOWN", #"expected +PONG, received "-LOADING"#)
      try balancer.log.waitForLine(containing: "talk/old", "UP", "tls check passed")
      try balancer.log.waitForLine(containing: "new/old", "DOWN", "TLS version", "tls check")
    }

    /// A backend that says nothing holds nobody up but its own check.
    @Test func aHandshakeThatNeverComesIsTold() throws {
      let good = try TLSServer("good", authority.issue("good", ["DNS:localhost"]))
      let port = try FreePort.take()
      let deaf = try ChildProcess([
        "/usr/bin/python3", "-c",
        """
        import socket, sys
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=100)
        print("listening", flush=True)
        kept = []
        while True: kept.append(listener.accept()[0])
        """, "\(port)",
      ])
      try deaf.output.waitForLine(containing: "listening")
      let backends = [#"{ "name": "deaf", "address": "localhost:\#(port)" }"#, good.json(#""name": "good""#)]
      let balancer = try site.balancer(
        configuration(backends, tls: trusting, pool: #""health": { "interval": "300ms", "timeout": "250ms" }"#))
      try balancer.log.waitForLine(
        containing: "web/deaf", "DOWN", "TLS handshake: not done within 250 ms", "tcp check took")
      try balancer.log.waitForLine(containing: "web/good", "UP")
      #expect(try site.visit()?.hasPrefix("good") == true)
    }
  }
}
