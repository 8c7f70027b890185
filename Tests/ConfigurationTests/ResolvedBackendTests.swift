import Base
import Configuration
import Testing

@Suite struct ResolvedBackendTests {
  /// The backends of a pool by some answers, each as `name > address > where it is checked`, or `name: why not`.
  private func resolved(
    _ backends: String, pool: String = "", answers: [String: [String]] = [:], failing: [String] = []
  ) throws -> [String] {
    try configured(backends, pool).resolved(by: names(answers, failing)).map { backend in
      switch backend.place {
      case .at(let address, let check): "\(backend.name) > \(address) > \(check)"
      case .nowhere(let reason): "\(backend.name): \(reason)"
      }
    }
  }

  private func configured(_ backends: String, _ keys: String = "") throws -> PoolConfiguration {
    try read(
      """
      { "listeners": { "web": { "listen": ":1", "pool": "web" } },
        "pools": { "web": { "backends": [\(backends)], \(keys) } } }
      """
    ).pools[0]
  }

  private func names(_ answers: [String: [String]], _ failing: [String] = []) -> NameBook {
    var names = NameBook()
    names.add(answers.keys.sorted() + failing)
    for (name, list) in answers {
      _ = names.take(.addresses(list.map { IPAddress($0)! }), of: name, now: .zero, random: 0)
    }
    for name in failing { _ = names.take(.failed("\(name) fails"), of: name, now: .zero, random: 0) }
    return names
  }

  @Test func addressesStayAsTheyAre() throws {
    #expect(
      try resolved(#""10.0.0.1:80", { "address": "[::1]:81", "name": "six" }, "unix:/run/app.sock""#) == [
        "10.0.0.1:80 > 10.0.0.1:80 > 10.0.0.1:80", "six > [::1]:81 > [::1]:81",
        "unix:/run/app.sock > unix:/run/app.sock > unix:/run/app.sock",
      ])
  }

  @Test func eachAddressOfANameIsABackend() throws {
    let answers = ["web.internal": ["10.0.0.2", "2001:db8::1", "10.0.0.1"], "db": ["10.1.0.1"]]
    #expect(
      try resolved(#""web.internal:80", { "address": "db:5432", "name": "east" }"#, answers: answers) == [
        "web.internal:80/10.0.0.1 > 10.0.0.1:80 > 10.0.0.1:80",
        "web.internal:80/10.0.0.2 > 10.0.0.2:80 > 10.0.0.2:80",
        "web.internal:80/2001:db8::1 > [2001:db8::1]:80 > [2001:db8::1]:80",
        "east/10.1.0.1 > 10.1.0.1:5432 > 10.1.0.1:5432",
      ])
  }

  @Test func aNameThatIsNotResolvedIsABackendThatIsNowhere() throws {
    #expect(
      try resolved(#""a:1", "b:1", "10.0.0.1:80""#, answers: [:], failing: ["a"]) == [
        "a:1: a fails", "b:1: \"b\" is not resolved yet", "10.0.0.1:80 > 10.0.0.1:80 > 10.0.0.1:80",
      ])
  }

  @Test func checksGoWhereTheFileSays() throws {
    let backends = #"{ "address": "a:1", "check": "m:9" }, "a:2", { "address": "10.0.0.3:3", "check": "127.0.0.1:9" }"#
    let answers = ["a": ["10.0.0.1", "10.0.0.2"], "m": ["10.9.0.2", "10.9.0.1"]]
    #expect(
      try resolved(backends, pool: #""health": { "port": 7 }"#, answers: answers) == [
        "a:1/10.0.0.1 > 10.0.0.1:1 > 10.9.0.1:9", "a:1/10.0.0.2 > 10.0.0.2:1 > 10.9.0.1:9",
        "a:2/10.0.0.1 > 10.0.0.1:2 > 10.0.0.1:7", "a:2/10.0.0.2 > 10.0.0.2:2 > 10.0.0.2:7",
        "10.0.0.3:3 > 10.0.0.3:3 > 127.0.0.1:9",
      ])
  }

  @Test func whereNothingIsCheckedTheNameOfTheCheckDoesNotMatter() throws {
    let backend = #"{ "address": "10.0.0.1:1", "check": "m:9" }"#
    #expect(try resolved(backend, failing: ["m"]) == ["10.0.0.1:1: m fails"])
    #expect(
      try resolved(backend, pool: #""health": "off""#, failing: ["m"]) == ["10.0.0.1:1 > 10.0.0.1:1 > 10.0.0.1:1"])
    #expect(try configured(backend).hostNames == ["m"])
    #expect(try configured(backend, #""health": "off""#).hostNames == [])
    // An ejected backend is checked before it is back.
    #expect(try configured(backend, #""health": "off", "outlier": {}"#).hostNames == ["m"])
  }

  @Test func whatTheFileSaysHoldsForEachAddress() throws {
    let backend = #"{ "address": "a:1", "weight": 3, "connections": 5, "backup": true, "labels": { "zone": "x" } }"#
    let all = try configured(backend).resolved(by: names(["a": ["10.0.0.1", "10.0.0.2"]]))
    #expect(all.count == 2)
    for one in all {
      #expect(one.configuration.weight == 3 && one.configuration.connections == 5 && one.configuration.backup)
      #expect(one.configuration.labels == ["zone": "x"])
    }
  }

  /// A backend keeps its name when others come and go: hashes and stickiness go by it.
  @Test func aNameStaysWithItsAddress() throws {
    let one = try configured(#""a:1""#).resolved(by: names(["a": ["10.0.0.2"]]))
    let two = try configured(#""a:1""#).resolved(by: names(["a": ["10.0.0.1", "10.0.0.2"]]))
    let turned = try configured(#""a:1""#).resolved(by: names(["a": ["10.0.0.2", "10.0.0.1"]]))
    #expect(two.contains(one[0]))
    #expect(two == turned)
    let many = try configured(#""a:1", "b:1", "a:2", { "address": "a:1", "name": "a" }"#)
      .resolved(by: names(["a": ["10.0.0.1", "::1"], "b": ["10.0.0.1", "::1"]]))
    #expect(Set(many.map(\.name)).count == many.count)
  }
}
