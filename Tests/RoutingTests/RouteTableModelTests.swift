import Base
import Testing

@testable import Routing

/// The table beside a matcher that looks at one route after the other: the same answers, for tables of every size.
@Suite struct RouteTableModelTests {
  /// Sizes around which a table is laid out otherwise, and large ones.
  @Test(arguments: [
    1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1000,
    1023, 1024, 1025, 2047, 2048, 2049, 4096, 8192, 10_000, 16_384, 20_000,
  ])
  func theTableAnswersAsTheListDoes(hosts: Int) throws {
    let seed = UInt64(hosts) &* 0x9E37_79B9
    var random = SeededGenerator(seed: seed)
    let names = Names(count: hosts, &random)
    let routes = try (0..<max(4, hosts)).map { index in try Self.route(index, names, &random) }
    let table = try RouteTable(routes)
    for _ in 0..<(hosts > 1000 ? 150 : 600) {
      let asked = Self.asked(names, &random)
      let expected = routes.firstIndex { Self.takes($0, asked) }
      #expect(
        asked.find(in: table) == (expected.map { .route($0) } ?? .none), "seed \(seed), \(hosts) hosts: \(asked)")
    }
  }

  /// Hosts below a few domains, so that names, wildcards and their tails meet.
  private struct Names {
    let hosts: [String]

    init(count: Int, _ random: inout SeededGenerator) {
      let labels = ["a", "b", "www", "x-1", "example", "test"]
      var hosts: [String] = []
      for index in 0..<count {
        var name = (0..<random.below(3)).map { _ in labels[random.below(labels.count)] }
        name.append("h\(random.below(max(1, index / 4 + 1)))")
        name.append(["com", "org"][random.below(2)])
        hosts.append(name.joined(separator: "."))
      }
      self.hosts = hosts
    }

    func one(_ random: inout SeededGenerator) -> String { hosts[random.below(hosts.count)] }
  }

  private static let segments = ["api", "apis", "v1", "v2", "users", "a", "ab", "x.html", "~me"]

  private static func path(_ random: inout SeededGenerator, most: Int) -> String {
    let count = random.below(most + 1)
    let path = (0..<count).map { _ in "/" + segments[random.below(segments.count)] }.joined()
    return path.isEmpty || random.below(5) == 0 ? path + "/" : path
  }

  private static func route(_ index: Int, _ names: Names, _ random: inout SeededGenerator) throws -> RouteMatch {
    var hosts: [String] = []
    if random.below(50) > 0 {
      for _ in 0...random.below(2) { hosts.append((random.below(4) == 0 ? "*." : "") + names.one(&random)) }
    }
    var match = try RouteMatch(hosts)
    switch random.below(6) {
    case 0: match.path = .exact(path(&random, most: 3))
    case 1, 2, 3: match.path = .prefix(path(&random, most: 3))
    default: break
    }
    if random.below(6) == 0 { match.methods = [["GET", "POST"][random.below(2)]] }
    if random.below(12) == 0 { match.fields = [(name: "X-Flag", value: .present(random.below(2) == 0))] }
    if random.below(12) == 0 { match.parameters = [(name: "q", value: .exact("\(random.below(2))"))] }
    // What takes everything comes late, or nothing else would be tried.
    if hosts.isEmpty, match.path == nil, match.methods.isEmpty { match.methods = ["DELETE"] }
    return match
  }

  private static func asked(_ names: Names, _ random: inout SeededGenerator) -> Asked {
    var asked = Asked()
    asked.host = ["", "", "a.", "www.b.", "no"][random.below(5)] + names.one(&random)
    if random.below(4) == 0 { asked.host = asked.host.uppercased() }
    asked.target = path(&random, most: 5) + ["", "?q=0", "?q=1"][random.below(3)]
    asked.method = ["GET", "POST", "DELETE"][random.below(3)]
    if random.below(2) == 0 { asked.fields = [("x-flag", "")] }
    return asked
  }

  /// One condition after the other, on texts.
  private static func takes(_ route: RouteMatch, _ asked: Asked) -> Bool {
    let host = asked.host.lowercased()
    let path = String(asked.target.prefix { $0 != "?" })
    let query = asked.target.dropFirst(path.count)
    let isHost =
      route.hosts.isEmpty
      || route.hosts.contains { $0.isWildcard ? host.hasSuffix("." + $0.name) : host == $0.name }
    let isPath: Bool
    switch route.path {
    case nil: isPath = true
    case .exact(let exact): isPath = path == exact
    case .prefix(let prefix):
      let whole = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
      isPath = path == whole || path.hasPrefix(whole + "/")
    }
    let isMethod = route.methods.isEmpty || route.methods.contains(asked.method)
    let isField = route.fields.allSatisfy { field in
      guard case .present(let isPresent) = field.value else { return false }
      return isPresent != asked.fields.isEmpty
    }
    let isQuery = route.parameters.allSatisfy { parameter in
      guard case .exact(let value) = parameter.value else { return false }
      return query == "?q=\(value)"
    }
    return isHost && isPath && isMethod && isField && isQuery
  }
}
