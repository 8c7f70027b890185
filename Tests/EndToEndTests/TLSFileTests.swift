import Foundation
import Testing

extension EndToEnd {
  /// The files that TLS is built from: what is said of bad ones, and what happens when they change.
  @Suite struct TLSFilesOnDisk {
    let site: Site
    let authority: Authority

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
    }

    private func configuration(_ tls: String, _ backend: TestBackend, pool: String = #""health": "off""#) -> String {
      site.configuration([backend.json], pool: pool, listener: "\"tls\": { \(tls) }")
    }

    private func client() throws -> TLSClient { try TLSClient(site.front, ca: authority.certificate) }

    // MARK: Bad files

    private func check(_ configuration: String) throws -> (exit: ChildProcess.Exit, output: String, errors: String) {
      try ChildProcess.run(BalancerProcess.command(configuration, in: site.folder, "check"))
    }

    /// All of them in one go, each with its place, its file and the reason.
    @Test func everyBadFileIsNamed() throws {
      let good = try authority.issue("good", ["DNS:a.example"])
      try authority.issue("locked", ["DNS:b.example"], passphrase: "right")
      try authority.issue("sealed", ["DNS:d.example"], passphrase: "right")
      try site.write("wrong\n", to: "wrong.pass")
      try site.write("no certificate here\n", to: "text.pem")
      try authority.issue("other", ["DNS:c.example"])
      try site.write("too short", to: "ticket.key")
      let text = """
        {
          "listeners": {
            "web": {
              "listen": "\(site.front)", "pool": "web",
              "tls": {
                "certificates": [
                  { "certificate": "missing.pem", "key": "good.key" },
                  { "certificate": "text.pem", "key": "good.key" },
                  { "certificate": "good.pem", "key": "other.key" },
                  { "certificate": "locked.pem", "key": "locked.key" },
                  { "certificate": "sealed.pem", "key": "sealed.key", "keyPassphraseFile": "wrong.pass" }
                ],
                "clientCA": "nobody.pem",
                "clientAuth": "require",
                "ticketKeys": "ticket.key",
                "ciphers": ["TLS_AES_1024_XYZ_SHA9"]
              }
            }
          },
          "pools": {
            "web": {
              "backends": [{ "address": "h.example:1", "tls": { "ca": ["root.pem", "text.pem"] } }],
              "tls": {}
            }
          }
        }
        """
      let web = "listeners.web.tls"
      let expected: [(place: String, file: String, words: String)] = [
        (
          "7:28: \(web).certificates[0].certificate", "missing.pem",
          "cannot be read: no such file or directory (ENOENT)"
        ),
        ("8:28: \(web).certificates[1].certificate", "text.pem", "holds no certificate"),
        ("9:47: \(web).certificates[2].key", "other.key", "is not the key of the certificate in \(good.certificate)"),
        ("10:49: \(web).certificates[3].key", "locked.key", "is encrypted: name the file with its passphrase"),
        ("11:49: \(web).certificates[4].key", "sealed.key", "cannot be decrypted with the passphrase in"),
        ("13:21: \(web).clientCA", "nobody.pem", "cannot be read: no such file or directory (ENOENT)"),
        ("15:23: \(web).ticketKeys", "ticket.key", "must hold 80 bytes"),
        ("22:76: pools.web.backends[0].tls.ca[1]", "text.pem", "holds no certificate"),
      ]
      let result = try check(text)
      #expect(result.exit == .status(78))
      let started = try ChildProcess.run(BalancerProcess.command(text, in: site.folder, "run"))
      #expect(started.exit == .status(78))
      for errors in [result.errors, started.errors] {
        for (place, file, words) in expected {
          #expect(
            errors.split(separator: "\n").contains { line in
              line.contains("balancer.json:\(place)") && line.contains("\(site.path(file)): ") && line.contains(words)
            }, "\(place) \(file) \(words) is not in:\n\(errors)")
        }
        #expect(errors.contains("\(web).ciphers: the cipher \"TLS_AES_1024_XYZ_SHA9\" is not one that OpenSSL has"))
        #expect(!errors.contains("PRIVATE KEY-----") && !errors.contains("right") && !errors.contains("wrong\n"))
        #expect(errors.split(separator: "\n").count == expected.count + 1)
      }
    }

    @Test func whatWorksAndIsHardlyMeantIsAWarning() throws {
      let exposed = try authority.issue("exposed", ["DNS:a.example"])
      chmod(exposed.key, 0o644)
      let expired = try authority.issue("expired", ["DNS:b.example"], days: -3)
      let soon = try authority.issue("soon", ["DNS:c.example"], days: 5)
      let twice = try authority.issue("twice", ["DNS:a.example"])
      let text = """
        {
          "listeners": {
            "web": {
              "listen": "\(site.front)", "pool": "web",
              "tls": {
                "certificates": [
                  \(exposed.json),
                  \(expired.json),
                  \(soon.json),
                  \(twice.json)
                ]
              }
            }
          },
          "pools": { "web": { "backends": ["127.0.0.1:1"], "health": "off" } }
        }
        """
      let expected = [
        ["balancer.json:7:", "certificates[0].key", "holds a private key that everyone may read"],
        ["balancer.json:8:", "certificates[1].certificate", "has expired on"],
        ["balancer.json:9:", "certificates[2].certificate", "expires in 4 days"],
        ["balancer.json:10:", "certificates[3].certificate", "is never used"],
      ]
      let result = try check(text)
      #expect(result.exit == .status(0))
      let warnings = result.output.split(separator: "\n").filter { $0.contains("warning:") }
      #expect(warnings.count == expected.count, "\(result.output)")
      for parts in expected {
        #expect(warnings.contains { line in parts.allSatisfy(line.contains) }, "\(parts) is not in:\n\(result.output)")
      }
      let balancer = try site.balancer(text)
      for parts in expected {
        #expect(balancer.log.all.contains { line in parts.allSatisfy(line.contains) && line.contains("warning") })
      }
    }

    // MARK: Files that change

    /// Each way in which certificates are renewed.
    @Test(arguments: ["written", "renamed", "linked", "folder-linked", "in a folder"])
    func aNewCertificateIsPickedUp(_ way: String) throws {
      let backend = try site.backend("plain")
      let files = FileManager.default
      for version in ["v1", "v2"] {
        try files.createDirectory(atPath: site.path(version), withIntermediateDirectories: true)
        try authority.issue(site.path("\(version)/tls"), ["DNS:a.example", "DNS:\(version)"])
      }
      func move(to version: String) throws {
        switch way {
        case "written", "in a folder":
          // Certificate and key one after the other, not in one go.
          for name in ["tls.pem", "tls.key"] {
            let text = try String(contentsOfFile: site.path("\(version)/\(name)"), encoding: .utf8)
            try files.createDirectory(atPath: site.path("live"), withIntermediateDirectories: true)
            try text.write(toFile: site.path("live/\(name)"), atomically: false, encoding: .utf8)
          }
        case "renamed":
          try files.createDirectory(atPath: site.path("live"), withIntermediateDirectories: true)
          for name in ["tls.pem", "tls.key"] {
            try files.copyItem(atPath: site.path("\(version)/\(name)"), toPath: site.path("live/\(name).new"))
            _ = rename(site.path("live/\(name).new"), site.path("live/\(name)"))
          }
        case "linked":
          try files.createDirectory(atPath: site.path("live"), withIntermediateDirectories: true)
          for name in ["tls.pem", "tls.key"] {
            _ = symlink("../\(version)/\(name)", site.path("live/\(name).new"))
            _ = rename(site.path("live/\(name).new"), site.path("live/\(name)"))
          }
        default:
          _ = symlink(version, site.path("live.new"))
          _ = rename(site.path("live.new"), site.path("live"))
        }
      }
      try move(to: "v1")
      let tls =
        way == "in a folder"
        ? #""folder": "live""# : #""certificates": [{ "certificate": "live/tls.pem", "key": "live/tls.key" }]"#
      let balancer = try site.balancer(configuration(tls, backend))
      #expect(try client().visit().names == ["a.example", "v1"])
      // A session that is open stays so.
      let open = try ChildProcess(
        ["openssl", "s_client", "-connect", "\(site.front)", "-servername", "a.example", "-quiet", "-ign_eof"])
      try open.output.waitForLine(containing: "plain")

      let mark = balancer.log.mark
      try move(to: "v2")
      try balancer.log.waitForLine(containing: "listener web: new clients get", "live/tls.pem", after: mark)
      #expect(try client().visit().names == ["a.example", "v2"])
      #expect(open.hasExited == nil)
      try backend.waitForConnections(1)
    }

    @Test func aBadNewCertificateIsRefusedAndTheOldOneStays() throws {
      let backend = try site.backend("plain")
      let certificate = try authority.issue("a", ["DNS:a.example", "DNS:first"])
      let balancer = try site.balancer(configuration("\"certificates\": [\(certificate.json)]", backend))
      let key = try String(contentsOfFile: certificate.key, encoding: .utf8)
      for (text, words) in [
        ("", "holds no private key: it is empty"),
        (try String(contentsOfFile: authority.issue("b", ["DNS:b.example"]).key, encoding: .utf8), "is not the key of"),
      ] {
        let mark = balancer.log.mark
        try text.write(toFile: certificate.key, atomically: true, encoding: .utf8)
        try balancer.log.waitForLine(containing: "listener web", "is refused", "stays in use", after: mark)
        try balancer.log.waitForLine(containing: certificate.key, words, after: mark)
        #expect(try client().visit().names == ["a.example", "first"])
        // Neither does a reload take it.
        let second = balancer.log.mark
        balancer.signal(SIGHUP)
        try balancer.log.waitForLine(containing: "balancer.json is refused", after: second)
        try balancer.log.waitForLine(
          containing: "listeners.web.tls.certificates[0].key", certificate.key, words, after: second)
        #expect(try client().visit().names == ["a.example", "first"])
      }
      #expect(!balancer.log.all.contains { $0.contains("PRIVATE KEY-----") })
      // What was there before is no news.
      let mark = balancer.log.mark
      try key.write(toFile: certificate.key, atomically: true, encoding: .utf8)
      try balancer.log.waitForLine(containing: "listener web: new clients get", after: mark)
      #expect(try client().visit().names == ["a.example", "first"])
    }

    @Test func aReloadReadsFilesAgain() throws {
      let backend = try site.backend("plain")
      let certificate = try authority.issue("a", ["DNS:a.example", "DNS:first"])
      let balancer = try site.balancer(configuration("\"certificates\": [\(certificate.json)]", backend))
      var mark = balancer.log.mark
      balancer.signal(SIGHUP)
      try balancer.log.waitForLine(containing: "holds no change", after: mark)
      mark = balancer.log.mark
      try authority.issue("a", ["DNS:a.example", "DNS:second"])
      balancer.signal(SIGHUP)
      // Whoever is first: the reload, or the watcher.
      try balancer.log.waitForLine("of either", after: mark) {
        $0.contains("~ listener web: the files of its tls were read again") || $0.contains("new clients get")
      }
      #expect(try client().visit().names == ["a.example", "second"])
    }

    /// What backends are verified by is watched as well, and used by the next connection.
    @Test func newAuthoritiesForBackendsArePickedUp() throws {
      let others = try Authority("others", in: site.folder)
      let server = try TLSServer("theirs", others.issue("theirs", ["DNS:localhost"]))
      try FileManager.default.copyItem(atPath: authority.certificate, toPath: site.path("trusted.pem"))
      let balancer = try site.balancer(
        site.configuration(
          [server.json()],
          pool: #""tls": { "ca": "trusted.pem" }, "health": { "interval": "200ms", "timeout": "2s", "rise": 1 }"#))
      try balancer.log.waitForLine(containing: "web/localhost", "DOWN", "unknown authority")
      let mark = balancer.log.mark
      try String(contentsOfFile: others.certificate, encoding: .utf8).write(
        toFile: site.path("trusted.pem"), atomically: true, encoding: .utf8)
      try balancer.log.waitForLine(containing: "pool web: new connections trust", after: mark)
      try balancer.log.waitForLine(containing: "web/localhost", "UP", after: mark)
      #expect(try site.visit()?.hasPrefix("theirs") == true)
    }

    /// Clients go on with their sessions while certificates are exchanged under them again and again.
    @Test(arguments: ["1.2", "1.3"]) func tenThousandResumedSessionsOverReloads(_ version: String) throws {
      let backend = try site.backend("plain")
      let certificate = try authority.issue("a", ["DNS:a.example"])
      let text = configuration("\"certificates\": [\(certificate.json)]", backend)
      let balancer = try site.balancer(text)
      let program = """
        import socket, ssl, sys
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(sys.argv[2])
        context.maximum_version = ssl.TLSVersion.TLSv1_2 if sys.argv[3] == "1.2" else ssl.TLSVersion.TLSv1_3
        session, resumed, count = None, 0, int(sys.argv[4])
        for number in range(count):
            raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
            with context.wrap_socket(raw, server_hostname="a.example", session=session) as stream:
                assert stream.recv(64) == b"plain\\n"
                resumed += stream.session_reused
                session = stream.session
            if number % 500 == 499: print("at", number + 1, flush=True)
        print("resumed", resumed, "of", count, flush=True)
        """
      let count = 2500
      let clients = try (0..<2).map { _ in
        try ChildProcess([
          "/usr/bin/python3", "-c", program, "\(try #require(site.front.port))", authority.certificate, version,
          "\(count)",
        ])
      }
      for round in 1...4 {
        try clients[0].output.waitForLine(containing: "at \(round * 500)", within: .seconds(120))
        let mark = balancer.log.mark
        try authority.issue("a", ["DNS:a.example"])
        if round % 2 == 0 { balancer.signal(SIGHUP) }
        try balancer.log.waitForLine("of new certificates", after: mark) {
          $0.contains("read again") || $0.contains("new clients get")
        }
      }
      for client in clients {
        let line = try client.output.waitForLine(containing: "resumed", within: .seconds(120))
        // The first has nothing to go on with.
        #expect(line == "resumed \(count - 1) of \(count)", "\(client.errors.tail)")
      }
      try waitUntil("the sessions are over") { backend.connections == 0 }
    }

    // MARK: Secrets

    @Test func secretsAreLoggedOnlyWhereTheCommandLineSaysSo() throws {
      let backend = try site.backend("plain")
      let certificate = try authority.issue("a", ["DNS:a.example"])
      let text = configuration("\"certificates\": [\(certificate.json)]", backend)
      // The variable that other programs heed means nothing.
      let balancer = try site.balancer(text, environment: ["SSLKEYLOGFILE": site.path("environment.log")])
      #expect(try client().visit().said == "plain")
      #expect(!FileManager.default.fileExists(atPath: site.path("environment.log")))
      #expect(!balancer.log.all.contains { $0.contains("key-log") })
      balancer.askToEnd()
      _ = try balancer.waitForExit()

      try site.write("", to: "keys.log")
      chmod(site.path("keys.log"), 0o644)
      let logging = try ChildProcess(
        BalancerProcess.command(text, in: site.folder) + ["--tls-key-log", site.path("keys.log")])
      try logging.errors.waitForLine(containing: "ready")
      try logging.errors.waitForLine(containing: "warning", "--tls-key-log", site.path("keys.log"))
      #expect(try client().visit().said == "plain")
      try waitUntil("the secrets are there") {
        let text = (try? String(contentsOfFile: site.path("keys.log"), encoding: .utf8)) ?? ""
        return text.contains("CLIENT_TRAFFIC_SECRET_0 ") && text.hasSuffix("\n")
      }
      let mode = try FileManager.default.attributesOfItem(atPath: site.path("keys.log"))[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(!logging.errors.all.contains { $0.contains("TRAFFIC_SECRET") })
      logging.signal(SIGTERM)
      #expect(try logging.waitForExit() == .status(0))
    }
  }
}
