import Foundation
import Testing

extension EndToEnd {
  /// HTTP inside TLS, as clients and servers of another making see it.
  @Suite struct HTTPSecure {
    let site: Site
    let authority: Authority

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
    }

    private func configuration(_ backend: String, isSecure: Bool, listener: String = "") throws -> String {
      let certificate = try authority.issue("front", ["DNS:a.example", "DNS:b.example"]).json
      return site.http(
        [backend], pool: isSecure ? #""tls": { "ca": "root.pem" }"# : "",
        listener: #""tls": { "certificates": [\#(certificate)] }"# + (listener.isEmpty ? "" : ", \(listener)"))
    }

    /// What a client sends, and what it has to hear before it goes on.
    private func talk(
      _ words: [(says: String, hears: String)], name: String = "a.example"
    ) throws -> (heard: [String], ending: String) {
      let talk = try JSONSerialization.data(
        withJSONObject: [
          "port": Int(try #require(site.front.port)), "ca": authority.certificate, "name": name,
          "words": words.map { [$0.says, $0.hears] },
        ] as [String: Any])
      let result = try ChildProcess.run(["/usr/bin/python3", "-c", Self.client, String(decoding: talk, as: UTF8.self)])
      guard result.exit == .status(0) else { throw Failure("the client failed: \(result.errors)") }
      let answer = try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8))
      return (answer.heard, answer.ending)
    }

    private struct Answer: Decodable {
      let heard: [String]
      let ending: String
    }

    private static let client = """
      import json, socket, ssl, sys

      given = json.loads(sys.argv[1])
      context = ssl.create_default_context(cafile=given["ca"])
      raw = socket.create_connection(("127.0.0.1", given["port"]), timeout=15)
      stream = context.wrap_socket(raw, server_hostname=given["name"], suppress_ragged_eofs=False)
      heard, ending = [], "open"
      for says, hears in given["words"]:
          if says: stream.sendall(says.encode())
          text = ""
          try:
              while not hears or not text.endswith(hears):
                  data = stream.recv(4096)
                  if not data:
                      ending = "closed"
                      break
                  text += data.decode()
          except ssl.SSLEOFError:
              ending = "cut"
          except OSError as error:
              ending = str(error)
          heard.append(text)
          if ending != "open": break
      print(json.dumps({"heard": heard, "ending": ending}))
      """

    @Test func requestsComeAndGoInsideTLS() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(configuration(scribe.json, isSecure: false))
      let request = "GET /1 HTTP/1.1\r\nHost: a.example\r\n"
      let (heard, ending) = try talk([
        (request + "\r\n", "a /1"), ("GET https://a.example/2 HTTP/1.1\r\nHost: a.example\r\n\r\n", "a /2"),
        (request + "Connection: close\r\n\r\n", ""),
      ])
      #expect(heard.count == 3 && heard[2].hasSuffix("a /1"))
      // With a closure alert: without it nobody could tell it from an attack.
      #expect(ending == "closed")
      #expect(scribe.take().map { $0["X-Forwarded-Proto"] } == ["https", "https", "https"])
    }

    @Test func aRefusalEndsWithAClosureAlert() throws {
      _ = try site.balancer(configuration(site.deadAddress().json, isSecure: false))
      let (heard, ending) = try talk([("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "")])
      #expect(heard[0].hasPrefix("HTTP/1.1 400 "))
      #expect(ending == "closed")
    }

    /// `sni` is the name of the handshake, whatever Host says behind it.
    @Test(arguments: [("a.example", "one"), ("b.example", "two")])
    func aRouteMatchesTheNameOfTheHandshake(name: String, body: String) throws {
      _ = try site.balancer(
        configuration(
          site.deadAddress().json, isSecure: false,
          listener: """
            "routes": [
              { "match": { "sni": "a.example" }, "respond": { "status": 200, "body": "one" } },
              { "match": { "sni": "*.example" }, "respond": { "status": 200, "body": "two" } }
            ]
            """))
      let (heard, _) = try talk([("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", body)], name: name)
      #expect(heard[0].hasSuffix("\r\n\r\n\(body)"), "\(heard)")
    }

    /// Who is past a limit of `perClient` hears it inside TLS.
    @Test func aClientPastItsLimitIsToldInsideTLS() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(
        configuration(scribe.json, isSecure: false, listener: #""perClient": { "rate": "1/h" }"#))
      let request = "GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n"
      #expect(try talk([(request, "a /1")]).heard[0].hasPrefix("HTTP/1.1 200 "))
      let (heard, ending) = try talk([(request, "")])
      #expect(heard[0].hasPrefix("HTTP/1.1 429 ") && heard[0].contains("\r\nRetry-After: "))
      #expect(ending == "closed")
      #expect(scribe.take().count == 1)
    }

    /// A cut response must look like one: no closure alert, no last chunk.
    @Test func aShortResponseEndsWithoutAClosureAlert() throws {
      let backend = try site.backend("") { connection in
        let wire = Wire(connection)
        _ = try wire.request()
        try wire.send("HTTP/1.1 200 OK\r\n\r\nhalf")
        connection.reset()
      }
      _ = try site.balancer(configuration(backend.json, isSecure: false))
      let (heard, ending) = try talk([("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "")])
      #expect(!heard[0].contains("0\r\n\r\n"))
      #expect(ending != "closed" && ending != "open")
    }

    private let upgrade = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    private let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    /// A tunnel goes on inside TLS, on either side and on both: with what was said early, and large pieces.
    @Test(arguments: [false, true])
    func tunnelsStayInsideTLS(isSecure: Bool) throws {
      let server =
        try isSecure
        ? TLSServer("s", authority.issue("s", ["DNS:localhost"]), hello: switching, waits: true) : nil
      let plain =
        try isSecure
        ? nil
        : site.backend("") { connection in
          let wire = Wire(connection)
          _ = try wire.request()
          try wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
          while true { try wire.send(wire.takeSome(atMost: 65536)) }
        }
      let backend = try #require(server.map { $0.json() } ?? plain?.json)
      _ = try site.balancer(configuration(backend, isSecure: isSecure))
      let large = String(repeating: "0123456789", count: 4_000)
      let (heard, ending) = try talk([(upgrade + "early", "early"), ("ping", "ping"), (large, large)])
      #expect(heard.count == 3 && heard[1] == "ping" && heard[2] == large, "\(heard.map { $0.prefix(200) })")
      #expect(heard[0].hasPrefix("HTTP/1.1 101 ") && heard[0].hasSuffix("\r\n\r\nearly"))
      #expect(ending == "open")
    }
  }
}
