import Base
import Configuration
import Foundation
import Testing

/// The schema says what the program does, both ways.
@Suite struct JSONSchemaTests {
  /// Bad files whose mistake no schema can see: it would have to compare, to look something up, or to know the folder.
  static let seenOnlyByTheProgram: Set = [
    "admin-name-without-token", "admin-same-listen", "admin-two-tokens", "admin-without-token",
    "address-unix-too-long-in-folder", "cidr-host-bits", "dangling-pool", "dangling-pool-case",
    "dangling-pool-far-from-any", "dangling-pool-route", "duplicate-key", "duplicate-label", "duplicate-pool",
    "environment-not-set", "environment-wrong-value",
    "listen-range-order", "same-backend-address", "same-backend-name", "same-listen-address", "same-listen-all-and-one",
    "same-listen-range", "same-listen-address-in-one",
    "hash-uri", "hash-header", "hash-cookie", "http-keys-in-tcp", "http-without-pool", "http-pool-keys-in-tcp",
    "http-hash-inherited-by-tcp", "http-client-timeout-off", "tcp-pool-keys-in-http", "http-over-tls",
    "route-match-compared",
    "route-respond-compared",
    "route-rewrite-compared", "route-mirror-compared", "route-split-compared", "sticky-keys", "health-http-compared",
    "health-key-of-another-type", "health-script-missing", "health-script-without-program",
    "same-listen-address-written-otherwise", "same-listen-socket", "tls-listener", "tls-together",
  ]

  struct Case: CustomStringConvertible {
    let name: String
    let document: JSONValue
    let isAccepted: Bool
    var description: String { name }
  }

  /// Every example that is JSON at all.
  static let cases: [Case] =
    Example.good.map { Case(name: $0.name, document: try! JSONParser.parse($0.bytes), isAccepted: true) }
    + Example.bad.compactMap { example in
      guard let document = try? JSONParser.parse(example.bytes) else { return nil }
      return Case(name: example.name, document: document, isAccepted: seenOnlyByTheProgram.contains(example.name))
    } + [Case(name: "the project's own", document: try! JSONParser.parse(ownFile), isAccepted: true)]

  static let ownFile = Array(try! Data(contentsOf: Example.root.appending(path: "balancer.json")))

  @Test func theFileAtTheTopIsTheSchema() throws {
    let file = try String(contentsOf: Example.root.appending(path: "balancer.schema.json"), encoding: .utf8)
    #expect(JSONSchema.text == file, "run: swift run balancer schema > balancer.schema.json")
    #expect(JSONSchema.text == JSONSchema.text)
  }

  @Test func theExamplesFareAlike() throws {
    #expect(Self.cases.count > 80)
    let validator = try SchemaValidator(JSONSchema.document)
    for example in Self.cases {
      #expect(try validator.accepts(example.document) == example.isAccepted, "\(example)")
    }
  }

  /// The same with a validator that others wrote: Debian's python3-jsonschema.
  @Test func theExamplesFareAlikeInAnotherValidator() throws {
    let script = """
      import json, sys
      from jsonschema import Draft202012Validator
      given = json.load(sys.stdin)
      Draft202012Validator.check_schema(given["schema"])
      validator = Draft202012Validator(given["schema"])
      print(json.dumps([validator.is_valid(document) for document in given["documents"]]))
      """
    let input = JSONValue.object([
      ("schema", JSONSchema.document), ("documents", .array(Self.cases.map(\.document))),
    ]).text

    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-c", script]
    // From a file: a pipe to a program that ends at once, because a module is missing, would end the tests with SIGPIPE.
    let file = FileManager.default.temporaryDirectory.appending(path: "balancer-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(input.utf8).write(to: file)
    let (stdout, stderr) = (Pipe(), Pipe())
    process.standardInput = try FileHandle(forReadingFrom: file)
    process.standardOutput = stdout
    process.standardError = stderr
    try process.run()
    let output = stdout.fileHandleForReading.readDataToEndOfFile()
    let complaint = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(
      process.terminationStatus == 0, "python3-jsonschema is missing or failed (apt-get install it): \(complaint)")

    let verdicts = try #require(try JSONParser.parse(Array(output)).elements)
    #expect(verdicts.count == Self.cases.count)
    for (example, verdict) in zip(Self.cases, verdicts) {
      #expect(verdict.text == "\(example.isAccepted)", "\(example)")
    }
  }

  /// Every default that the schema names is one that the schema takes.
  @Test func defaultsAreValid() throws {
    let validator = try SchemaValidator(JSONSchema.document)
    var defaults = 0
    func visit(_ node: JSONValue) throws {
      guard let members = node.members else {
        for element in node.elements ?? [] { try visit(element) }
        return
      }
      if let value = node["default"], node["description"] != nil {
        let schema = node.adding("$defs", validator.schema["$defs"])
        #expect(try SchemaValidator(schema).accepts(value), "\(node.text)")
        defaults += 1
      }
      for member in members { try visit(member.value) }
    }
    try visit(validator.schema)
    #expect(defaults >= 20)
  }

  /// Every key is explained.
  @Test func keysHaveDescriptions() {
    func visit(_ node: JSONValue) {
      for key in node["properties"]?.members ?? [] {
        #expect(key.value["description"]?.string?.isEmpty == false, "\(key.key)")
      }
      for member in node.members ?? [] { visit(member.value) }
      for element in node.elements ?? [] { visit(element) }
    }
    visit(JSONSchema.document)
  }

  // MARK: Patterns

  @Test func theAddressPatternsTakeWhatTheProgramTakes() throws {
    let defs = try #require(JSONSchema.document["$defs"])
    func validator(_ name: String) throws -> SchemaValidator {
      try SchemaValidator(try #require(defs[name]).adding("$defs", defs))
    }
    let (listen, backend) = try (validator("listenAddress"), validator("backendAddress"))
    func agree(_ text: String) throws {
      let endpoint = try? Endpoint(parsing: text)
      var isListenAddress = true
      do { _ = try Endpoint.parsing(range: text) } catch {
        // How far two ports are apart no pattern tells.
        isListenAddress = error.description.hasPrefix("is no range") || error.description.hasPrefix("is a range")
      }
      #expect(try listen.accepts(.string(text)) == isListenAddress, "\(text)")
      var hasHost = endpoint != nil
      if case .any = endpoint { hasHost = false }
      #expect(try backend.accepts(.string(text)) == hasHost, "\(text)")
    }
    for text in [
      "", ":", ":0", ":1", ":00080", ":65535", ":65536", ":99999", ":655350", ":+1", "a:1", "a.:1", ".:1", "a..b:1",
      "1.2.3:1", "1.2.3.4:1", "1.2.3.4.:1", "1.2.3.4.5:1", "01.2.3.4:1", "256.1.1.1:1", "1a:1", "a1:1", "a.1:1",
      "a.1b:1",
      "-a:1", "a-:1", "a-b:1", "_a:1", "a_:1", "é:1", "a b:1", "[::]:1", "[]:1", "[:]:1", "[:::]:1", "[::1:1", "::1:1",
      "[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7]:1", "[1::8]:1", "[1:2:3:4:5:6:7::]:1", "[::2:3:4:5:6:7:8]:1",
      "[1::3:4:5:6:7:8]:1", "[1:2:3:4::5:6:7:8]:1", "[::1.2.3.4]:1", "[::ffff:1.2.3.4]:1", "[1:2:3:4:5:6:1.2.3.4]:1",
      "[1:2:3:4:5:6:7:1.2.3.4]:1", "[1:2:3:4:5::1.2.3.4]:1", "[1.2.3.4]:1", "[1.2.3.4::]:1", "[1::1.2.3.4:5]:1",
      "[12345::]:1", "[g::]:1", "unix:", "unix:a", ":1-2", ":2-1", ":1-1025", "a-1:1-2", ":1-", ":-1", ":1-65536",
      "unix:1-2", "[::1]:1-02",
      "unix:/" + String(repeating: "x", count: 106), "unix:/" + String(repeating: "x", count: 107), "unix:a\0",
      String(repeating: "a", count: 63) + ":1", String(repeating: "a", count: 64) + ":1",
      String(repeating: "a.", count: 126) + "a:1", String(repeating: "a.", count: 127) + ":1", "UNIX:/a",
    ] { try agree(text) }

    let seed: UInt64 = 0xADD2E55
    var random = SeededGenerator(seed: seed)
    let parts = [
      "a", "1", "12", "255", "256", ".", ":", "::", "[", "]", "f0", "-", "_", "80", ":80", "]:80", "1.2.3.4",
    ]
    for _ in 0..<4000 {
      let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
      try agree(text)
    }
  }

  /// A definition of the schema, alone.
  private static func validator(_ name: String) throws -> SchemaValidator {
    let defs = try #require(JSONSchema.document["$defs"])
    return try SchemaValidator(try #require(defs[name]).adding("$defs", defs))
  }

  /// Texts put together from parts, the same ones for the same seed.
  private static func texts(_ count: Int, of parts: [String], seed: UInt64) -> [String] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      (0..<Int.random(in: 1...8, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
    }
  }

  @Test func theBlockPatternTakesWhatTheProgramTakes() throws {
    let validator = try Self.validator("cidr")
    let given = [
      "", "/", "10.0.0.0/8", "10.0.0.0/08", "10.0.0.0/32", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0", "::/0", "::/128",
      "::/129", "::/099", "::1", "[::1]", "2001:db8::/32", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/8", "10.1.0.0/8",
      "10.0.0.0/8/8", "10.0.0.0/-1", "a/8", "1.2.3/8", "::/1234",
    ]
    let parts = ["10.0.0.0", "0", "1", "8", "29", "128", "/", ":", "::", "ffff", ".", "1.2.3.4", "/3", "/12"]
    for text in given + Self.texts(4000, of: parts, seed: 0xC1D2) {
      var isAccepted = true
      do { _ = try CIDR(parsing: text) } catch {
        // What lies behind the prefix no pattern tells.
        isAccepted = error.description.hasPrefix("has bits set behind its prefix")
      }
      #expect(try validator.accepts(.string(text)) == isAccepted, "\(text)")
    }
  }

  @Test func theRatePatternTakesWhatTheProgramTakes() throws {
    let validator = try Self.validator("rate")
    let given = [
      "1/s", "1000000000/h", "1000000001/s", "9999999999/s", "0/s", "000/s", "0001/m", "1", "1/d", "1/s/s", "",
    ]
    for text in given + Self.texts(4000, of: ["0", "1", "9", "1000000000", "/", "s", "m", "h", "-", " "], seed: 0x5A7E)
    {
      #expect(try validator.accepts(.string(text)) == ((try? Rate(parsing: text)) != nil), "\(text)")
    }
  }

  @Test func theServerNamePatternTakesWhatTheProgramTakes() throws {
    let validator = try Self.validator("serverName")
    let long = String(repeating: "a.", count: 126) + "a"
    let given = [
      "", "*", "*.", "*.a", "a", "a.", ".a", "a..b", "a.*", "**.a", "*.*.a", "1.2.3.4", "*.1.2.3.4", "1.2.3",
      "256.1.1.1",
      "01.2.3.4", "1.2.3.4.5", "a:1", "é", long, long + "a", "*." + long, "*." + long + "a",
      String(repeating: "a", count: 63), String(repeating: "a", count: 64), "-a-", "_", "A.b", "::1",
    ]
    for text in given + Self.texts(4000, of: ["a", "1", "25", ".", "*", "*.", "-", "_", "1.2.3", ":"], seed: 0x541) {
      #expect(try validator.accepts(.string(text)) == ((try? SNIPattern(parsing: text)) != nil), "\(text)")
    }
  }

  @Test func theHostPatternTakesWhatTheProgramTakes() throws {
    let validator = try Self.validator("hostPattern")
    let given = [
      "", "*", "*.a", "a", "a.", "1.2.3.4", "*.1.2.3.4", "[::1]", "[::]", "::1", "[1.2.3.4]", "[::ffff:1.2.3.4]", "[]",
      "[::1]:80", "a:80", "é", "_a-", "*.[::1]", "1.2.3.4.5",
    ]
    for text in given + Self.texts(4000, of: ["a", "1", ".", "*.", "-", "1.2.3.4", ":", "[", "]", "::"], seed: 0x4057) {
      #expect(try validator.accepts(.string(text)) == ((try? HostPattern(parsing: text)) != nil), "\(text)")
    }
  }

  /// What only the normal form of a path tells is left to the program.
  @Test func thePathPatternTakesWhatTheProgramTakes() throws {
    let validator = try Self.validator("path")
    let given = [
      "", "/", "a", "/a/", "/..", "/.", "/...", "/a..b", "/a/./b", "/%41", "/%4", "/%", "/ü", "/a?b", "/#", "/ ",
    ]
    for text in given + Self.texts(4000, of: ["/", "a", ".", "..", "%", "4", "F", "?", " ", "ü", "~"], seed: 0x9A7) {
      let document = """
        {
          "listeners": { "w": { "listen": ":1", "mode": "http", "routes": [
            { "match": { "path": \(JSONValue.string(text).text) }, "pool": "w" } ] } },
          "pools": { "w": { "backends": ["h:1"] } }
        }
        """
      let found = errors(document)
      let isRefusedLater = found.contains { $0.contains("is refused of every client") }
      #expect(try validator.accepts(.string(text)) == (found.isEmpty || isRefusedLater), "\(text): \(found)")
    }
  }

  @Test func theSourcePatternTakesWhatTheProgramTakes() throws {
    let validator = try Self.validator("source")
    for text in [
      "client", "Client", "127.0.0.2", "::1", "[::1]", "127.0.0.2:80", "127.0.0", "host", "", "::ffff:1.2.3.4",
    ] {
      let isAccepted = text == "client" || IPAddress(text) != nil
      #expect(try validator.accepts(.string(text)) == isAccepted, "\(text)")
    }
  }

  @Test func theDurationPatternsTakeWhatTheProgramTakes() throws {
    let seed: UInt64 = 0xD06
    var random = SeededGenerator(seed: seed)
    let duration = try Regex(Duration.pattern)
    let size = try Regex(ByteSize.pattern)
    let parts = ["0", "1", "99", "12345", "ms", "s", "m", "h", "d", "KiB", "MiB", "GiB", "TiB", " ", "-", "."]
    for _ in 0..<4000 {
      let text = (0..<Int.random(in: 1...4, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
      #expect(text.contains(duration) == ((try? Duration(parsing: text)) != nil), "seed \(seed): \(text)")
      #expect(text.contains(size) == ((try? ByteSize(parsing: text)) != nil), "seed \(seed): \(text)")
    }
  }
}
