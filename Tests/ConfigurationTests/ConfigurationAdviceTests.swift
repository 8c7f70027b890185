import Base
import Configuration
import Testing

@Suite struct ConfigurationAdviceTests {
  private func warnings(_ text: String, workers: Int = 2, descriptors: Int = 65_536) throws -> [String] {
    ConfigurationAdvice(try read(text), workers: workers, descriptors: descriptors).warnings.map(\.description)
  }

  @Test(arguments: Example.good.filter { ["smallest", "inheritance", "numbers", "comments"].contains($0.name) })
  func whatIsInOrderIsNotWarnedOf(_ example: Example) throws {
    #expect(try warnings(example.text) == [])
  }

  /// What is set aside for two workers, one listener with one address and one backend.
  static let reserve =
    DescriptorBudget.process + 2 * (DescriptorBudget.perWorker + DescriptorBudget.perListenAddress)
    + DescriptorBudget.perCheck + DescriptorBudget.admin
  static let carried = (65_536 - reserve) / 2

  /// A file, and what is said of it with two workers and 65536 open files.
  static let table: [(text: String, warnings: [String])] = [
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": {
          "old": { "backends": ["h:1"] },
          "web": { "backends": ["h:1"] }
        }
      }
      """, ["balancer.json:4:5: warning: pools.old: no listener uses this pool"]
    ),
    (
      """
      {
        "limits": { "connections": 50000 },
        "listeners": { "web": { "listen": ":1", "pool": "web", "connections": 60000 } },
        "pools": { "web": { "backends": ["h:1"] } }
      }
      """,
      [
        "balancer.json:2:15: warning: limits.connections: 50000 need \(100_000 + reserve) open files, but this process may have 65536, "
          + "which carry \(carried): raise that limit (ulimit -n, LimitNOFILE= of systemd)",
        "balancer.json:3:58: warning: listeners.web.connections: 60000 is never reached: limits.connections is 50000",
      ]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web", "connections": 60000 } },
        "pools": { "web": { "backends": ["h:1"] } }
      }
      """,
      [
        "balancer.json:2:58: warning: listeners.web.connections: 60000 need \(120_000 + reserve) open files, but this process may have "
          + "65536, which carry \(carried): raise that limit (ulimit -n, LimitNOFILE= of systemd)"
      ]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": {
          "web": {
            "backends": ["h:1"],
            "health": { "interval": "2s", "timeout": "5s", "fastInterval": "3s" }
          }
        }
      }
      """,
      [
        "balancer.json:6:37: warning: pools.web.health.timeout: a check may take 5s, longer than the interval of 2s to the next one",
        "balancer.json:6:54: warning: pools.web.health.fastInterval: 3s is slower than the interval of 2s",
      ]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web" }, "off": { "listen": ":2", "pool": "off" } },
        "pools": {
          "web": { "backends": ["h:1", "unix:/run/a.sock", { "address": "unix:/b", "check": "h:3" }], "health": { "port": 9 } },
          "off": { "backends": [{ "address": "h:1", "check": "h:2" }], "health": "off" }
        }
      }
      """,
      [
        "balancer.json:4:109: warning: pools.web.health.port: \"unix:/run/a.sock\" is a unix socket, which has no port: it "
          + "is checked itself",
        "balancer.json:5:14: warning: pools.off.backends: a \"check\" is of no use with \"health\": \"off\"",
      ]
    ),
    // MySQL does not count the errors of loopback and unix sockets.
    (
      """
      {
        "defaults": { "health": { "type": "mysql" } },
        "listeners": { "a": { "listen": ":1", "pool": "far" }, "b": { "listen": ":2", "pool": "near" }, "c": { "listen": ":3", "pool": "user" } },
        "pools": {
          "far": { "backends": ["localhost:3306", "10.0.0.1:3306"] },
          "near": { "backends": ["127.0.0.1:3306", "localhost:3307", "unix:/run/mysqld.sock", { "address": "h:1", "check": "[::1]:3306" }] },
          "user": { "backends": ["10.0.0.1:3306"], "health": { "user": "balancer" } }
        }
      }
      """,
      [
        "balancer.json:2:29: warning: defaults.health.type: MySQL and MariaDB count each check as a failed login of this "
          + "machine, and after max_connect_errors (100) of them in a row refuse it, and with it all sessions: give the check "
          + "a \"user\", or the server skip_name_resolve"
      ]
    ),
    (
      """
      {
        "defaults": { "health": { "type": "mysql", "user": "balancer" } },
        "listeners": { "a": { "listen": ":1", "pool": "far" }, "b": { "listen": ":2", "pool": "near" } },
        "pools": {
          "far": { "backends": ["10.0.0.1:3306"], "prewarm": 2 },
          "near": { "backends": ["127.0.0.1:3306", "unix:/run/mysqld.sock"], "prewarm": 2 }
        }
      }
      """,
      [
        "balancer.json:5:45: warning: pools.far.prewarm: MySQL and MariaDB count each spare connection that no session takes "
          + "(after connect_timeout, 10s) as a failed login of this machine, and after max_connect_errors (100) of them in a row "
          + "refuse it, and with it all sessions: set prewarm to 0, or give the server skip_name_resolve"
      ]
    ),
    // What all pools inherit is said once, where it stands.
    (
      """
      {
        "defaults": { "health": { "interval": "500ms" } },
        "listeners": { "a": { "listen": ":1", "pool": "a" }, "b": { "listen": ":2", "pool": "b" } },
        "pools": { "a": { "backends": ["h:1"] }, "b": { "backends": ["h:1"] } }
      }
      """,
      [
        "balancer.json:2:29: warning: defaults.health.interval: a check may take 1s, longer than the interval of 500ms to the next one"
      ]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": { "web": { "backends": [{ "address": "h:1", "weight": 0 }, { "address": "h:2", "weight": 0 }] } }
      }
      """,
      ["balancer.json:3:23: warning: pools.web.backends: every backend has weight 0: no session will be served"]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": { "web": { "backends": [{ "address": "h:1", "backup": true }] } }
      }
      """,
      ["balancer.json:3:23: warning: pools.web.backends: every backend is a backup: they are used as if none were"]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": { "web": { "backends": [{ "address": "h:1", "name": "a" }, { "address": "h:1", "name": "b" }] } }
      }
      """,
      [#"balancer.json:3:23: warning: pools.web.backends: "a" and "b" have the same address, h:1"#]
    ),
    (
      """
      {
        "listeners": { "web": { "listen": ":8080", "pool": "web" }, "other": { "listen": ":81", "pool": "other" } },
        "pools": {
          "web": { "backends": ["127.0.0.1:8080", "[::1]:8080", "10.0.0.1:8080", "127.0.0.1:81"] },
          "other": { "backends": ["127.0.0.1:8080"] }
        }
      }
      """,
      [
        #"balancer.json:4:14: warning: pools.web.backends: "127.0.0.1:8080" is the listener "web" (:8080) itself: sessions would go round in circles"#,
        #"balancer.json:4:14: warning: pools.web.backends: "[::1]:8080" is the listener "web" (:8080) itself: sessions would go round in circles"#,
      ]
    ),
    // A pool that only a route names is used, and a loop by way of a route is one.
    (
      """
      {
        "listeners": { "web": { "listen": ":1", "routes": [{ "match": { "sni": "a" }, "pool": "web" }] } },
        "pools": { "web": { "backends": ["127.0.0.1:1"] } }
      }
      """,
      [
        #"balancer.json:3:23: warning: pools.web.backends: "127.0.0.1:1" is the listener "web" (:1) itself: sessions would go round in circles"#
      ]
    ),
    (
      """
      {
        "listeners": {
          "web": {
            "listen": ":1",
            "routes": [
              { "match": { "sni": "*.example.com" }, "pool": "web" },
              { "match": { "sni": ["a.example.com", "example.com", "*.b.example.com"] }, "pool": "web" },
              { "match": { "sni": "example.com" }, "pool": "web" }
            ]
          }
        },
        "pools": { "web": { "backends": ["h:1"] } }
      }
      """,
      [
        "balancer.json:5:7: warning: listeners.web.routes: routes[1] never gets a.example.com: routes[0] takes it first",
        "balancer.json:5:7: warning: listeners.web.routes: routes[1] never gets *.b.example.com: routes[0] takes it first",
        "balancer.json:5:7: warning: listeners.web.routes: routes[2] never gets example.com: routes[1] takes it first",
      ]
    ),
    (
      """
      {
        "listeners": {
          "web": {
            "listen": ":1", "pool": "web",
            "trustedProxies": ["10.0.0.0/8"],
            "deny": ["10.0.0.0/8", "2001:db8::/32", "10.1.0.0/16"],
            "allow": ["10.1.0.0/16", "2001:db8:1::/48", "192.0.2.0/24", "192.0.2.1", "::/0", "10.0.0.0/7"]
          }
        },
        "pools": { "web": { "backends": ["h:1"] } }
      }
      """,
      [
        "balancer.json:5:7: warning: listeners.web.trustedProxies: no PROXY header is read: proxyProtocol is off",
        "balancer.json:6:7: warning: listeners.web.deny: another block has all of 10.1.0.0/16 (in 10.0.0.0/8), so that it changes nothing",
        "balancer.json:7:7: warning: listeners.web.allow: deny refuses all of 10.1.0.0/16 (by 10.0.0.0/8) and 1 more, so that it never matches",
        "balancer.json:7:7: warning: listeners.web.allow: another block has all of 192.0.2.1 (in 192.0.2.0/24), so that it changes nothing",
      ]
    ),
    (
      """
      {
        "listeners": {
          "web": {
            "listen": "unix:/a", "pool": "web",
            "allow": ["10.0.0.0/8"], "deny": ["::/0"], "perClient": { "connections": 1 }
          },
          "both": { "listen": ["unix:/b", ":1"], "pool": "web", "perClient": { "connections": 1 } },
          "proxied": { "listen": "unix:/c", "pool": "web", "proxyProtocol": "v2", "deny": ["::/0"] }
        },
        "pools": { "web": { "backends": ["h:1"] } }
      }
      """,
      [
        "balancer.json:5:7: warning: listeners.web.allow: the clients of a unix socket have no address: this holds for none of them",
        "balancer.json:5:32: warning: listeners.web.deny: the clients of a unix socket have no address: this holds for none of them",
        "balancer.json:5:50: warning: listeners.web.perClient: the clients of a unix socket have no address: this holds for none of them",
      ]
    ),
    (
      """
      {
        "defaults": { "health": "off" },
        "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": { "web": { "backends": ["h:1"], "onDown": "close" } }
      }
      """,
      ["balancer.json:4:44: warning: pools.web.onDown: without health checks no backend goes down"]
    ),
  ]

  @Test(arguments: table.indices) func whatIsHardlyMeantIsWarnedOf(index: Int) throws {
    #expect(try warnings(Self.table[index].text) == Self.table[index].warnings)
  }

  // MARK: Routes of an http listener

  /// What is said of routes, without the place, which is always the same.
  private func said(_ routes: [String], http: String = "", tls: String? = nil) throws -> [String] {
    try warnings(
      """
      { "listeners": { "web": { "listen": ":1", "mode": "http", "pool": "p", "http": { \(http) },
        \(tls.map { "\"tls\": { \($0) }," } ?? "")
        "routes": [\(routes.joined(separator: ","))] } },
        "pools": { "p": { "backends": ["h:1"] }, "q": { "backends": ["h:2"] } } }
      """
    ).filter { $0.contains("listeners.web") }.map { $0.components(separatedBy: "listeners.web.").last ?? "" }
  }

  private func route(_ match: String) -> String { #"{ "match": { \#(match) }, "pool": "p" }"# }

  /// Two matches: whether the first leaves the second nothing.
  @Test(arguments: [
    ("", #""host": "a""#, true), ("", "", true), (#""host": "a""#, "", false),
    (#""host": "a""#, #""host": "A", "path": "/x""#, true), (#""host": "*.b""#, #""host": "a.b""#, true),
    (#""host": "*.b""#, #""host": "*.a.b""#, true), (#""host": "*.b""#, #""host": "b""#, false),
    (#""host": ["a", "b"]"#, #""host": ["b", "a"]"#, true), (#""host": "a.b""#, #""host": "*.b""#, false),
    (#""pathPrefix": "/""#, #""path": "/a""#, true), (#""pathPrefix": "/a""#, #""pathPrefix": "/a/b/""#, true),
    (#""pathPrefix": "/a/""#, #""path": "/a""#, true), (#""pathPrefix": "/a""#, #""pathPrefix": "/ab""#, false),
    (#""pathPrefix": "/a/b""#, #""pathPrefix": "/a""#, false), (#""path": "/a""#, #""path": "/a""#, true),
    (#""path": "/a""#, #""pathPrefix": "/a""#, false), (#""path": "/""#, #""path": "/a""#, false),
    (#""pathRegex": "a""#, #""pathRegex": "a", "pathPrefix": "/x""#, true),
    (#""pathRegex": "a", "pathPrefix": "/x""#, #""pathRegex": "a""#, false),
    (#""pathPrefix": "/x""#, #""pathRegex": "^/x/a""#, false),
    (#""pathPrefix": "/x""#, #""pathRegex": "a", "pathPrefix": "/x/y""#, true),
    (#""method": ["GET", "PUT"]"#, #""method": ["PUT"]"#, true),
    (#""method": ["GET"]"#, #""method": ["GET", "PUT"]"#, false),
    (#""method": ["GET"]"#, "", false),
    (#""header": { "X": { "present": true } }"#, #""header": { "x": "1", "Y": "2" }"#, true),
    (#""header": { "X": "1" }"#, #""header": { "X": "2" }"#, false),
    (#""header": { "X": { "present": true } }"#, #""header": { "X": { "present": false } }"#, false),
    (#""query": { "q": "1" }"#, #""query": { "q": "1", "r": "2" }"#, true),
    (#""query": { "q": "1" }"#, #""query": { "Q": "1" }"#, false),
    (#""source": ["10.0.0.0/8"]"#, #""source": ["10.1.0.0/16"]"#, true),
    (#""source": ["10.0.0.0/8"]"#, #""source": ["10.1.0.0/16", "::1"]"#, false),
    (#""source": ["10.1.0.0/16"]"#, #""source": ["10.0.0.0/8"]"#, false),
  ])
  func aRouteThatIsNeverReached(first: String, second: String, isWarned: Bool) throws {
    let expected = "routes: routes[1] never gets anything: routes[0] takes it all first"
    #expect(try said([route(first), route(second)]) == (isWarned ? [expected] : []))
  }

  @Test func aRouteOfWhichAPartIsNeverReached() throws {
    #expect(
      try said([
        route(#""host": "*.a", "pathPrefix": "/x""#), route(#""host": "b""#),
        route(#""host": ["x.a", "b", "c"], "path": "/x/y""#), route(#""host": ["x.a", "b"], "path": "/x""#),
      ]) == [
        "routes: routes[2] never gets x.a: routes[0] takes it first",
        "routes: routes[2] never gets b: routes[1] takes it first",
        "routes: routes[3] never gets x.a: routes[0] takes it first",
        "routes: routes[3] never gets b: routes[1] takes it first",
      ])
  }

  @Test func sharesAndRedirectsThatAreHardlyMeant() throws {
    func redirect(_ match: String, _ to: String) -> String {
      #"{ "match": { \#(match) }, "redirect": { "to": "\#(to)" } }"#
    }
    #expect(
      try said([
        redirect(#""path": "/a""#, "/a?x"), redirect(#""pathPrefix": "/b""#, "/b/new"),
        redirect(#""pathPrefix": "/c""#, "/cc"), redirect(#""path": "/d""#, "/d/{query}"),
        redirect(#""pathPrefix": "/e""#, "/e{path}"), redirect(#""pathPrefix": "/f", "method": ["GET"]"#, "/f/x"),
        redirect(#""path": "/g""#, "https://www.example.com/g"), redirect(#""host": "h""#, "/login"),
        #"{ "match": { "path": "/i" }, "pool": [{ "pool": "p", "weight": 1 }, { "pool": "q", "weight": 0 }] }"#,
      ]) == [
        "routes: routes[0] takes what it redirects to (/a?x): clients would go round in circles",
        "routes: routes[1] takes what it redirects to (/b/new): clients would go round in circles",
        "routes: routes[4] takes what it redirects to (/e{path}): clients would go round in circles",
        "routes: routes[7] takes what it redirects to (/login): clients would go round in circles",
        "routes: routes[8] gives nothing to the pool \"q\", whose weight is 0",
      ])
    #expect(
      try said([route("")], http: #""redirectHTTPS": true"#) == [
        "pool: never looked at: http.redirectHTTPS sends everybody to https",
        "routes: never looked at: http.redirectHTTPS sends everybody to https",
      ])
  }

  @Test func whatTLSChanges() throws {
    #expect(
      try said([route(#""sni": "*.a""#)]) == [
        "routes: routes[0] never gets anything: without \"tls\" no client says the server name that it wants"
      ])
    #expect(
      try said([route(#""sni": "*.a""#), route(#""sni": "c.b""#), route(#""sni": "b.a""#)], tls: #""folder": "tls""#)
        == [
          "routes: routes[2] never gets anything: routes[0] takes it all first"
        ])
    #expect(
      try said([route("")], http: #""redirectHTTPS": true"#, tls: #""folder": "tls""#) == [
        "http.redirectHTTPS: nobody comes without TLS: it redirects nobody"
      ])
  }

  /// The check is no matter of the square of the routes.
  @Test func tenThousandRoutesAreLookedAt() throws {
    let routes = (0..<10_000).map { route(#""host": "h\#($0).example.com", "pathPrefix": "/p\#($0)/x""#) }
    #expect(
      try said(routes + [route(#""host": "h9.example.com", "path": "/p9/x/y""#)]) == [
        "routes: routes[10000] never gets anything: routes[9] takes it all first"
      ])
  }

  // MARK: Open files

  @Test func connectionsFollowFromTheOpenFiles() throws {
    // 2 workers with 3 addresses each, 4 backends.
    let configuration = try read(
      """
      {
        "listeners": { "a": { "listen": [":1", ":2"], "pool": "p" }, "b": { "listen": ":3", "pool": "p" } },
        "pools": { "p": { "backends": ["h:1", "h:2", "h:3"] }, "q": { "backends": ["h:1"] } }
      }
      """)
    let reserve = DescriptorBudget.reserve(for: configuration, workers: 2)
    #expect(
      reserve == DescriptorBudget.process + 2 * (DescriptorBudget.perWorker + 3 * DescriptorBudget.perListenAddress)
        + 4 * DescriptorBudget.perCheck + DescriptorBudget.admin)
    #expect((1...200).contains(reserve))
    for (descriptors, connections) in [
      (0, 0), (reserve - 1, 0), (reserve, 0), (reserve + 1, 0), (reserve + 2, 1), (reserve + 3, 1),
      (reserve + 2000, 1000),
      (Int.max, (Int.max - reserve) / 2),
    ] {
      #expect(
        DescriptorBudget.connectionsCarried(byDescriptors: descriptors, for: configuration, workers: 2) == connections)
    }
    #expect(
      DescriptorBudget.descriptorsNeeded(forConnections: 1000, for: configuration, workers: 2) == reserve + 2000)

    #expect(configuration.connectionLimit(workers: 2, descriptors: reserve + 2000) == 1000)
    #expect(configuration.connectionLimit(workers: 2, descriptors: 0) == 1)
    var quiet = configuration
    quiet.admin = nil
    #expect(DescriptorBudget.reserve(for: quiet, workers: 2) == reserve - DescriptorBudget.admin)
    var limited = configuration
    // A number in the file holds, carried or not.
    for connections in [100, 1000, 100_000] {
      limited.limits.connections = connections
      #expect(limited.connectionLimit(workers: 2, descriptors: reserve + 2000) == connections)
    }
  }

  @Test func spareConnectionsTakeOpenFiles() throws {
    func reserve(_ prewarm: Int) throws -> Int {
      let configuration = try read(
        """
        {
          "listeners": { "a": { "listen": ":1", "pool": "p" } },
          "pools": { "p": { "backends": ["h:1", "h:2", "h:3"], "prewarm": \(prewarm) } }
        }
        """)
      return DescriptorBudget.reserve(for: configuration, workers: 4)
    }
    #expect(try reserve(10) - reserve(0) == 3 * 4 * 10)
  }

  @Test func tooFewOpenFilesForAnythingAreWarnedOf() throws {
    let text = #"{ "listeners": { "a": { "listen": ":1", "pool": "p" } }, "pools": { "p": { "backends": ["h:1"] } } }"#
    let needed = Self.reserve + 2
    #expect(
      try warnings(text, descriptors: Self.reserve + 1) == [
        "balancer.json:1:1: warning: limits.connections: 1 need \(needed) open files, but this process may have "
          + "\(needed - 1), which carry 0: raise that limit (ulimit -n, LimitNOFILE= of systemd)"
      ])
    #expect(try warnings(text, descriptors: needed) == [])
  }
}
