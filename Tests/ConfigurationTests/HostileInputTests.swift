import Base
import Configuration
import Testing

/// Whatever stands in the file: a configuration or errors, never a trap, and every error has a place in the file.
@Suite struct HostileInputTests {
  private func check(_ bytes: [UInt8], _ seed: UInt64, _ what: String) {
    let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
    do {
      let configuration = try read(bytes, environment: ["PORT": "80"])
      // What passed is fit for everything that works on it.
      _ = ConfigurationAdvice(configuration, workers: 4, descriptors: 1024)
      _ = ConfigurationSummary(configuration, workers: 4, descriptors: 1024).description
      _ = ConfigurationDiff(from: Configuration(), to: configuration).lines
      #expect(!configuration.listeners.isEmpty && !configuration.pools.isEmpty, "seed \(seed): \(what)")
    } catch {
      #expect(!error.errors.isEmpty, "seed \(seed): \(what)")
      let places = error.errors.map(\.location)
      #expect(places == places.sorted(), "seed \(seed): \(what)")
      for error in error.errors {
        #expect(
          (1...lines).contains(error.location.line) && error.location.column >= 1, "seed \(seed): \(what): \(error)")
        #expect(!error.description.unicodeScalars.contains { $0.value < 0x20 }, "seed \(seed): \(what): \(error)")
      }
    }
  }

  @Test(arguments: 0..<8) func changedBytesNeverTrap(round: Int) {
    let seed = UInt64(0xB17E + round)
    var random = SeededGenerator(seed: seed)
    let sources = Example.good.map(\.bytes) + [JSONSchemaTests.ownFile]
    let tokens = [
      "{", "}", "[", "]", "\"", ",", ":", "//", "/*", "*/", "\\", "${", "${A:-", "null", "true", "-1", "1e99", "0",
      "\n",
    ]
    for run in 0..<400 {
      var bytes = sources[random.below(sources.count)]
      for _ in 0...random.below(4) {
        let place = random.below(bytes.count)
        let length = min(random.below(12), bytes.count - place)
        switch random.below(6) {
        case 0: bytes[place] = UInt8(random.below(256))
        case 1: bytes[place] = bytes[random.below(bytes.count)]
        case 2: bytes.insert(UInt8(random.below(128)), at: place)
        case 3: bytes.insert(contentsOf: Array(tokens[random.below(tokens.count)].utf8), at: place)
        case 4: if bytes.count > length + 1 { bytes.removeSubrange(place..<place + length) }
        default: bytes.insert(contentsOf: bytes[place..<place + length], at: random.below(bytes.count))
        }
      }
      check(bytes, seed, "run \(run)")
    }
  }

  /// Documents that are JSON but have any value in any place.
  @Test func anyValueInAnyPlaceNeverTraps() throws {
    let seed: UInt64 = 0x0DD
    var random = SeededGenerator(seed: seed)
    let values: [JSONValue] = [
      JSONValue(.null), true, false, 0, -1, 1, 257, .integer(.max), .integer(.min), JSONValue(.number("1e18")),
      JSONValue(.number("1e19")), JSONValue(.number("-1e999")), JSONValue(.number("1e-999")), JSONValue(.number("0.5")),
      JSONValue(.number("10e-1")), JSONValue(.number("1e9999999999999999999")), "", "a", "off", "1s", "0s", "99999999s",
      ":80", "127.0.0.1:80", "unix:a", "${PORT}", "${", "\0", "\u{301}", [], [[]], ["a"], [1], [:], ["a": 1], ["": [:]],
    ]
    func mutate(_ value: JSONValue, _ countdown: inout Int) -> JSONValue {
      countdown -= 1
      if countdown == 0 { return values[random.below(values.count)] }
      switch value.kind {
      case .array(let elements): return .array(elements.map { mutate($0, &countdown) })
      case .object(let members): return .object(members.map { ($0.key, mutate($0.value, &countdown)) })
      default: return value
      }
    }
    let everything = try #require(Example.good.first { $0.name == "everything" })
    let document = try JSONParser.parse(everything.bytes)
    for place in 1...80 {
      for _ in values.indices {
        var countdown = place
        check(Array(mutate(document, &countdown).text.utf8), seed, "place \(place)")
      }
    }
  }

  @Test func manyErrorsAreCutOff() {
    let keys = (0..<5000).map { "\"k\($0)\": 0" }.joined(separator: ",\n")
    let errors = errors("{ \(keys) }")
    #expect(errors.count == ConfigurationErrors.limit)
    #expect(errors[0] == #"balancer.json:1:3: unknown key "k0""#)
  }

  @Test func theEnvironmentIsLimited() {
    let long = String(repeating: "x", count: 1 << 20)
    let labels = (0..<20).map { "\"l\($0)\": \"${LONG}\"" }.joined(separator: ", ")
    let errors = errors(
      """
      { "listeners": { "a": { "listen": ":1", "pool": "p" } },
        "pools": { "p": { "backends": [{ "address": "h:1", "labels": { \(labels) } }] } } }
      """, environment: ["LONG": long])
    #expect(errors.count == 20)
    #expect(errors.last?.hasSuffix("the environment fills in more than 16MiB") == true)
    #expect(errors.allSatisfy { $0.utf8.count < 300 })
  }

  /// A large file is read in one pass: no key costs more for being the last.
  @Test func aLargeFileIsRead() throws {
    let backends = (0..<20_000).map { #"{ "address": "10.0.\#($0 / 250).\#($0 % 250):80", "weight": 2 }"# }
    let pools = (0..<500).map { #""p\#($0)": { "backends": ["h:1"], "health": { "fall": 2 } }"# }
    let text = """
      { "listeners": { "a": { "listen": ":1", "pool": "p7" } },
        "pools": { "big": { "backends": [\(backends.joined(separator: ","))] }, \(pools.joined(separator: ",")) } }
      """
    let configuration = try read(text)
    #expect(configuration.pools.count == 501)
    #expect(configuration.pools[0].backends.count == 20_000)
    #expect(ConfigurationDiff(from: configuration, to: configuration).isEmpty)
  }
}
