import Foundation
import Testing

extension EndToEnd {
  /// Known traffic, and what `/metrics`, `/v1/status` and `/v1/sessions` say of it.
  @Suite struct Metrics {
    let site: Site
    let scrape: Scrape

    init() throws {
      site = try Site()
      scrape = Scrape(address: .ipv4(try FreePort.take()))
    }

    private var admin: String { #""workers": 2, "admin": { "listen": "\#(scrape.address)" }"# }

    /// An HTTP server that answers `/STATUS` with that status and two bytes, for as long as it is asked. It resets the
    /// connection that `/reset` is asked on.
    private func httpBackend() throws -> TestBackend {
      try site.backend("") { connection in
        while true {
          guard let line = try connection.receiveLine() else { return }
          while let field = try connection.receiveLine(), field.count > 1 {}
          let path = line.split(separator: " ")[1]
          if path == "/reset" { return connection.reset() }
          try connection.send("HTTP/1.1 \(path.dropFirst().prefix(3)) Text\r\nContent-Length: 2\r\n\r\nok")
        }
      }
    }

    private func object(_ status: [String: Any], _ list: String, _ name: String) throws -> [String: Any] {
      let objects = status[list] as? [[String: Any]] ?? []
      return try #require(objects.first { $0["name"] as? String == name })
    }

    private func numbers(_ object: [String: Any], _ key: String) throws -> [String: Int] {
      try #require(object[key] as? [String: Int])
    }

    // MARK: TCP

    @Test func countsSessionsAndConnectsThatFailed() throws {
      let (dead, good) = (try site.deadAddress(), try site.backend("good"))
      let shut = Address.ipv4(try FreePort.take())
      _ = try site.balancer(
        """
        {
          "listeners": {
            "web": { "listen": "\(site.front)", "pool": "web" },
            "shut": { "listen": "\(shut)", "pool": "web", "deny": ["127.0.0.0/8"] }
          },
          "pools": { "web": {
            "scheduler": "first", "health": "off",
            "backends": [{ "name": "dead", "address": "\(dead)" }, \(good.json(#""name": "good""#))]
          } },
          \(admin)
        }
        """)
      let sessions = try (0..<3).map { _ in
        let (socket, name) = try site.session()
        #expect(name == "good")
        try socket.send("hello\n")
        #expect(try socket.receiveLine() == "hello")
        return socket
      }
      let refused = try Socket(connectingTo: shut)
      _ = try refused.waitForEnd()
      // Of sessions that are still open: 5 and 6 bytes each.
      let expected = [
        #"balancer_listener_open_sessions{listener="web"}"#: 3.0,
        #"balancer_listener_sessions_total{listener="web"}"#: 3,
        #"balancer_listener_received_bytes_total{listener="web"}"#: 18,
        #"balancer_listener_sent_bytes_total{listener="web"}"#: 33,
        #"balancer_listener_sessions_total{listener="shut"}"#: 0,
        #"balancer_listener_refused_total{listener="shut"}"#: 1,
        #"balancer_pool_sessions_total{pool="web"}"#: 3,
        #"balancer_pool_open_sessions{pool="web"}"#: 3,
        #"balancer_pool_retries_total{pool="web"}"#: 3,
        #"balancer_pool_errors_total{pool="web",kind="connect"}"#: 0,
        #"balancer_pool_sent_bytes_total{pool="web"}"#: 18,
        #"balancer_pool_received_bytes_total{pool="web"}"#: 33,
        #"balancer_pool_connect_seconds_count{pool="web"}"#: 3,
        #"balancer_backend_errors_total{pool="web",backend="dead",kind="connect"}"#: 3,
        #"balancer_backend_sessions_total{pool="web",backend="dead"}"#: 0,
        #"balancer_backend_connect_seconds_count{pool="web",backend="dead"}"#: 0,
        #"balancer_backend_sessions_total{pool="web",backend="good"}"#: 3,
        #"balancer_backend_connect_seconds_count{pool="web",backend="good"}"#: 3,
        #"balancer_backend_received_bytes_total{pool="web",backend="good"}"#: 33,
        #"balancer_backend_session_seconds_count{pool="web",backend="good"}"#: 0,
        "balancer_open_connections": 3,
      ]
      try scrape.wait(for: expected)
      for session in sessions { session.close() }
      try scrape.wait(for: [
        #"balancer_listener_open_sessions{listener="web"}"#: 0,
        #"balancer_listener_session_seconds_count{listener="web"}"#: 3,
        #"balancer_pool_session_seconds_count{pool="web"}"#: 3,
        #"balancer_backend_session_seconds_count{pool="web",backend="good"}"#: 3,
        #"balancer_backend_sent_bytes_total{pool="web",backend="good"}"#: 18,
        #"balancer_pool_sessions_total{pool="web"}"#: 3,
      ])

      let status = try scrape.json("/v1/status")
      let listener = try object(status, "listeners", "web")
      #expect(
        try numbers(listener, "totals") == [
          "sessions": 3, "requests": 0, "errors": 0, "refused": 0, "bytesFromClients": 18, "bytesToClients": 33,
        ])
      let pool = try object(status, "pools", "web")
      #expect(
        try numbers(pool, "totals") == [
          "sessions": 3, "requests": 0, "errors": 0, "retries": 3, "queued": 0, "bytesToBackends": 18,
          "bytesFromBackends": 33,
        ])
      let dead1 = try object(pool, "backends", "dead")
      #expect(try numbers(dead1, "totals")["connectFailures"] == 3 && numbers(dead1, "totals")["errors"] == 3)
      let good1 = try object(pool, "backends", "good")
      #expect(
        try numbers(good1, "totals") == [
          "sessions": 3, "requests": 0, "errors": 0, "connectFailures": 0, "bytesToBackend": 18, "bytesFromBackend": 33,
        ])
      let session = try #require(good1["session"] as? [String: Any])
      let connect = try #require(good1["connect"] as? [String: Any])
      #expect(session["count"] as? Int == 3 && connect["count"] as? Int == 3)
      let median = try #require(session["p50"] as? Double)
      #expect(median > 0)
      let rate = try #require((good1["rates"] as? [String: Any])?["sessions"] as? Double)
      #expect(rate >= 0 && rate <= 3)
    }

    @Test func everySessionInTroubleIsCountedOnce() throws {
      let dead = try site.deadAddress()
      _ = try site.balancer(site.configuration([dead.json], pool: #""health": "off", "retries": 1"#, top: admin))
      for _ in 0..<4 { #expect(try site.visit() == nil) }
      try scrape.wait(for: [
        #"balancer_pool_errors_total{pool="web",kind="connect"}"#: 4,
        #"balancer_pool_retries_total{pool="web"}"#: 4,
        #"balancer_backend_errors_total{pool="web",backend="\#(dead)",kind="connect"}"#: 8,
        #"balancer_pool_sessions_total{pool="web"}"#: 0,
        #"balancer_listener_sessions_total{listener="web"}"#: 4,
        #"balancer_listener_session_seconds_count{listener="web"}"#: 4,
      ])
      let status = try scrape.json("/v1/status")
      #expect(try numbers(object(status, "pools", "web"), "totals")["errors"] == 4)
      #expect(try numbers(object(status, "listeners", "web"), "totals")["errors"] == 0)
    }

    @Test func countsWhoWaitsInTheQueue() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([backend.json(#""connections": 1"#)], top: admin))
      let (first, _) = try site.session()
      let second = try site.connect()
      try scrape.wait(for: [
        #"balancer_pool_waiting{pool="web"}"#: 1, #"balancer_pool_queued_total{pool="web"}"#: 1,
        #"balancer_pool_queue_seconds_count{pool="web"}"#: 0,
        #"balancer_pool_queue_limit{pool="web"}"#: 1024,
        #"balancer_backend_state{pool="web",backend="\#(backend.address)",state="full"}"#: 1,
        #"balancer_backend_up{pool="web",backend="\#(backend.address)"}"#: 1,
      ])
      let waiting = try #require(try scrape.json("/v1/sessions")["sessions"] as? [[String: Any]])
      #expect(waiting.map { $0["state"] as? String } == ["relaying", "waiting"])
      first.close()
      #expect(try second.receiveLine() == "a")
      try scrape.wait(for: [
        #"balancer_pool_waiting{pool="web"}"#: 0, #"balancer_pool_queued_total{pool="web"}"#: 1,
        #"balancer_pool_queue_seconds_count{pool="web"}"#: 1,
        #"balancer_listener_queue_seconds_count{listener="web"}"#: 1,
        #"balancer_pool_sessions_total{pool="web"}"#: 2,
      ])
      let status = try scrape.json("/v1/status")
      let pool = try object(status, "pools", "web")
      #expect(try numbers(pool, "totals")["queued"] == 1 && (pool["queue"] as? [String: Any])?["count"] as? Int == 1)
      second.close()
    }

    @Test func bytesAreSeenWhileASessionRunsAndCountersOutliveAReload() throws {
      let (a, b) = (try site.backend("a"), try site.backend("b"))
      func file(_ weight: Int) -> String {
        site.configuration(
          [a.json(#""name": "a""#), b.json(#""name": "b", "weight": \#(weight)"#)],
          pool: #""health": "off", "scheduler": "first""#, top: admin)
      }
      let balancer = try site.balancer(file(1))
      let (session, name) = try site.session()
      #expect(name == "a")
      let stream = ByteStream(seed: 1)
      let bytes = 20 << 20
      let sending = BackgroundThread { try? stream.send(to: bytes, on: session) }
      #expect(try stream.receive(to: bytes, on: session) == bytes)
      try sending.join()
      let counted = [
        #"balancer_backend_sent_bytes_total{pool="web",backend="a"}"#: Double(bytes),
        #"balancer_backend_received_bytes_total{pool="web",backend="a"}"#: Double(bytes + 2),
        #"balancer_listener_sent_bytes_total{listener="web"}"#: Double(bytes + 2),
        #"balancer_pool_sessions_total{pool="web"}"#: 1,
      ]
      try scrape.wait(for: counted)
      let rates = try #require(
        try object(object(scrape.json("/v1/status"), "pools", "web"), "backends", "a")["rates"] as? [String: Any])
      #expect((rates["bytesToBackend"] as? Double).map { $0 >= 0 && $0 <= Double(bytes) } == true)

      let mark = try balancer.reload(file(3))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      try scrape.wait(for: counted.merging([#"balancer_reloads_total{result="done"}"#: 1]) { $1 })
      try balancer.reload("{")
      try scrape.wait(for: [
        #"balancer_reloads_total{result="refused"}"#: 1, "balancer_last_reload_successful": 0,
        #"balancer_listener_sessions_total{listener="web"}"#: 1,
      ])
      session.close()
    }

    // MARK: HTTP

    @Test func countsRequestsAndResponses() throws {
      let backend = try httpBackend()
      _ = try site.balancer(
        site.configuration(
          [backend.json(#""name": "a""#)], pool: #""health": "off", "retries": 0"#, listener: #""mode": "http""#,
          top: admin))
      let client = try site.connect()
      func ask(_ path: String) throws -> String {
        try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        let line = try #require(try client.receiveLine())
        var length = 0
        while let field = try client.receiveLine(), field.count > 1 {
          if field.hasPrefix("Content-Length: ") { length = Int(field.dropFirst(16).dropLast()) ?? 0 }
        }
        _ = try client.receive(length)
        return String(line.dropFirst(9).prefix(3))
      }
      #expect(
        try ["/200", "/200", "/200", "/404", "/503", "/reset"].map(ask) == ["200", "200", "200", "404", "503", "502"])
      let malformed = try site.connect()
      try malformed.send("GET\r\n\r\n")
      _ = try malformed.receiveAll()
      malformed.close()
      let requests = [
        #"balancer_listener_requests_total{listener="web"}"#: 7.0,
        #"balancer_listener_responses_total{listener="web",code="2xx"}"#: 3,
        #"balancer_listener_responses_total{listener="web",code="4xx"}"#: 2,
        #"balancer_listener_responses_total{listener="web",code="5xx"}"#: 2,
        #"balancer_listener_errors_total{listener="web",kind="request"}"#: 1,
        #"balancer_listener_sessions_total{listener="web"}"#: 2,
        #"balancer_listener_open_sessions{listener="web"}"#: 1,
        #"balancer_listener_session_seconds_count{listener="web"}"#: 1,
        #"balancer_pool_requests_total{pool="web"}"#: 6,
        #"balancer_pool_sessions_total{pool="web"}"#: 6,
        #"balancer_pool_responses_total{pool="web",code="2xx"}"#: 3,
        #"balancer_pool_responses_total{pool="web",code="4xx"}"#: 1,
        #"balancer_pool_responses_total{pool="web",code="5xx"}"#: 1,
        #"balancer_pool_first_byte_seconds_count{pool="web"}"#: 5,
        #"balancer_pool_retries_total{pool="web"}"#: 0,
        #"balancer_backend_requests_total{pool="web",backend="a"}"#: 6,
        #"balancer_backend_responses_total{pool="web",backend="a",code="5xx"}"#: 1,
        #"balancer_backend_first_byte_seconds_count{pool="web",backend="a"}"#: 5,
        #"balancer_backend_errors_total{pool="web",backend="a",kind="connect"}"#: 0,
        #"balancer_backend_open_sessions{pool="web",backend="a"}"#: 0,
      ]
      try scrape.wait(for: requests)
      let status = try scrape.json("/v1/status")
      let listener = try numbers(object(status, "listeners", "web"), "totals")
      #expect(listener["requests"] == 7 && listener["errors"] == 3 && listener["sessions"] == 2)
      let pool = try object(status, "pools", "web")
      #expect(try numbers(pool, "totals")["requests"] == 6)
      let a = try object(pool, "backends", "a")
      #expect(try numbers(a, "totals")["requests"] == 6 && numbers(a, "totals")["errors"] == 2)
      #expect((a["firstByte"] as? [String: Any])?["count"] as? Int == 5)

      // Between two requests.
      let sessions = try scrape.json("/v1/sessions?listener=web&client=127.0.0.1")
      let list = try #require(sessions["sessions"] as? [[String: Any]])
      #expect(list.count == 1 && list[0]["state"] as? String == "idle" && list[0]["mode"] as? String == "http")
      #expect(list[0]["pool"] is NSNull && list[0]["backend"] is NSNull && sessions["next"] is NSNull)
      // Five paths of four bytes and one of six, each with 26 bytes around it.
      #expect(list[0]["bytesFromClient"] as? Int == 6 * 26 + 5 * 4 + 6)
      client.close()
    }

    @Test func aRequestThatIsTriedAgainIsOneRequest() throws {
      let (backend, dead) = (try httpBackend(), try site.deadAddress())
      _ = try site.balancer(
        site.configuration(
          [#"{ "name": "dead", "address": "\#(dead)" }"#, backend.json(#""name": "good""#)],
          pool: #""health": "off", "scheduler": "first""#, listener: #""mode": "http""#, top: admin))
      let client = try site.connect()
      try client.send("GET /200 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(String(decoding: try client.receiveAll(), as: UTF8.self).hasSuffix("ok"))
      client.close()
      try scrape.wait(for: [
        #"balancer_listener_requests_total{listener="web"}"#: 1,
        #"balancer_pool_requests_total{pool="web"}"#: 1,
        #"balancer_pool_retries_total{pool="web"}"#: 1,
        #"balancer_pool_connect_seconds_count{pool="web"}"#: 1,
        #"balancer_backend_errors_total{pool="web",backend="dead",kind="connect"}"#: 1,
        #"balancer_backend_requests_total{pool="web",backend="dead"}"#: 0,
        #"balancer_backend_requests_total{pool="web",backend="good"}"#: 1,
        #"balancer_backend_session_seconds_count{pool="web",backend="good"}"#: 1,
        #"balancer_pool_responses_total{pool="web",code="2xx"}"#: 1,
      ])
    }

    // MARK: TLS

    @Test func countsHandshakes() throws {
      let authority = try Authority("root", in: site.folder)
      let backend = try site.backend("plain")
      let certificate = try authority.issue("a", ["DNS:a.example"])
      _ = try site.balancer(
        site.configuration(
          [backend.json(#""name": "a""#)], listener: #""tls": { "certificates": [\#(certificate.json)] }"#, top: admin))
      #expect(try TLSClient(site.front, ca: authority.certificate).visit().said == "plain")
      let noTLS = try site.connect()
      try noTLS.send("GET / HTTP/1.0\r\n\r\n")
      _ = try noTLS.waitForEnd()
      noTLS.close()
      try scrape.wait(for: [
        #"balancer_listener_handshakes_total{listener="web",kind="full"}"#: 1,
        #"balancer_listener_handshakes_total{listener="web",kind="resumed"}"#: 0,
        #"balancer_listener_handshake_failures_total{listener="web",reason="malformed"}"#: 1,
        #"balancer_listener_handshake_seconds_count{listener="web"}"#: 1,
        #"balancer_listener_errors_total{listener="web",kind="handshake"}"#: 1,
        #"balancer_listener_sessions_total{listener="web"}"#: 2,
        // Without TLS: what the backend has said.
        #"balancer_listener_sent_bytes_total{listener="web"}"#: 6,
        #"balancer_pool_sessions_total{pool="web"}"#: 1,
      ])
      #expect(
        try scrape.samples().contains {
          $0.key.hasPrefix("balancer_certificate_expiry_timestamp_seconds{") && $0.value > 0
        })
    }

    // MARK: Sessions

    @Test func sessionsComeInPages() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([backend.json(#""name": "a""#)], top: admin))
      let sessions = try (0..<7).map { _ in try site.session().socket }
      var ids: [String] = []
      var ages: [Double] = []
      var after: String?
      var pages = 0
      repeat {
        let page = try scrape.json("/v1/sessions?limit=3&pool=web" + (after.map { "&after=\($0)" } ?? ""))
        let list = try #require(page["sessions"] as? [[String: Any]])
        for session in list {
          ids.append(try #require(session["id"] as? String))
          ages.append(try #require(session["age"] as? Double))
          #expect(session["backend"] as? String == "a" && session["bytesToClient"] as? Int == 2)
        }
        after = page["next"] as? String
        pages += 1
      } while after != nil
      #expect(pages == 3 && Set(ids).count == 7)
      for (path, status) in [
        ("?limit=0", 400), ("?limit=1001", 400), ("?after=x", 400), ("?client=example.com", 400), ("?age=1", 400),
        ("?backend=b", 200),
      ] {
        #expect(try scrape.get("/v1/sessions" + path).status == status, "\(path)")
      }
      for session in sessions { session.close() }
    }

    // MARK: Formats and documents

    /// A program with something of everything: both modes, checks, an error.
    private func busySite() throws {
      let (backend, http, dead) = (try site.backend("a"), try httpBackend(), try site.deadAddress())
      let second = Address.ipv4(try FreePort.take())
      _ = try site.balancer(
        """
        {
          "listeners": {
            "tcp": { "listen": "\(site.front)", "pool": "tcp", "connections": 100 },
            "http": { "listen": "\(second)", "mode": "http", "pool": "http" }
          },
          "pools": {
            "tcp": { "health": { "interval": "100ms", "fall": 1 },
              "backends": [\(backend.json(#""connections": 10"#)), "\(dead)"] },
            "http": { "health": "off", "backends": [\(http.json)] }
          },
          "limits": { "memory": "100MiB" },
          \(admin)
        }
        """)
      #expect(try site.visit() == "a")
      let client = try Socket(connectingTo: second)
      try client.send("GET /200 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(String(decoding: try client.receiveAll(), as: UTF8.self).hasSuffix("ok"))
      try scrape.wait(for: [
        #"balancer_pool_requests_total{pool="http"}"#: 1,
        #"balancer_backend_check_success{pool="tcp",backend="\#(dead)"}"#: 0,
        #"balancer_backend_up{pool="tcp",backend="\#(dead)"}"#: 0,
      ])
    }

    private static func installed(_ program: String) -> String? {
      ["/usr/bin/", "/usr/local/bin/"].map { $0 + program }.first {
        FileManager.default.isExecutableFile(atPath: $0)
      }
    }

    /// What Prometheus itself says to it (Debian's package prometheus; scripts/test installs it).
    @Test(.enabled(if: installed("promtool") != nil, "promtool is not installed: the metrics are not checked with it"))
    func promtoolHasNothingToSay() throws {
      try busySite()
      let (_, type, text) = try scrape.get("/metrics")
      #expect(type == "text/plain; version=0.0.4; charset=utf-8")
      let promtool = try #require(Self.installed("promtool"))
      let (status, said) = try Self.pipe(text, through: [promtool, "check", "metrics"])
      #expect(status == 0 && said.isEmpty, "\(said)")
    }

    /// What the parser of OpenMetrics' reference client reads (Debian's package python3-prometheus-client).
    @Test func theReferenceClientReadsOpenMetrics() throws {
      guard try Self.pipe("", through: ["/usr/bin/python3", "-c", "import prometheus_client"]).status == 0 else {
        return
      }
      try busySite()
      let (_, type, text) = try scrape.get("/metrics", accept: "application/openmetrics-text; version=1.0.0")
      #expect(type == "application/openmetrics-text; version=1.0.0; charset=utf-8")
      let program = """
        import sys
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        for family in text_string_to_metric_families(sys.stdin.read()):
            print(family.name)
        """
      let (status, said) = try Self.pipe(text, through: ["/usr/bin/python3", "-c", program])
      #expect(status == 0, "\(said)")
      let families = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.count
      #expect(said.split(separator: "\n").count == families)
    }

    private static var documents: URL {
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../docs").standardized
    }

    /// Each name stands in docs/metrics.md with its type and its labels, and no other.
    @Test func everyMetricIsDocumented() throws {
      try busySite()
      let text = try scrape.get("/metrics").body
      var types: [String: String] = [:]
      var labels: [String: Set<String>] = [:]
      for line in text.split(separator: "\n") {
        if line.hasPrefix("# TYPE ") {
          let parts = line.split(separator: " ")
          types[String(parts[2])] = String(parts[3])
        } else if !line.hasPrefix("#") {
          var name = String(line.prefix { $0 != "{" && $0 != " " })
          for suffix in ["_bucket", "_sum", "_count"] where types[String(name.dropLast(suffix.count))] == "histogram" {
            if name.hasSuffix(suffix) { name = String(name.dropLast(suffix.count)) }
          }
          let names = line.matches(of: /[{,]([a-z_]+)="/).map { String($0.1) }
          labels[name, default: []].formUnion(names.filter { $0 != "le" })
        }
      }
      let document = try String(contentsOf: Self.documents.appendingPathComponent("metrics.md"), encoding: .utf8)
      var documented: [String: (type: String, labels: Set<String>)] = [:]
      for line in document.split(separator: "\n") where line.hasPrefix("| `") {
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        guard cells.count == 4 else { continue }
        let words = cells[2].matches(of: /`([a-z_]+)`/).map { String($0.1) }
        documented[cells[0].trimmingCharacters(in: ["`"])] = (cells[1], Set(words))
      }
      #expect(types.keys.sorted() == documented.keys.sorted())
      for (name, type) in types {
        #expect(documented[name]?.type == type, "\(name)")
        // A family may have no sample, such as one of TLS without TLS.
        if let labels = labels[name] { #expect(documented[name]?.labels == labels, "\(name)") }
      }
    }

    /// The panels of the dashboard for Grafana ask for nothing that is not there.
    @Test func theDashboardUsesNamesThatExist() throws {
      try busySite()
      let samples = try scrape.get("/metrics").body
      let types = Set(
        samples.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] })
      let file = Self.documents.appendingPathComponent("grafana/balancer.json")
      let dashboard = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
      let panels = try #require(dashboard["panels"] as? [[String: Any]])
      var used = Set<String>()
      var expressions: [String] = []
      for panel in panels {
        for target in panel["targets"] as? [[String: Any]] ?? [] {
          expressions.append(try #require(target["expr"] as? String))
        }
      }
      let variables = (dashboard["templating"] as? [String: Any])?["list"] as? [[String: Any]] ?? []
      expressions += variables.compactMap { $0["query"] as? String }
      for expression in expressions {
        for match in expression.matches(of: /\b(balancer|process)_[a-z0-9_]+/) { used.insert(String(match.0)) }
      }
      #expect(used.count > 20)
      for name in used {
        let family = ["_bucket", "_sum", "_count"].reduce(name) { name, suffix in
          name.hasSuffix(suffix) && types.contains(Substring(name.dropLast(suffix.count)))
            ? String(name.dropLast(suffix.count)) : name
        }
        #expect(types.contains(Substring(family)), "\(name)")
      }
    }

    private static func pipe(_ text: String, through command: [String]) throws -> (status: Int32, said: String) {
      let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      try text.write(to: file, atomically: true, encoding: .utf8)
      defer { try? FileManager.default.removeItem(at: file) }
      let process = Process()
      process.executableURL = URL(fileURLWithPath: command[0])
      process.arguments = Array(command.dropFirst())
      process.standardInput = try FileHandle(forReadingFrom: file)
      let output = Pipe()
      process.standardOutput = output
      process.standardError = output
      try process.run()
      let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      return (process.terminationStatus, said)
    }
  }
}
