import Foundation
import Testing

extension EndToEnd {
  /// What an operator types, and what comes back.
  @Suite struct CommandLine {
    let site: Site

    init() throws { site = try Site() }

    private func check(_ text: String, environment: [String: String] = [:]) throws -> (
      exit: ChildProcess.Exit, output: String, errors: String
    ) {
      let run = try ChildProcess.run(
        BalancerProcess.command(text, in: site.folder, "check"), environment: environment)
      // As the file's name was given, which no test can know.
      return (run.exit, run.output, run.errors.replacingOccurrences(of: site.folder.path + "/", with: ""))
    }

    // MARK: simulate

    /// What is published is what the program writes. A debug build would take minutes.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["BALANCER_BINARY"] != nil))
    func simulateWritesTheDocument() throws {
      let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs")
      let run = try ChildProcess.run(
        [BalancerProcess.binary, "simulate", "--write", site.folder.path], within: .seconds(120))
      #expect(run.exit == .status(0), "\(run.errors)")
      for name in ["schedulers.md", "schedulers.svg"] {
        let written = try Data(contentsOf: site.folder.appendingPathComponent(name))
        #expect(
          try written == Data(contentsOf: docs.appendingPathComponent(name)),
          "docs/\(name) is not what balancer simulate --write docs makes of it")
      }
    }

    // MARK: check

    @Test func checkSumsUpAGoodFile() throws {
      let run = try check(
        """
        {
          // A comment, ${ENVIRONMENT} and a trailing comma.
          "listeners": { "web": { "listen": [":8080", "unix:web.sock"], "pool": "servers" } },
          "pools": { "servers": { "backends": ["${HOST:-127.0.0.1}:9001", "127.0.0.1:${PORT}"] } },
        }
        """, environment: ["PORT": "9002"])
      #expect(run.exit == .status(0), "\(run.errors)")
      for part in ["web", "8080", "servers", "127.0.0.1:9001", "127.0.0.1:9002"] {
        #expect(run.output.contains(part), "\(part) is not in: \(run.output)")
      }
      // The worst time to notice a dead backend: 3 × 2 s + 1 s.
      #expect(run.output.contains("7s") || run.output.contains("7 s"), "\(run.output)")
    }

    @Test func checkWarns() throws {
      let run = try check(
        """
        {
          "limits": { "connections": 50000000 },
          "listeners": { "web": { "listen": ":8080", "pool": "web" } },
          "pools": { "web": { "backends": ["127.0.0.1:9001"], "health": { "interval": "1s", "timeout": "5s" } } }
        }
        """)
      #expect(run.exit == .status(0))
      let all = run.output + run.errors
      #expect(all.contains("warning"))
      #expect(all.contains("50000000"))
      #expect(all.contains("timeout") && all.contains("interval"))
    }

    /// Files with one mistake, which stands behind the ▸, and what must be said about it.
    static let badFiles: [(mistake: String, text: String, parts: [String])] = [
      ("empty file", "▸", []),
      ("not JSON", "▸hello", []),
      ("no object", "▸[]", ["object"]),
      ("not closed", #"{ "listeners": { "web": {▸"#, []),
      ("comma missing", #"{ "workers": 1 ▸"log": {} }"#, []),
      ("text behind the end", good() + " ▸x", []),
      ("string not closed", "{ \"workers\": ▸\"1\n }", []),
      ("comment not closed", good() + " ▸/* never ends", []),
      ("bad escape", #"{ "workers": "▸\q" }"#, []),
      ("leading zero", #"{ "workers": ▸01 }"#, []),
      ("unknown key", good(#"▸"worker": 2"#), [#"unknown key "worker" (did you mean "workers"?)"#]),
      ("key not built yet", good(pool: #"▸"discover": {}"#), [#"pools.web: unknown key "discover""#]),
      ("key twice", good(#""workers": 1, ▸"workers": 2"#), ["workers: ", "twice"]),
      ("wrong type", good(#""workers": ▸true"#), ["workers: "]),
      ("number too large", good(#""workers": ▸1025"#), ["workers: ", "1…1024 expected"]),
      ("number too small", good(#""workers": ▸0"#), ["workers: ", "1…1024 expected"]),
      ("no whole number", good(#""workers": ▸1.5"#), ["workers: "]),
      ("duration without unit", good(#""shutdown": { "drain": ▸30 }"#), ["shutdown.drain: ", "30s"]),
      ("unknown unit", good(#""shutdown": { "drain": ▸"30 parsecs" }"#), ["shutdown.drain: "]),
      (
        "duration that may not be off", good(pool: #""timeouts": { "connect": ▸"0s" }"#),
        ["pools.web.timeouts.connect: "]
      ),
      (
        "misspelt word", good(pool: #""scheduler": ▸"round-robbin""#),
        ["pools.web.scheduler: ", #"did you mean "round-robin"?"#]
      ),
      ("misspelt level", good(#""log": { "level": ▸"wraning" }"#), ["log.level: ", #"did you mean "warning"?"#]),
      ("dangling pool", good(listener: #""pool": ▸"wep""#), ["listeners.web.pool: ", #"did you mean "web"?"#]),
      (
        "listener without pool",
        #"{ "listeners": { "web": ▸{ "listen": ":1" } }, "pools": { "web": { "backends": ["127.0.0.1:2"] } } }"#,
        ["listeners.web: ", #""pool" is missing"#]
      ),
      ("no listeners", #"▸{ "pools": { "web": { "backends": ["127.0.0.1:1"] } } }"#, [#""listeners" is missing"#]),
      (
        "empty listeners", #"{ "listeners": ▸{}, "pools": { "web": { "backends": ["127.0.0.1:1"] } } }"#,
        ["listeners: at least one"]
      ),
      (
        "bad name",
        #"{ "listeners": { ▸"my web": { "listen": ":1", "pool": "web" } }, "pools": { "web": { "backends": ["127.0.0.1:1"] } } }"#,
        ["my web"]
      ),
      ("no backends", good(backends: "▸[]"), ["pools.web.backends: at least one"]),
      ("address without port", good(backends: #"[▸"127.0.0.1"]"#), ["pools.web.backends[0]: ", "port"]),
      ("port out of range", good(backends: #"[▸"127.0.0.1:70000"]"#), ["pools.web.backends[0]: ", "65535"]),
      ("bare IPv6", good(backends: #"[▸"::1:8080"]"#), ["pools.web.backends[0]: ", "[::1]:8080"]),
      ("bad IPv4", good(backends: #"[▸"300.1.1.1:80"]"#), ["pools.web.backends[0]: "]),
      ("backend on all addresses", good(backends: #"[▸":80"]"#), ["pools.web.backends[0]: "]),
      (
        "unix path too long", good(backends: "[▸\"unix:/\(String(repeating: "x", count: 120))\"]"),
        ["pools.web.backends[0]: ", "107"]
      ),
      ("backend twice", good(backends: #"["127.0.0.1:1", ▸"127.0.0.1:1"]"#), ["pools.web.backends[1]: "]),
      (
        "weight out of range", good(backends: #"[{ "address": "127.0.0.1:1", "weight": ▸700 }]"#),
        ["pools.web.backends[0].weight: 0…256 expected, found 700"]
      ),
      (
        "misspelt backend key", good(backends: #"[{ "address": "127.0.0.1:1", ▸"wieght": 7 }]"#),
        [#"unknown key "wieght" (did you mean "weight"?)"#]
      ),
      (
        "listen twice",
        #"{ "listeners": { "a": { "listen": ":1", "pool": "web" }, "b": { "listen": ▸":1", "pool": "web" } }, "pools": { "web": { "backends": ["127.0.0.1:1"] } } }"#,
        ["listeners.b.listen: "]
      ),
      ("variable not set", good(backends: #"[▸"${BALANCER_TEST_NOT_SET}:80"]"#), ["BALANCER_TEST_NOT_SET"]),
      ("variable not closed", good(backends: #"[▸"${HOME:80"]"#), ["pools.web.backends[0]: "]),
      ("unknown mode", good(listener: #""pool": "web", "mode": ▸"udp""#), ["listeners.web.mode: "]),
      ("too many retries", good(pool: #""retries": ▸11"#), ["pools.web.retries: 0…10"]),
      ("null", good(#""log": ▸null"#), ["log: ", "null"]),
    ]

    /// A good file with one thing changed.
    private static func good(
      _ top: String = "", listener: String = #""pool": "web""#, pool: String = "",
      backends: String = #"["127.0.0.1:1"]"#
    ) -> String {
      """
      {
        "listeners": { "web": { "listen": ":8080", \(listener) } },
        "pools": { "web": { "backends": \(backends), \(pool) } },
        \(top)
      }
      """
    }

    @Test(arguments: badFiles.indices) func checkRefusesABadFile(index: Int) throws {
      let (mistake, marked, parts) = Self.badFiles[index]
      let before = marked.prefix { $0 != "▸" }
      let line = before.count { $0 == "\n" } + 1
      let column = before.reversed().prefix { $0 != "\n" }.count + 1
      let run = try check(marked.replacingOccurrences(of: "▸", with: ""))
      #expect(run.exit == .status(78), "\(mistake)")
      let errors = run.errors.split(separator: "\n")
      let wanted = errors.first { $0.hasPrefix("balancer.json:\(line):\(column): ") }
      #expect(wanted != nil, "\(mistake): nothing for \(line):\(column) in: \(run.errors)")
      for part in parts { #expect(wanted?.contains(part) == true, "\(mistake): \(part) is not in: \(run.errors)") }
      #expect(errors.count == 1, "\(mistake): \(run.errors)")
    }

    @Test func allMistakesAreToldInOneGo() throws {
      let run = try check(
        """
        {
          "workers": 0,
          "log": { "level": "loud", "format": "xml", "file": 7 },
          "shutdown": { "drain": 30 },
          "limits": { "connections": -1, "conections": 5 },
          "defaults": { "retries": 99, "scheduler": "fastest" },
          "listeners": {
            "a": { "listen": "8080", "pool": "web" },
            "b": { "listen": [":1", ":1"], "pool": "wep", "backlog": 0, "connections": "many" },
            "c": { "pool": "web", "timeouts": { "client": "soon" } }
          },
          "pools": {
            "web": {
              "backends": [
                "127.0.0.1", "::1:80", { "weight": 1 }, { "address": "127.0.0.1:1", "weight": 700, "backup": "yes" }
              ],
              "health": { "type": "ping", "interval": "0s", "fall": 0, "initial": "maybe" },
              "onDown": "explode",
              "retry": 3
            }
          }
        }
        """)
      #expect(run.exit == .status(78))
      let errors = run.errors.split(separator: "\n").filter { $0.hasPrefix("balancer.json:") }
      #expect(errors.count >= 25, "\(run.errors)")
      let places = errors.map { $0.split(separator: ":")[1...2].map { Int($0)! } }
      #expect(places.sorted { $0.lexicographicallyPrecedes($1) } == places, "not in the order of the file")
    }

    @Test func aFileThatCannotBeReadIsAnError() throws {
      let missing = try ChildProcess.run([BalancerProcess.binary, "check", "--config", "/nonexistent/balancer.json"])
      #expect(missing.exit == .status(78))
      #expect(missing.errors.contains("/nonexistent/balancer.json"))
      let folder = try ChildProcess.run([BalancerProcess.binary, "check", "--config", "/"])
      #expect(folder.exit == .status(78))
      let invalid = site.folder.appendingPathComponent("invalid.json")
      try Data([0x7B, 0xFF, 0xFE, 0x7D]).write(to: invalid)
      #expect(try ChildProcess.run([BalancerProcess.binary, "check", "--config", invalid.path]).exit == .status(78))
    }

    @Test func runRefusesABadFileAlike() throws {
      let run = try ChildProcess.run(
        BalancerProcess.command(Self.good(#""worker": 2"#), in: site.folder))
      #expect(run.exit == .status(78))
      #expect(run.errors.contains(#"balancer.json:4:3: unknown key "worker" (did you mean "workers"?)"#))
    }

    // MARK: The rest

    /// The folder of Package.swift.
    private let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func schemaPrintsTheFileOfTheTree() throws {
      let run = try ChildProcess.run([BalancerProcess.binary, "schema"])
      #expect(run.exit == .status(0))
      let file = try String(contentsOf: root.appendingPathComponent("balancer.schema.json"), encoding: .utf8)
      #expect(run.output.trimmingCharacters(in: .newlines) == file.trimmingCharacters(in: .newlines))
      // A reader of schemas that is not ours takes it, and finds the example right by it.
      try file.write(to: site.folder.appendingPathComponent("schema.json"), atomically: true, encoding: .utf8)
      let validation = try ChildProcess.run(
        [
          "/usr/bin/python3", "-c",
          """
          import json, jsonschema, sys
          schema = json.load(open("schema.json"))
          validator = jsonschema.validators.validator_for(schema)
          validator.check_schema(schema)
          good = {"listeners": {"web": {"listen": ":80", "pool": "web"}}, "pools": {"web": {"backends": ["127.0.0.1:1"]}}}
          assert validator(schema).is_valid(good)
          good["worker"] = 2
          assert not validator(schema).is_valid(good)
          """,
        ], folder: site.folder.path)
      #expect(validation.exit == .status(0), "\(validation.errors)")
    }

    @Test func theTopLevelFileIsGood() throws {
      let run = try ChildProcess.run(
        [BalancerProcess.binary, "check", "--config", root.appendingPathComponent("balancer.json").path])
      #expect(run.exit == .status(0), "\(run.errors)")
    }

    @Test func theExamplesOfTheReadMeAreGood() throws {
      let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
      let examples = text.matches(of: /```jsonc?\n((?s).*?)```/).map { String($0.1) }
      #expect(examples.count >= 2)
      for example in examples {
        let run = try check(example)
        #expect(run.exit == .status(0), "\(run.errors)")
      }
    }

    @Test func versionIsANumber() throws {
      let run = try ChildProcess.run([BalancerProcess.binary, "--version"])
      #expect(run.exit == .status(0))
      #expect(run.output.contains(/[0-9]+\.[0-9]+\.[0-9]+/))
    }

    @Test func helpHasExamples() throws {
      let run = try ChildProcess.run([BalancerProcess.binary, "--help"])
      #expect(run.exit == .status(0))
      for part in ["run", "check", "schema", "demo", "balancer run --config balancer.json"] {
        #expect(run.output.contains(part), "\(part) is not in: \(run.output)")
      }
      for command in ["run", "check", "schema", "demo"] {
        #expect(try ChildProcess.run([BalancerProcess.binary, command, "--help"]).exit == .status(0))
      }
    }

    @Test func aMisspeltCommandIsAnError() throws {
      let run = try ChildProcess.run([BalancerProcess.binary, "rnu"])
      #expect(run.exit == .status(64))
      #expect(!run.errors.isEmpty)
    }

    // MARK: demo

    @Test func theDemonstrationSurvivesTheEndOfABackend() throws {
      // In a network of its own, where that may be made: its ports are fixed, and someone may be trying it just now.
      let isolated = try ChildProcess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"]).exit == .status(0)
      let command =
        isolated
        ? ["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh", BalancerProcess.binary, "demo"]
        : [BalancerProcess.binary, "demo"]
      let demo = try ChildProcess(command, folder: root.path)
      func curl() throws -> (exit: ChildProcess.Exit, output: String, errors: String) {
        let enter = isolated ? ["nsenter", "--net=/proc/\(demo.pid)/ns/net"] : []
        return try ChildProcess.run(
          enter + ["curl", "--silent", "--show-error", "--max-time", "5", "http://127.0.0.1:8080/"])
      }
      defer { withExtendedLifetime(demo) {} }
      for port in 9001...9003 { try demo.errors.waitForLine(containing: "web/127.0.0.1:\(port) UP") }
      try demo.output.waitForLine(containing: "curl")
      let answers = try (0..<6).map { _ in try curl() }
      #expect(answers.allSatisfy { $0.exit == .status(0) && !$0.output.isEmpty }, "\(answers)")
      #expect(Set(answers.map(\.output)).count == 3, "three backends answer: \(answers)")

      let children = try ProcessFigures(pid: demo.pid).children
      #expect(children.count == 3)
      _ = kill(children[0], SIGKILL)
      for _ in 0..<20 { #expect(try curl().exit == .status(0)) }
      try demo.errors.waitForLine(containing: "DOWN", "ECONNREFUSED")
      #expect(try curl().exit == .status(0))

      demo.signal(SIGINT)
      #expect(try demo.waitForExit() == .status(0))
      // It takes its children with it.
      for child in children { try waitUntil("\(child) has ended") { kill(child, 0) != 0 } }
    }

    /// There is one reader of HTTP in this program, and the backends of the demo have no other.
    @Test func aBackendOfTheDemoReadsAsStrictlyAsAll() throws {
      let port = try FreePort.take()
      let backend = try ChildProcess([BalancerProcess.binary, "demo-backend", "--port", "\(port)"], folder: root.path)
      defer { withExtendedLifetime(backend) {} }
      var connected: Wire?
      try waitUntil("it listens") {
        connected = try? Wire(connectingTo: .ipv4(port))
        return connected != nil
      }
      let client = try #require(connected)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: Text/HTML\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.response().text.contains("<h1>"))
      #expect(try client.response(to: "HEAD").status == 200)
      try client.send("GET / HTTP/1.1\nHost: a\n\n")
      #expect(try client.response().status == 400)
      try client.expectEnd()
    }
  }
}
