import Configuration
import Testing

@Suite struct ConfigurationSummaryTests {
  private func carried(_ text: String, _ workers: Int) throws -> Int {
    DescriptorBudget.connectionsCarried(byDescriptors: 1024, for: try read(text), workers: workers)
  }

  @Test func theSmallestFile() throws {
    let smallest = try #require(Example.good.first { $0.name == "smallest" })
    #expect(
      ConfigurationSummary(try read(smallest.bytes), workers: 4, descriptors: 1024).description == """
        workers       4 (auto)
        connections   at most \(try carried(smallest.text, 4)) (auto: what 1024 open files carry)
        listener web  :8080 (tcp) → pool web
        pool web      round-robin, 2 backends
                      127.0.0.1:9001
                      127.0.0.1:9002
                      tcp check every 2s, timeout 1s
                      a dead backend is noticed after 7s at the latest (fall 3 × interval 2s + timeout 1s)
                      one that refuses connections after 3s (every 500ms from the first failure on)
        admin         127.0.0.1:9900
        log           info and above as text to standard error
        shutdown      sessions have 30s to end
        """)
  }

  @Test func everything() throws {
    let everything = try #require(Example.good.first { $0.name == "everything" })
    #expect(
      ConfigurationSummary(try read(everything.bytes), workers: 4, descriptors: 65536).description == """
        workers       4
        connections   at most 20000
        listener web  :8080, [2001:db8::1]:8081, unix:/run/balancer/web.sock (tcp) → pool web, at most 10000 connections
                      db.example.com, *.db.example.com → pool web
                      expects a PROXY header v2, believed of 10.0.0.0/8
                      refuses 192.0.2.7
                      serves only 192.0.2.0/24, 2001:db8::/32
                      each client: at most 20 connections, 100/s new ones
        listener tls  :8443 (tcp) → pool web
                      TLS 1.3: 2 certificates, those in /etc/balancer/tls, ALPN h2, http/1.1, no other server names, shared ticket keys
                      clients may show a certificate
        listener app  127.0.0.1:8090 (http) → pool app
                      GET, POST app.example.com app.example.com, *.app.example.com, [2001:db8::1] /api, ~ ^/api/v[12]/ \
        X-Version, User-Agent, X-Debug ?page, ?all, ?q 10.0.0.0/8 → pools app 95 %, web 5 %, path rewritten, \
        with the backend as Host, fields of the request changed, fields of the response changed, within 30s, 1 retry, \
        for whoever has a password, at most 10/s for each X-API-Key
                      /old exactly → redirected to https://{host}/new{query} (301)
                      static.example.com → pool app, path rewritten, with the Host www.example.com:8080
                      everything → answered with 404
                      each client: 50/s requests
        pool web      hash sni, load 1.25, 3 backends
                      127.0.0.1:9001
                      two ([::1]:9002), weight 3, at most 100 sessions, backup, TLS, not verified, with a client certificate, checked at [::1]:9003
                      three (unix:/etc/balancer/run/three.sock), weight 0: no new sessions, without TLS
                      connects with a PROXY header v1 and the local address 192.0.2.9
                      TLS, not verified, with a client certificate
                      tcp check (expecting "ready") of port 9100 every 5s, timeout 250ms
                      a dead backend is noticed after 10250ms at the latest (fall 2 × interval 5s + timeout 250ms)
                      one that refuses connections after 5750ms (every 750ms from the first failure on)
        pool app      hash header:X-User, 1 backend
                      127.0.0.1:9101
                      http check (POST app.example.com/health?full=1, 200-299,401, expecting "ready") every 1s, timeout 1s
                      a dead backend is noticed after 4s at the latest (fall 3 × interval 1s + timeout 1s)
                      one that refuses connections after 1500ms (every 250ms from the first failure on)
        admin         10.0.0.5:9900, with a token, for 10.0.0.0/8, without the page
        log           debug and above as json to /etc/balancer/logs/balancer.log
                      50 % of the requests as combined to /etc/balancer/logs/access.log
        shutdown      sessions have 2m to end
        """)
  }

  @Test func routesOfRequests() throws {
    let lines = ConfigurationSummary(
      try read(try #require(Example.good.first { $0.name == "http" }).bytes), workers: 1, descriptors: 65536
    ).lines.map { $0.split(separator: "  ").map { $0.drop { $0 == " " } }.joined(separator: " | ") }
    for line in [
      "listener plain | :80 (http)", "whoever comes without TLS is sent to https", "example.com / exactly → pool a",
      "192.0.2.1 → pools a 0 %, b 100 %", "/ü/%41/ → pool b, path rewritten",
      "everything → redirected to /elsewhere (308)", "everything → answered with 200",
      "http check (GET /, 204) every 2s, timeout 1s", "each request as text to standard output",
    ] { #expect(lines.contains(line), "\(line) in \(lines)") }
    let bare =
      #"{ "listeners": { "w": { "listen": ":1", "mode": "http", "routes": [{ "match": { "path": "/" }, "pool": "p" }] } },"#
      + #""pools": { "p": { "backends": ["h:1"] } } }"#
    let summary = ConfigurationSummary(try read(bare), workers: 1, descriptors: 1024).description
    #expect(summary.contains("whatever no route takes is answered with 404"))
  }

  @Test func routesRangesAndLongLists() throws {
    let lines = ConfigurationSummary(
      try read(try #require(Example.good.first { $0.name == "layer-4" }).bytes), workers: 1, descriptors: 65536
    ).lines.map { $0.split(separator: "  ").map { $0.drop { $0 == " " } }.joined(separator: " | ") }
    for line in [
      "listener no-pool-of-its-own | 127.0.0.1:8000-8010, unix:/run/a-1.sock (tcp)", "a.example.com → pool one",
      "*.example.com, example.com, _x.example.net → pool two", "whoever asks for another name is closed",
      "expects a PROXY header, believed of everyone", "serves only 10.0.0.0/8, 192.0.2.1, 2001:db8::/32 and 4 more",
      "each client: 6000/m new ones", "connects with the client's own address",
    ] { #expect(lines.contains(line), "\(line) in \(lines)") }
  }

  @Test func spareConnections() throws {
    let prewarm = try #require(Example.good.first { $0.name == "prewarm" })
    let lines = ConfigurationSummary(try read(prewarm.bytes), workers: 1, descriptors: 65536).lines
    #expect(
      lines.filter { $0.contains("spare") }.map { $0.trimmingPrefix { $0 == " " } } == [
        "1024 spare connections to each backend in each worker"
      ])
  }

  @Test func everyTypeOfCheck() throws {
    let checks = try #require(Example.good.first { $0.name == "checks" })
    let lines = ConfigurationSummary(try read(checks.bytes), workers: 1, descriptors: 1024).lines
    #expect(
      lines.filter { $0.contains(" check") && $0.contains("every") }.map { $0.trimmingPrefix { $0 == " " } } == [
        "tcp check every 1s, timeout 1s",
        #"tcp check (expecting "VERSION 1.") every 1s, timeout 1s"#,
        "redis check every 1s, timeout 1s",
        "postgresql check every 1s, timeout 1s",
        #"mysql check (as "balancer") every 1s, timeout 1s"#,
        "smtp check of port 25 every 1s, timeout 1s",
        "script check (/etc/balancer/checks/quorum --quick ) every 1s, timeout 1s",
        "script check (pg_isready) every 1s, timeout 1s",
      ])
  }

  @Test func aLimitThatTheOpenFilesDoNotCarry() throws {
    let everything = try #require(Example.good.first { $0.name == "everything" })
    let lines = ConfigurationSummary(try read(everything.bytes), workers: 4, descriptors: 1024).lines
    #expect(lines[1] == "connections   at most 20000 (1024 open files carry only \(try carried(everything.text, 4)))")
  }

  @Test func offAndLongNames() throws {
    let text = """
      {
        "shutdown": { "drain": "0s" },
        "listeners": { "a-name-of-a-listener-that-is-too-long-for-the-column": { "listen": ":1", "pool": "p" } },
        "pools": { "p": { "backends": ["h:1"], "health": "off" } }
      }
      """
    #expect(
      ConfigurationSummary(try read(text), workers: 1, descriptors: 1024).description == """
        workers                   1 (auto)
        connections               at most \(try carried(text, 1)) (auto: what 1024 open files carry)
        listener a-name-of-a-listener-that-is-too-long-for-the-column  :1 (tcp) → pool p
        pool p                    round-robin, 1 backend
                                  h:1
                                  no checks: every backend counts as up
        admin                     127.0.0.1:9900
        log                       info and above as text to standard error
        shutdown                  at once
        """)
  }

  @Test(arguments: [
    // interval, timeout, fast, fall: formula, refusal
    ("2s", "1s", nil, 3, Duration.seconds(7), Duration.seconds(3)),
    ("2s", "1s", "2s", 3, .seconds(7), .seconds(6)),
    ("10s", "500ms", "1s", 1, .milliseconds(10_500), .seconds(10)),
    ("1s", "1s", nil, 5, .seconds(6), .seconds(2)),
  ])
  func theWorstTimeToNotice(
    interval: String, timeout: String, fast: String?, fall: Int, worst: Duration, refusal: Duration
  ) throws {
    let fastInterval = fast.map { #", "fastInterval": "\#($0)""# } ?? ""
    let configuration = try read(
      """
      {
        "listeners": { "a": { "listen": ":1", "pool": "p" } },
        "pools": { "p": { "backends": ["h:1"],
          "health": { "interval": "\(interval)", "timeout": "\(timeout)", "fall": \(fall)\(fastInterval) } } }
      }
      """)
    #expect(configuration.pools[0].health?.worstTimeToNotice == worst)
    #expect(configuration.pools[0].health?.worstTimeToNoticeRefusal == refusal)
  }
}
