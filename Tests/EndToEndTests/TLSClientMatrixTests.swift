import Foundation
import Testing

extension EndToEnd {
  /// `openssl s_client` and curl before the real program, in every combination of what they can be told: version, protocols,
  /// whom they ask for and whether they believe it, and what they show.
  @Suite struct TLSClientMatrix {
    let site: Site
    let authority: Authority
    let stranger: Authority
    let clients: Authority
    private let front: (optional: Address, require: Address)

    /// Whom a client asks for, and what it makes of the certificate that it gets.
    private struct Server {
      let name: String
      /// nil: no server name is sent.
      let asks: String?
      /// The first name of the certificate.
      let subject: String
      var distrusts = false
      /// What the client says against it, in the words of each; nil: nothing.
      var refusal: String?
    }

    private static let servers = [
      Server(name: "exact", asks: "a.example", subject: "a.example"),
      Server(name: "wildcard", asks: "b.wild.example", subject: "*.wild.example"),
      Server(name: "no SNI", asks: nil, subject: "a.example"),
      Server(name: "wrong host", asks: "other.example", subject: "a.example", refusal: "mismatch|does not match"),
      Server(name: "expired", asks: "old.example", subject: "old.example", refusal: "has expired"),
      Server(
        name: "unknown CA", asks: "a.example", subject: "a.example", distrusts: true,
        refusal: "unable to get local issuer certificate"),
    ]

    /// What a client shows, where, and whether it is let in.
    private struct Client {
      let shows: String?
      let isRequired: Bool
      let isServed: Bool
    }

    private static let clientCertificates = [
      Client(shows: nil, isRequired: false, isServed: true), Client(shows: nil, isRequired: true, isServed: false),
      Client(shows: "alice", isRequired: false, isServed: true),
      Client(shows: "alice", isRequired: true, isServed: true),
      Client(shows: "mallory", isRequired: false, isServed: false),
      Client(shows: "retired", isRequired: true, isServed: false),
    ]

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
      stranger = try Authority("stranger", in: site.folder)
      clients = try Authority("clients", in: site.folder)
      front = (.ipv4(try FreePort.take()), .ipv4(try FreePort.take()))
      try clients.issue("alice", ["DNS:alice"])
      try clients.issue("retired", ["DNS:retired"], days: -3)
      try stranger.issue("mallory", ["DNS:mallory"])
      let certificates = try [
        authority.issue("a", ["DNS:a.example", "IP:127.0.0.1"]), authority.issue("wild", ["DNS:*.wild.example"]),
        authority.issue("old", ["DNS:old.example"], days: -3),
      ].map(\.json)
      // Its name is the first line of what it says, before anything was asked.
      let backend = try site.backend("HTTP/1.1 200 OK\r") { socket in
        while let line = try socket.receiveLine(), line != "\r" {}
        try socket.send("Content-Length: 6\r\nConnection: close\r\n\r\nserved")
        try socket.finishSending()
        _ = try? socket.receiveAll()
      }
      let listeners = [("optional", front.optional), ("require", front.require)].map { authentication, address in
        """
        "\(authentication)": {
          "listen": "\(address)", "pool": "web",
          "tls": {
            "certificates": [\(certificates.joined(separator: ", "))], "alpn": ["http/1.1"],
            "clientAuth": "\(authentication)", "clientCA": "clients.pem"
          }
        }
        """
      }
      _ = try site.balancer(
        """
        {
          "workers": 2,
          "listeners": { \(listeners.joined(separator: ", ")) },
          "pools": { "web": { "backends": [\(backend.json)], "health": "off" } }
        }
        """)
    }

    /// Each combination, and what came of it.
    private func each(
      _ protocols: [String?],
      _ run: (
        _ port: UInt16, _ version: String, _ alpn: String?, _ server: Server, _ client: Client, _ name: String
      ) throws -> Void
    ) throws {
      for version in ["1.2", "1.3"] {
        for alpn in protocols {
          for server in Self.servers {
            for client in Self.clientCertificates {
              let address = client.isRequired ? front.require : front.optional
              let shown = "\(client.shows ?? "none")\(client.isRequired ? " where one is required" : "")"
              let name = "TLS \(version), ALPN \(alpn ?? "none"), \(server.name), client certificate \(shown)"
              try run(try #require(address.port), version, alpn, server, client, name)
            }
          }
        }
      }
    }

    private func certificate(_ client: Client, _ dashes: String) -> [String] {
      guard let shown = client.shows else { return [] }
      let base = "\(site.folder.path)/\(shown)"
      return ["\(dashes)cert", "\(base).pem", "\(dashes)key", "\(base).key"]
    }

    private func matches(_ text: String, _ words: String) -> Bool {
      words.split(separator: "|").contains { text.lowercased().contains($0) }
    }

    @Test func opensslIsServedOrTurnedAway() throws {
      // The last is one that is not spoken here.
      try each([nil, "http/1.1", "h2,http/1.1", "h2"]) { port, version, alpn, server, client, name in
        let arguments =
          ["-connect", "127.0.0.1:\(port)", "-tls\(version == "1.2" ? "1_2" : "1_3")", "-ign_eof"]
          + ["-CAfile", server.distrusts ? stranger.certificate : authority.certificate, "-verify_return_error"]
          + ["-verify_hostname", server.asks ?? "a.example"]
          + (server.asks.map { ["-servername", $0] } ?? ["-noservername"])
          + (alpn.map { ["-alpn", $0] } ?? []) + certificate(client, "-")
        let result = try ChildProcess.run(
          ["/bin/bash", "-c", #"printf 'GET / HTTP/1.1\r\n\r\n' | openssl s_client "$@" 2>&1"#, "s_client"] + arguments)
        let text = result.output
        let isServed = text.contains("served")
        if alpn == "h2" {
          #expect(!isServed && matches(text, "no application protocol"), "\(name): \(text)")
        } else if let refusal = server.refusal {
          #expect(!isServed && matches(text, refusal), "\(name): \(text)")
        } else if !client.isServed {
          #expect(!isServed && matches(text, "alert"), "\(name): \(text)")
        } else {
          #expect(isServed && result.exit == .status(0), "\(name): \(text)")
          #expect(text.contains("New, TLSv\(version), Cipher is "), "\(name): \(text)")
          #expect(text.contains("Verify return code: 0 (ok)"), "\(name): \(text)")
          #expect(text.contains(alpn == nil ? "No ALPN negotiated" : "ALPN protocol: http/1.1"), "\(name): \(text)")
          #expect(text.contains("subject=CN = \(server.subject)\n"), "\(name): \(text)")
          #expect(text.contains("Compression: NONE"), "\(name): \(text)")
        }
      }
    }

    @Test func curlIsServedOrTurnedAway() throws {
      try each(["--no-alpn", "--http1.1", "--http2"]) { port, version, alpn, server, client, name in
        let url = server.asks.map { "https://\($0)/" } ?? "https://127.0.0.1:\(port)/"
        let result = try ChildProcess.run(
          ["curl", "--silent", "--show-error", "--verbose", alpn ?? "", "--tlsv\(version)", "--tls-max", version]
            + ["--cacert", server.distrusts ? stranger.certificate : authority.certificate]
            + (server.asks.map { ["--connect-to", "\($0):443:127.0.0.1:\(port)"] } ?? [])
            + certificate(client, "--") + [url])
        if let refusal = server.refusal {
          #expect(result.exit != .status(0) && result.output == "", "\(name): \(result.errors)")
          // In TLS 1.2 it looks at the name only when the handshake is done: it may be turned away before.
          let isTurnedAway = !client.isServed && server.name == "wrong host" && version == "1.2"
          #expect(matches(result.errors, isTurnedAway ? "alert" : refusal), "\(name): \(result.errors)")
          // Peer certificate cannot be authenticated.
          #expect(isTurnedAway || result.exit == .status(60), "\(name): \(result.errors)")
        } else if !client.isServed {
          #expect(result.exit != .status(0) && result.output == "", "\(name): \(result.errors)")
          #expect(matches(result.errors, "alert"), "\(name): \(result.errors)")
        } else {
          #expect(result.exit == .status(0) && result.output == "served", "\(name): \(result.errors)")
          #expect(result.errors.contains("SSL connection using TLSv\(version)"), "\(name): \(result.errors)")
          #expect(result.errors.contains("subject: CN=\(server.subject)\n"), "\(name): \(result.errors)")
          #expect(
            result.errors.contains("server accepted http/1.1") == (alpn != "--no-alpn"), "\(name): \(result.errors)")
        }
      }
    }
  }
}
