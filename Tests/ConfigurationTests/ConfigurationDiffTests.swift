import Base
import Configuration
import Testing

@Suite struct ConfigurationDiffTests {
  static let old = """
    {
      "listeners": {
        "web": { "listen": ":8080", "pool": "web" },
        "old": { "listen": [":8081", "unix:/run/old.sock"], "pool": "web" },
      },
      "pools": {
        "web": { "backends": ["127.0.0.1:9001", { "address": "127.0.0.1:9002", "name": "b", "labels": { "zone": "a" } }] },
        "spare": { "backends": ["127.0.0.1:9009"] },
      },
    }
    """

  /// What is replaced in the file above, and the lines that follow from it.
  static let changes: [(replaced: String, by: String, lines: [String])] = [
    ("", "", []),
    // Comments, order and other words for the same are no change.
    (#""listeners""#, #"/* new */ "workers": "auto", "listeners""#, []),
    (#""listen": ":8080""#, #""backlog": 4096, "listen": [":8080"]"#, []),
    (
      #""127.0.0.1:9001", { "address": "127.0.0.1:9002", "name": "b", "labels": { "zone": "a" } }"#,
      #"{ "labels": { "zone": "a" }, "name": "b", "address": "127.0.0.1:9002" }, { "address": "127.0.0.1:9001" }"#, []
    ),
    // Backends.
    (#""127.0.0.1:9001","#, #""127.0.0.1:9001", "127.0.0.1:9004","#, ["+ backend web/127.0.0.1:9004"]),
    (#""127.0.0.1:9001","#, "", ["- backend web/127.0.0.1:9001"]),
    (#""name": "b""#, #""name": "b", "weight": 3"#, ["~ backend web/b: weight 1 → 3"]),
    (
      #""name": "b", "labels": { "zone": "a" }"#,
      #""name": "b", "backup": true, "connections": 9, "labels": { "rack": "7" }"#,
      [
        "~ backend web/b: connections 0 → 9", "~ backend web/b: backup false → true",
        "~ backend web/b: labels.zone a → unset", "~ backend web/b: labels.rack unset → 7",
      ]
    ),
    // A backend that moved, or that has another name, is another one.
    (
      #""127.0.0.1:9002", "name": "b""#, #""127.0.0.1:9003", "name": "b""#,
      ["+ backend web/b (127.0.0.1:9003)", "- backend web/b (127.0.0.1:9002)"]
    ),
    (
      #""name": "b""#, #""name": "c""#,
      ["+ backend web/c (127.0.0.1:9002)", "- backend web/b (127.0.0.1:9002)"]
    ),
    (
      #""name": "b""#, #""name": "b", "check": "127.0.0.1:9102""#,
      ["~ backend web/b: check unset → 127.0.0.1:9102"]
    ),
    // Pools.
    (
      #""web": { "backends""#,
      #""web": { "health": { "type": "script", "script": ["true", "x"], "port": 9 }, "backends""#,
      [
        "~ pool web: health.type tcp → script", "~ pool web: health.script unset → true, x",
        "~ pool web: health.port unset → 9",
      ]
    ),
    (
      #""web": { "backends""#, #""web": { "scheduler": "least-connections", "backends""#,
      ["~ pool web: scheduler round-robin → least-connections"]
    ),
    (
      #""web": { "backends""#, #""web": { "health": { "interval": "5s", "fastInterval": "1s" }, "backends""#,
      ["~ pool web: health.interval 2s → 5s", "~ pool web: health.fastInterval unset → 1s"]
    ),
    (
      #""spare": { "backends""#, #""spare": { "health": "off", "onDown": { "close": "10s" }, "backends""#,
      [
        "~ pool spare: health { type: tcp, interval: 2s, timeout: 1s, fall: 3, rise: 2, initial: checking, flap: { hold: 5, release: 2, halfLife: 1m } } → off",
        "~ pool spare: onDown keep → { close: 10s }",
      ]
    ),
    (#""spare": { "#, #""spare": { "onDown": "close", "#, ["~ pool spare: onDown keep → close"]),
    (
      #""web": { "backends": ["#,
      #""web": { "retries": 0, "timeouts": { "server": "off" }, "backends": ["127.0.0.1:9000", "#,
      [
        "~ pool web: timeouts.server 5m → off", "~ pool web: retries 2 → 0", "+ backend web/127.0.0.1:9000",
      ]
    ),
    // What every pool inherits changes every pool.
    (
      #""pools""#, #""defaults": { "retries": 1 }, "pools""#,
      ["~ pool web: retries 2 → 1", "~ pool spare: retries 2 → 1"]
    ),
    (
      #""spare": { "backends": ["127.0.0.1:9009"] }"#, #""api": { "backends": ["127.0.0.1:7001", "127.0.0.1:7002"] }"#,
      [
        "+ pool api", "+ backend api/127.0.0.1:7001", "+ backend api/127.0.0.1:7002", "- backend spare/127.0.0.1:9009",
        "- pool spare",
      ]
    ),
    // Listeners.
    (
      #""old": {"#, #""new": {"#,
      ["+ listener new (:8081, unix:/run/old.sock)", "- listener old (:8081, unix:/run/old.sock)"]
    ),
    (#"[":8081", "unix:/run/old.sock"]"#, #"":8082""#, ["~ listener old: listen :8081, unix:/run/old.sock → :8082"]),
    (
      #""listen": ":8080", "pool": "web""#,
      #""listen": ":8080", "pool": "spare", "connections": 10, "backlog": 9, "timeouts": { "client": "off" }"#,
      [
        "~ listener web: pool web → spare", "~ listener web: connections 0 → 10", "~ listener web: backlog 4096 → 9",
        "~ listener web: timeouts.client 5m → off",
      ]
    ),
    // The rest.
    (
      #""pools": {"#,
      #"""
      "workers": 4, "limits": { "connections": 1000 }, "shutdown": { "drain": "10s" },
      "log": { "level": "debug", "format": "json", "file": "/var/log/b.log" }, "pools": {
      """#,
      [
        "~ workers: auto → 4", "~ limits: connections auto → 1000", "~ log: level info → debug",
        "~ log: format text → json", "~ log: file unset → /var/log/b.log", "~ shutdown: drain 30s → 10s",
      ]
    ),
  ]

  @Test(arguments: changes.indices) func changesAreToldLineByLine(index: Int) throws {
    let (replaced, replacement, lines) = Self.changes[index]
    let new = Self.old.replacing(replaced, with: replacement, maxReplacements: replaced.isEmpty ? 0 : 1)
    #expect(replaced == replacement || new != Self.old)
    let difference = ConfigurationDiff(from: try read(Self.old), to: try read(new))
    #expect(difference.lines == lines)
    #expect(difference.isEmpty == lines.isEmpty)
    // Back again: as many changes the other way.
    let back = ConfigurationDiff(from: try read(new), to: try read(Self.old))
    #expect(back.lines.count == lines.count)
  }

  @Test func theStructureHasWhatTheLinesSay() throws {
    let old = try read(Self.old)
    var new = old
    new.workers = .fixed(2)
    new.listeners[0].backlog = 7
    new.listeners.removeLast()
    new.pools[0].retries = 9
    new.pools[0].backends[1].weight = 5
    new.pools[0].backends[0].address = .any(port: 1)
    var pool = PoolConfiguration()
    pool.name = "new"
    new.pools[1] = pool

    let difference = ConfigurationDiff(from: old, to: new)
    #expect(difference.workers?.old == .automatic)
    #expect(difference.workers?.new == .fixed(2))
    #expect(difference.limits == nil && difference.log == nil && difference.shutdown == nil)
    #expect(difference.listeners.added == [])
    #expect(difference.listeners.removed == [old.listeners[1]])
    #expect(difference.listeners.changed.map(\.old) == [old.listeners[0]])
    #expect(difference.listeners.changed.map(\.new) == [new.listeners[0]])
    #expect(difference.addedPools == [pool])
    #expect(difference.removedPools == [old.pools[1]])
    #expect(difference.changedPools.count == 1)
    let change = try #require(difference.changedPools.first)
    #expect(change.changesSettings)
    #expect(change.backends.added == [new.pools[0].backends[0]])
    #expect(change.backends.removed == [old.pools[0].backends[0]])
    #expect(change.backends.changed.map(\.new.weight) == [5])
  }

  @Test func onlyBackendsAreNoChangeOfSettings() throws {
    let old = try read(Self.old)
    var new = old
    new.pools[0].backends.removeFirst()
    let change = try #require(ConfigurationDiff(from: old, to: new).changedPools.first)
    #expect(!change.changesSettings)
  }

  /// Whatever a text holds, a line of the log stays a line.
  @Test func valuesStayOnTheirLine() throws {
    let old = try read(Self.old)
    var new = old
    new.pools[0].backends[1].labels["zone"] = "a\nb\u{1B}[31m"
    #expect(ConfigurationDiff(from: old, to: new).lines == [#"~ backend web/b: labels.zone a → a\nb\u001b[31m"#])
  }

  @Test func layerFourIsTold() throws {
    func file(_ listener: String, _ pool: String) throws -> Configuration {
      try read(
        """
        { "listeners": { "a": { "listen": ":1", "pool": "p"\(listener) } },
          "pools": { "p": { "backends": ["h:1"]\(pool) } } }
        """)
    }
    let plain = try file("", "")
    let blocks = (0..<20).map { "\"10.0.\($0).0/24\"" }
    func list(_ count: Int) -> String { blocks.prefix(count).joined(separator: ", ") }
    for (listener, pool, lines) in [
      (
        #", "proxyProtocol": "v2", "deny": ["10.0.0.1", "::/0"], "perClient": { "rate": "5/s" }"#, "",
        [
          "~ listener a: proxyProtocol off → v2", "~ listener a: deny none → 10.0.0.1, ::/0",
          "~ listener a: perClient.rate unset → 5/s",
        ]
      ),
      (
        #", "routes": [{ "match": { "sni": "x" }, "pool": "p" }], "timeouts": { "session": "1h", "handshake": "1s" }"#,
        "",
        [
          "~ listener a: routes none → { match: { sni: x }, pool: p }", "~ listener a: timeouts.session off → 1h",
          "~ listener a: timeouts.handshake 10s → 1s",
        ]
      ),
      (
        #", "tcpKeepAlive": "off", "mptcp": true"#, #", "sendProxy": "v1", "source": "::1", "onRemove": "close""#,
        [
          "~ pool p: onRemove keep → close", "~ pool p: sendProxy off → v1", "~ pool p: source unset → ::1",
          "~ listener a: tcpKeepAlive 2m → off", "~ listener a: mptcp false → true",
        ]
      ),
    ] {
      #expect(ConfigurationDiff(from: plain, to: try file(listener, pool)).lines == lines)
    }
    // A long list is told in short, and a change at its end is still a change.
    let (long, longer) = try (file(", \"allow\": [\(list(19))]", ""), file(", \"allow\": [\(list(20))]", ""))
    let lines = ConfigurationDiff(from: long, to: longer).lines
    #expect(lines.count == 1)
    #expect(lines[0].hasSuffix("10.0.7.0/24 and 12 more"))
  }

  /// Of ten thousand routes only the one that is another is told.
  @Test func routesThatChanged() throws {
    func file(_ routes: [String], _ http: String = "") throws -> Configuration {
      try read(
        """
        {
          "listeners": { "a": { "listen": ":1", "mode": "http", "pool": "p", "routes": [\(routes.joined(separator: ","))]\(http) } },
          "pools": { "p": { "backends": ["h:1"] }, "q": { "backends": ["h:2"] } }
        }
        """)
    }
    var routes = (0..<100).map { #"{ "match": { "host": "h\#($0).example" }, "pool": "p" }"# }
    let old = try file(routes)
    routes[50] = #"{ "match": { "host": "h50.example", "path": "/a" }, "pool": "q", "timeout": "5s" }"#
    #expect(
      try ConfigurationDiff(from: old, to: file(routes)).lines == [
        "~ listener a: routes[50].match.path unset → /a", "~ listener a: routes[50].pool p → q",
        "~ listener a: routes[50].timeout unset → 5s",
      ])
    routes[50] = #"{ "match": { "host": "h50.example" }, "pool": "p" }"#
    routes.insert(#"{ "match": { "path": "/new" }, "redirect": { "to": "/" } }"#, at: 10)
    let longer = try file(routes)
    #expect(
      ConfigurationDiff(from: old, to: longer).lines == [
        "~ listener a: routes from [10] on none → { match: { path: /new }, redirect: { to: /, status: 308 } }"
      ])
    #expect(
      ConfigurationDiff(from: longer, to: old).lines == [
        "~ listener a: routes from [10] on { match: { path: /new }, redirect: { to: /, status: 308 } } → none"
      ])
    #expect(
      try ConfigurationDiff(
        from: file(["{ \"pool\": \"p\" }"]),
        to: file(
          [
            #"{ "pool": [{ "pool": "p", "weight": 9 }, { "pool": "q", "weight": 1 }], "requestHeaders": { "remove": ["X"] } }"#
          ],
          #", "http": { "maxBody": "1MiB", "requestId": "off", "compression": {}, "errorPages": { "5xx": "/e" } }"#)
      ).lines == [
        "~ listener a: routes[0].pool p → { pool: p, weight: 9 }, { pool: q, weight: 1 }",
        "~ listener a: routes[0].requestHeaders unset → { remove: X }",
        "~ listener a: http.maxBody off → 1MiB", "~ listener a: http.requestId X-Request-ID → off",
        "~ listener a: http.compression off → { types: text/html, text/css, text/plain, text/javascript, application/javascript, application/json, application/xml, image/svg+xml, minimum: 1KiB }",
        "~ listener a: http.errorPages unset → { 5xx: /e }",
      ])
  }
}
