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
        "balancer.json:2:15: warning: limits.connections: 50000 need 100035 open files, but this process may have 65536, "
          + "which carry 32750: raise that limit (ulimit -n, LimitNOFILE= of systemd)",
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
        "balancer.json:2:58: warning: listeners.web.connections: 60000 need 120035 open files, but this process may have "
          + "65536, which carry 32750: raise that limit (ulimit -n, LimitNOFILE= of systemd)"
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
    (
      """
      {
        "listeners": {
          "all": { "listen": [":8080", "0.0.0.0:81"], "pool": "web" },
          "local": { "listen": ["127.0.0.1:8080", "[::1]:81", "127.0.0.1:81"], "pool": "web" },
          "IPv4": { "listen": "0.0.0.0:8080", "pool": "web" }
        },
        "pools": { "web": { "backends": ["h:1"] } }
      }
      """,
      [
        #"balancer.json:4:16: warning: listeners.local.listen: 127.0.0.1:8080 takes its connections away from :8080 of the listener "all""#,
        #"balancer.json:4:16: warning: listeners.local.listen: 127.0.0.1:81 takes its connections away from 0.0.0.0:81 of the listener "all""#,
        #"balancer.json:5:15: warning: listeners.IPv4.listen: 0.0.0.0:8080 takes its connections away from :8080 of the listener "all""#,
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
    #expect(reserve == 24 + 2 * (4 + 3) + 4)
    for (descriptors, connections) in [
      (0, 0), (reserve, 0), (reserve + 1, 0), (reserve + 2, 1), (1024, 491), (reserve + 2000, 1000),
      (Int.max, 4611686018427387882),
    ] {
      #expect(
        DescriptorBudget.connectionsCarried(byDescriptors: descriptors, for: configuration, workers: 2) == connections)
    }
    #expect(
      DescriptorBudget.descriptorsNeeded(forConnections: 1000, for: configuration, workers: 2) == reserve + 2000)

    #expect(configuration.connectionLimit(workers: 2, descriptors: 1024) == 491)
    #expect(configuration.connectionLimit(workers: 2, descriptors: 0) == 1)
    var limited = configuration
    limited.limits.connections = 100
    #expect(limited.connectionLimit(workers: 2, descriptors: 1024) == 100)
    limited.limits.connections = 1000
    // What the file says holds; that it cannot be carried is a warning.
    #expect(limited.connectionLimit(workers: 2, descriptors: 1024) == 1000)
  }

  @Test func tooFewOpenFilesForAnythingAreWarnedOf() throws {
    let text = #"{ "listeners": { "a": { "listen": ":1", "pool": "p" } }, "pools": { "p": { "backends": ["h:1"] } } }"#
    #expect(
      try warnings(text, workers: 64, descriptors: 300) == [
        "balancer.json:1:1: warning: limits.connections: 1 need 347 open files, but this process may have 300, which "
          + "carry 0: raise that limit (ulimit -n, LimitNOFILE= of systemd)"
      ])
  }
}
