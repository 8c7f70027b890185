import Foundation
import Testing

extension EndToEnd {
  /// Listeners that end TLS, as clients of another making see them.
  @Suite struct TLSListeners {
    let site: Site
    let authority: Authority

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
    }

    /// Listeners that differ in their `tls`, in front of one backend in the clear.
    private func balancer(_ listeners: [(address: Address, tls: String)]) throws -> BalancerProcess {
      let backend = try site.backend("plain")
      return try site.balancer(Self.configuration(listeners, backend))
    }

    private static func configuration(_ listeners: [(address: Address, tls: String)], _ backend: TestBackend) -> String
    {
      let texts = listeners.enumerated().map { index, listener in
        #""l\#(index)": { "listen": "\#(listener.address)", "pool": "web", "tls": { \#(listener.tls) } }"#
      }
      return """
        {
          "workers": 2,
          "listeners": { \(texts.joined(separator: ",\n")) },
          "pools": { "web": { "backends": [\(backend.json)], "health": "off" } }
        }
        """
    }

    private func addresses(_ count: Int) throws -> [Address] { try (0..<count).map { _ in .ipv4(try FreePort.take()) } }

    // MARK: Versions, ciphers, protocols

    @Test func versionsAndCiphers() throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let (all, old, new, chosen) = (try addresses(4)[0], try addresses(1)[0], try addresses(1)[0], try addresses(1)[0])
      _ = try balancer([
        (all, certificates), (old, certificates + #", "maxVersion": "1.2""#),
        (new, certificates + #", "minVersion": "1.3""#),
        (
          chosen,
          certificates + #", "ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305:TLS_CHACHA20_POLY1305_SHA256""#
        ),
      ])
      func version(_ address: Address, _ only: String) throws -> String? {
        let client = try TLSClient(address, ca: authority.certificate, maximum: only).with { $0.minimum = only }
        return try client.visit().version
      }
      #expect(try version(all, "1.2") == "TLSv1.2")
      #expect(try version(all, "1.3") == "TLSv1.3")
      #expect(try version(old, "1.2") == "TLSv1.2")
      #expect(try version(old, "1.3") == nil)
      #expect(try version(new, "1.2") == nil)
      #expect(try version(new, "1.3") == "TLSv1.3")

      for (maximum, cipher) in [("1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"), ("1.3", "TLS_CHACHA20_POLY1305_SHA256")] {
        let visit = try TLSClient(chosen, ca: authority.certificate, maximum: maximum).visit()
        #expect(visit.cipher == cipher)
      }
      let other = try TLSClient(chosen, maximum: "1.2").with { $0.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" }.visit()
      #expect(other.error != nil && other.version == nil)
      // Everything said within is what the backend said.
      #expect(try TLSClient(all, ca: authority.certificate).visit().said == "plain")
    }

    @Test func protocolsAreAgreedUpon() throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let addresses = try addresses(2)
      let balancer = try balancer([
        (addresses[0], certificates), (addresses[1], certificates + #", "alpn": ["h2", "http/1.1"]"#),
      ])
      func visit(_ index: Int, _ alpn: [String], _ version: String) throws -> TLSClient.Visit {
        try TLSClient(addresses[index], ca: authority.certificate, maximum: version).with { $0.alpn = alpn }.visit()
      }
      for version in ["1.2", "1.3"] {
        #expect(try visit(0, ["h2"], version).alpn == nil)
        #expect(try visit(0, ["h2"], version).said == "plain")
        #expect(try visit(1, ["http/1.1", "h2"], version).alpn == "h2")
        #expect(try visit(1, ["http/1.1"], version).alpn == "http/1.1")
        #expect(try visit(1, [], version).said == "plain")
        let mark = balancer.log.mark
        let refused = try visit(1, ["spdy/3"], version)
        #expect(refused.said == nil && refused.error != nil)
        try balancer.log.waitForLine(containing: "listener l1", "no ALPN protocol in common", after: mark)
      }
    }

    // MARK: Names

    @Test func theNameChoosesTheCertificate() throws {
      let exact = try authority.issue("exact", ["DNS:a.example"])
      let wild = try authority.issue("wild", ["DNS:*.wild.example", "DNS:wild.example"])
      let rsa = try authority.issue("rsa", ["DNS:a.example"], kind: .rsa)
      let folder = site.folder.appendingPathComponent("more")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try authority.issue("more/c", ["DNS:c.test"])
      try authority.issue("more/d", ["DNS:d.test"])
      let tls = "\"certificates\": [\(exact.json), \(wild.json), \(rsa.json)], \"folder\": \"more\""
      let addresses = try addresses(2)
      let balancer = try balancer([(addresses[0], tls), (addresses[1], tls + #", "strictSNI": true"#)])

      func names(_ index: Int, _ name: String?) throws -> [String]? {
        try TLSClient(addresses[index], ca: authority.certificate, name: name).visit().names
      }
      for index in [0, 1] {
        #expect(try names(index, "a.example") == ["a.example"])
        #expect(try names(index, "A.EXAMPLE") == ["a.example"])
        #expect(try names(index, "b.wild.example") == ["*.wild.example", "wild.example"])
        #expect(try names(index, "wild.example") == ["*.wild.example", "wild.example"])
        #expect(try names(index, "c.test") == ["c.test"])
        #expect(try names(index, "d.test") == ["d.test"])
      }
      // One name, two kinds of keys: the client's abilities choose.
      let ecdsaOnly = try TLSClient(addresses[0], ca: authority.certificate, maximum: "1.2")
      #expect(try ecdsaOnly.with { $0.ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }.visit().cipher?.contains("RSA") == true)
      #expect(
        try ecdsaOnly.with { $0.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" }.visit().cipher?.contains("ECDSA") == true)

      // A name that nobody has: the first certificate, or nobody.
      #expect(try names(0, nil) == ["a.example"])
      let stranger = try TLSClient(addresses[0], name: "stranger.test").visit()
      #expect(stranger.said == "plain")
      let client = try TLSClient(addresses[0], ca: authority.certificate, name: "stranger.test")
      #expect(try client.visit().error?.contains("Hostname mismatch") == true)
      let mark = balancer.log.mark
      for (name, words) in [
        ("stranger.test", "no certificate is for stranger.test"), (nil, "the client asked for no server name"),
      ] {
        let refused = try TLSClient(addresses[1], name: name).visit()
        #expect(refused.version == nil && refused.error?.lowercased().contains("unrecognized name") == true)
        try balancer.log.waitForLine(containing: "listener l1", words, after: mark)
      }
    }

    // MARK: Clients' certificates

    @Test func clientsShowTheirCertificates() throws {
      let clients = try Authority("clients", in: site.folder)
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let good = try clients.issue("good", ["DNS:good"])
      let expired = try clients.issue("expired", ["DNS:expired"], days: -3)
      let stranger = try authority.issue("stranger", ["DNS:stranger"])
      let addresses = try addresses(3)
      let balancer = try balancer([
        (addresses[0], certificates + #", "clientAuth": "off""#),
        (addresses[1], certificates + #", "clientAuth": "optional", "clientCA": "clients.pem""#),
        (addresses[2], certificates + #", "clientAuth": "require", "clientCA": ["clients.pem"]"#),
      ])
      let shown: [(Authority.Certificate?, [Bool], String)] = [
        (nil, [true, true, false], "showed no certificate"), (good, [true, true, true], ""),
        (expired, [true, false, false], "certificate has expired"),
        (stranger, [true, false, false], "an authority that is not trusted"),
      ]
      for version in ["1.2", "1.3"] {
        for (certificate, isServed, words) in shown {
          for index in 0..<3 {
            let mark = balancer.log.mark
            let client = try TLSClient(addresses[index], ca: authority.certificate, maximum: version)
            let visit = try client.with { $0.certificate = certificate }.visit()
            #expect((visit.said == "plain") == isServed[index], "\(version), \(index), \(words): \(visit)")
            if !isServed[index] {
              try balancer.log.waitForLine("\(words) of l\(index)", after: mark) { line in
                line.contains("listener l\(index)") && line.contains(words)
              }
            }
          }
        }
      }
    }

    // MARK: Resumption

    @Test(arguments: ["1.2", "1.3"]) func sessionsAreResumedUnlessTicketsAreOff(_ version: String) throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let addresses = try addresses(3)
      _ = try balancer([
        (addresses[0], certificates), (addresses[1], certificates + #", "tickets": false"#),
        (addresses[2], certificates),
      ])
      func resumed(_ order: [Int]) throws -> [Bool?] {
        let client = try TLSClient(addresses[0], ca: authority.certificate, maximum: version)
        return try client.visits(order.map { try #require(addresses[$0].port) }).map(\.resumed)
      }
      #expect(try resumed([0, 0, 0, 0, 0]) == [false, true, true, true, true])
      #expect(try resumed([1, 1, 1]) == [false, false, false])
      // A ticket of one listener is nothing to another.
      #expect(try resumed([0, 2, 2, 0]) == [false, false, true, false])
    }

    /// Two programs with the same keys, as on two machines; one of them changes to a new key meanwhile.
    @Test(arguments: ["1.2", "1.3"]) func ticketKeysAreShared(_ version: String) throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      for name in ["old", "new"] {
        try Authority.openssl(["rand", "-out", "\(site.folder.path)/\(name).ticket", "80"])
        chmod("\(site.folder.path)/\(name).ticket", 0o600)
      }
      let backend = try site.backend("plain")
      let addresses = try addresses(2)
      func keys(_ names: String...) -> String {
        certificates + ", \"ticketKeys\": [\(names.map { "\"\($0).ticket\"" }.joined(separator: ", "))]"
      }
      let one = try site.balancer(Self.configuration([(addresses[0], keys("old", "new"))], backend))
      let folder = site.folder.appendingPathComponent("two")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for name in ["old", "new", "other"] {
        if name == "other" { try Authority.openssl(["rand", "-out", "\(folder.path)/other.ticket", "80"]) }
        _ = symlink("../\(name).ticket", "\(folder.path)/\(name).ticket")
      }
      let two = try BalancerProcess(Self.configuration([(addresses[1], keys("new", "old"))], backend), in: folder)
      try two.waitUntilReady()
      func resumed() throws -> [Bool?] {
        let client = try TLSClient(addresses[0], ca: authority.certificate, maximum: version)
        return try client.visits([0, 1, 0, 1].map { try #require(addresses[$0].port) }).map(\.resumed)
      }
      #expect(try resumed() == [false, true, true, true])
      // With a key of its own it knows none of the others' tickets.
      let mark = try two.reload(Self.configuration([(addresses[1], keys("other"))], backend))
      try two.log.waitForLine(containing: "is in force", after: mark)
      #expect(try resumed() == [false, false, false, false])
      _ = one
    }

    @Test func aTicketIsNoWayAroundAnotherAuthorityForClients() throws {
      let (one, two) = (try Authority("one", in: site.folder), try Authority("two", in: site.folder))
      let client = try one.issue("client", ["DNS:client"])
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let backend = try site.backend("plain")
      let address = try addresses(1)[0]
      func configuration(_ ca: String) -> String {
        Self.configuration(
          [(address, certificates + #", "clientAuth": "require", "clientCA": "\#(ca)""#)], backend)
      }
      let balancer = try site.balancer(configuration(one.certificate))
      // A client that makes two connections, and stands still in between until the file beside it is there.
      let program = """
        import os, socket, ssl, sys, time
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(sys.argv[2])
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        session = None
        for round in range(3):
            try:
                raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
                with context.wrap_socket(raw, server_hostname="a.example", session=session) as stream:
                    said, resumed = stream.recv(4096), stream.session_reused
                    session = stream.session
                print("resumed" if resumed else "full", "served" if said else "closed", flush=True)
            except OSError as error:
                print("refused", flush=True)
            while round == 1 and not os.path.exists(sys.argv[5]): time.sleep(0.02)
        """
      let gate = site.folder.appendingPathComponent("gate")
      let process = try ChildProcess([
        "/usr/bin/python3", "-c", program, "\(try #require(address.port))", authority.certificate, client.certificate,
        client.key, gate.path,
      ])
      try process.output.waitForLine(containing: "resumed served")
      let mark = try balancer.reload(configuration(two.certificate))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      try Data().write(to: gate)
      #expect(try process.output.waitForEnd().split(separator: "\n") == ["full served", "resumed served", "refused"])
      _ = two
    }

    // MARK: Stapling

    @Test func aResponseIsStapledUnlessItIsSwitchedOff() throws {
      let certificate = try authority.issue("a", ["DNS:a.example"], hasChain: true)
      try authority.staple(certificate)
      let addresses = try addresses(2)
      _ = try balancer([
        (addresses[0], "\"certificates\": [\(certificate.json)]"),
        (addresses[1], "\"certificates\": [\(certificate.json)], \"ocspStapling\": false"),
      ])
      for (address, words) in [(addresses[0], "Cert Status: good"), (addresses[1], "no response sent")] {
        let result = try ChildProcess.run([
          "openssl", "s_client", "-connect", "127.0.0.1:\(try #require(address.port))", "-servername", "a.example",
          "-status",
        ])
        #expect(result.output.contains(words), "\(result.output.prefix(600))")
      }
    }

    // MARK: Others

    /// curl, over a backend that speaks HTTP.
    @Test func curlIsServed() throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      // The name that it says first is the first line of its answer.
      let backend = try site.backend("HTTP/1.1 200 OK\r") { socket in
        while let line = try socket.receiveLine(), line != "\r" {}
        try socket.send("Content-Length: 6\r\nConnection: close\r\n\r\nhello\n")
        try socket.finishSending()
        _ = try? socket.receiveAll()
      }
      let address = try addresses(1)[0]
      let port = try #require(address.port)
      _ = try site.balancer(Self.configuration([(address, certificates)], backend))
      for version in [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"]] {
        let result = try ChildProcess.run(
          ["curl", "--silent", "--show-error", "--cacert", authority.certificate]
            + ["--connect-to", "a.example:443:127.0.0.1:\(port)", "https://a.example/"] + version)
        #expect(result.output == "hello", "\(result.errors)")
      }
      let wrong = try ChildProcess.run([
        "curl", "--silent", "--show-error", "--cacert", authority.certificate, "--connect-to",
        "b.example:443:127.0.0.1:\(port)", "https://b.example/",
      ])
      #expect(wrong.errors.contains("b.example"))
    }

    /// One that has said nothing, and one that stands still within its hello.
    @Test func whoDoesNotFinishItsHandshakeIsClosed() throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let backend = try site.backend("plain")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json], listener: #""tls": { \#(certificates) }, "timeouts": { "handshake": "300ms" }"#))
      let silent = try site.connect()
      let halting = try site.connect()
      try halting.send([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3] + [UInt8](repeating: 7, count: 40))
      for client in [silent, halting] { _ = try client.receiveAll() }
      try balancer.log.waitForLine(containing: "listener web", "no TLS handshake within timeouts.handshake")
      #expect(backend.connections == 0 && backend.served == 0)
    }

    @Test func whoSpeaksNoTLSIsTold() throws {
      let certificates = "\"certificates\": [\(try authority.issue("a", ["DNS:a.example"]).json)]"
      let balancer = try balancer([(site.front, certificates)])
      let client = try site.connect()
      try client.send("GET / HTTP/1.0\r\n\r\n")
      _ = try? client.receiveAll()
      try balancer.log.waitForLine(containing: "listener l0", "speaks plain HTTP, not TLS")
    }
  }
}
