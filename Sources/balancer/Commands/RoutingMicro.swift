import Base
import HTTPCore
import Reactor
import Routing

/// What choosing a route costs, for `MicroCommand`: tables as large as they come, and requests for all of them in turn.
enum RoutingMicro {
  private static let requests = 1024
  private static let rounds = 5
  /// Choices in a round.
  private static let choices = 1 << 19
  /// For one choice, in nanoseconds.
  static let allowed = 1000

  /// Prints the figures.
  /// - Returns: whether one of them is too large.
  static func run() -> Bool {
    print("nanoseconds for the choice of a route, the best of \(rounds) rounds")
    var isSlow = false
    for (title, routes, asked) in cases {
      let cost = measure(routes, asked)
      print(title + String(repeating: " ", count: max(1, 40 - title.count)) + "\(cost)")
      if cost >= allowed { isSlow = true }
    }
    return isSlow
  }

  private typealias Asked = (host: String, path: String)

  private static var cases: [(String, [RouteMatch], (Int) -> Asked)] {
    func host(_ index: Int) -> String { "www.customer-\(index).example.com" }
    func route(host: String? = nil, prefix: String? = nil) -> RouteMatch {
      var match = RouteMatch()
      match.hosts = [host].compactMap { $0 }.compactMap { try? HostPattern(parsing: $0) }
      match.path = prefix.map { .prefix($0) }
      return match
    }
    var cases: [(String, [RouteMatch], (Int) -> Asked)] = [1, 100, 10_000].map { count in
      (
        count == 1 ? "1 host" : "\(count) hosts", (0..<count).map { route(host: host($0)) },
        { (host($0 * 7919 % count), "/index.html") }
      )
    }
    cases.append(
      (
        "10000 hosts, half of them wildcards",
        (0..<10_000).map { route(host: $0 % 2 == 0 ? host($0) : "*.customer-\($0).example.com") },
        { (host($0 * 7919 % 10_000), "/index.html") }
      ))
    cases.append(
      (
        "1000 prefixes", (0..<1000).map { route(prefix: "/api/v1/service-\($0)") },
        { ("www.example.com", "/api/v1/service-\($0 * 7919 % 1000)/users/42") }
      ))
    cases.append(
      (
        "10000 hosts with 10 prefixes each",
        (0..<100_000).map { route(host: host($0 / 10), prefix: "/api/part-\($0 % 10)") },
        { (host($0 * 7919 % 10_000), "/api/part-\($0 % 10)/users/42") }
      ))
    return cases
  }

  private static func measure(_ routes: [RouteMatch], _ asked: (Int) -> Asked) -> Int {
    guard let table = try? RouteTable(routes) else { return .max }
    // All texts in one buffer, so that the requests do not allocate either.
    var bytes: [UInt8] = Array("GET".utf8)
    let places = (0..<requests).map { index in
      let (host, path) = asked(index)
      defer { bytes += Array(host.utf8) + Array(path.utf8) }
      return (start: bytes.count, host: host.utf8.count, path: path.utf8.count)
    }
    let fields = FieldTable()
    var scratch = MatchScratch()
    var best = Int.max
    var found = 0
    bytes.withUnsafeBytes { bytes in
      func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
      }
      for _ in 0..<rounds {
        let start = Clock.now
        for index in 0..<choices {
          let place = places[index & (requests - 1)]
          let request = RoutedRequest(
            host: part(place.start, place.host), path: part(place.start + place.host, place.path), method: part(0, 3))
          if case .route(let route) = table.find(request, fields: fields, scratch: &scratch) { found &+= route }
        }
        best = min(best, Int((Clock.now - start).nanoseconds) / choices)
      }
    }
    // Nobody may leave the work out because nobody looks at it.
    return found < 0 ? .max : best
  }
}
