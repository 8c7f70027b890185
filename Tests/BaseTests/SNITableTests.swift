import Testing

@testable import Base

@Suite struct SNIPatternTests {
  @Test(arguments: [
    ("example.com", "example.com", false), ("WWW.Example.COM", "www.example.com", false),
    ("*.example.com", "example.com", true),
    ("*.com", "com", true), ("localhost", "localhost", false), ("_x.a", "_x.a", false),
  ])
  func reads(text: String, name: String, isWildcard: Bool) throws {
    let pattern = try SNIPattern(parsing: text)
    #expect(pattern.name == name)
    #expect(pattern.isWildcard == isWildcard)
    #expect(pattern.description == text.lowercased())
  }

  @Test(arguments: [
    ("", "is not a host name"), (".", "is not a host name"), (".example.com", "is not a host name"),
    ("a..b", "is not a host name"), ("a b", "is not a host name"), ("*.", "is not a host name"),
    ("~^www", "is not a host name"),
    ("*", "takes every name: leave the route out and let the listener's pool have them"),
    ("www.*.com", "has a star elsewhere than as its first label: write for example *.example.com"),
    ("w*.example.com", "has a star elsewhere than as its first label: write for example *.example.com"),
    ("*example.com", "has a star elsewhere than as its first label: write for example *.example.com"),
    ("*.*.com", "has a star elsewhere than as its first label: write for example *.example.com"),
    ("example.*", "has a star elsewhere than as its first label: write for example *.example.com"),
    ("example.com.", "ends in a dot: write example.com"), ("*.example.com.", "ends in a dot: write *.example.com"),
    ("b\u{FC}cher.example", "has letters outside ASCII: write the name as clients send it, xn--…"),
    ("example.com:443", "has a colon: a name has no port"),
    ("192.0.2.1", "is an address: clients name hosts only (RFC 6066)"),
    ("*.192.0.2.1", "is an address: clients name hosts only (RFC 6066)"),
  ])
  func refuses(text: String, words: String) {
    #expect(throws: SNIPattern.Malformed(words)) { try SNIPattern(parsing: text) }
  }
}

@Suite struct SNITableTests {
  private func table(_ routes: [[String]]) throws -> SNITable {
    SNITable(try routes.map { try $0.map { try SNIPattern(parsing: $0) } })
  }

  @Test func findsExactNamesAndStars() throws {
    let table = try table([["a.example.com"], ["*.example.com"], ["example.com", "example.org"], ["*.b.example.org"]])
    let names: [(String, Int?)] = [
      ("a.example.com", 0), ("b.example.com", 1), ("a.a.example.com", 1), ("x.y.z.example.com", 1), ("example.com", 2),
      ("example.org", 2), ("www.example.org", nil), ("b.example.org", nil), ("a.b.example.org", 3), ("com", nil),
      ("aexample.com", nil), ("example.co", nil), ("xexample.org", nil), ("", nil), (".", nil), (".example.com", 1),
      ("example.com.", nil),
    ]
    for (name, route) in names { #expect(table.route(of: name) == route, "\(name)") }
    #expect(table.unreachable.isEmpty)
  }

  @Test func theFirstRouteWinsAndTheOthersAreNamed() throws {
    let table = try table([
      ["*.example.com"], ["www.example.com", "example.com"], ["*.com"], ["example.com", "*.a.example.com", "com"],
      ["*.example.com"],
    ])
    #expect(table.route(of: "www.example.com") == 0)
    #expect(table.route(of: "example.com") == 1)
    #expect(table.route(of: "example.net") == nil)
    #expect(table.route(of: "other.com") == 2)
    #expect(table.route(of: "com") == 3)
    #expect(
      try table.unreachable == [
        SNITable.Unreachable(pattern: SNIPattern(parsing: "www.example.com"), route: 1, takenBy: 0),
        SNITable.Unreachable(pattern: SNIPattern(parsing: "example.com"), route: 3, takenBy: 1),
        SNITable.Unreachable(pattern: SNIPattern(parsing: "*.a.example.com"), route: 3, takenBy: 0),
        SNITable.Unreachable(pattern: SNIPattern(parsing: "*.example.com"), route: 4, takenBy: 0),
      ])
  }

  @Test func anEmptyTableTakesNothing() throws {
    #expect(SNITable([]).route(of: "example.com") == nil)
    #expect(SNITable([[], []]).route(of: "example.com") == nil)
    #expect(try table([["a", "a", "A"]]).unreachable.isEmpty)
  }

  @Test(arguments: UInt64(0)..<20)
  func agreesWithAskingEveryRoute(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let labels = ["a", "b", "c", "aa"]
    func name() -> String {
      (0...generator.below(5)).map { _ in labels[generator.below(labels.count)] }.joined(separator: ".")
    }
    let routes = try (0..<generator.below(40)).map { _ in
      try (0...generator.below(4)).map { _ in try SNIPattern(parsing: (generator.below(2) == 0 ? "*." : "") + name()) }
    }
    let table = SNITable(routes)
    func naive(_ name: String) -> Int? {
      routes.firstIndex { patterns in
        patterns.contains { $0.isWildcard ? name.hasSuffix("." + $0.name) : name == $0.name }
      }
    }
    for _ in 0..<1000 {
      let name = name()
      #expect(table.route(of: name) == naive(name), "seed \(seed), \(name)")
    }
    // What is called unreachable is not reached by any name below it.
    for unreachable in table.unreachable {
      let name = (unreachable.pattern.isWildcard ? "a." : "") + unreachable.pattern.name
      #expect(naive(name).map { $0 <= unreachable.takenBy } == true, "seed \(seed), \(unreachable)")
    }
  }
}
