import Base
import Testing

@testable import Balancing

@Suite struct PickKeyTests {
  private func key(value: String?, client: String? = "192.0.2.1") -> UInt64 {
    let address = client.flatMap { IPAddress($0) }
    guard let value else { return PickKey.of(value: nil, client: address) }
    return Array(value.utf8).withUnsafeBytes { PickKey.of(value: $0, client: address) }
  }

  private func key(path: String, query: String?) -> UInt64 {
    Array(path.utf8).withUnsafeBytes { path in
      guard let query else { return PickKey.of(path: path, query: nil) }
      return Array(query.utf8).withUnsafeBytes { PickKey.of(path: path, query: $0) }
    }
  }

  @Test func aValueHasItsKeyWhoeverSendsIt() {
    #expect(key(value: "user-7") == key(value: "user-7", client: "2001:db8::1"))
    #expect(key(value: "user-7") != key(value: "user-8") && key(value: "") != key(value: nil))
    #expect(key(value: "www.example.com") == StableHash.of("www.example.com"))
  }

  @Test func whereThereIsNoneTheClientHasOne() throws {
    let client = try #require(IPAddress("192.0.2.1"))
    #expect(key(value: nil) == StableHash.of(client) && key(value: nil) == PickKey.of(client: client))
    #expect(key(value: nil) != key(value: nil, client: "192.0.2.2"))
    #expect(PickKey.of(client: nil) == 0)
  }

  @Test func aPathAndItsQueryAreKeptApart() {
    let keys = [
      key(path: "/a", query: nil), key(path: "/a", query: ""), key(path: "/a", query: "b"),
      key(path: "/ab", query: nil),
      key(path: "/a?b", query: nil), key(path: "/", query: nil),
    ]
    #expect(Set(keys).count == keys.count)
    #expect(key(path: "/a", query: "b") == key(path: "/a", query: "b"))
  }

  @Test(arguments: [
    (SchedulerKind.HashKey.uri, "hash uri"), (.header("X-User"), "hash header:X-User"),
    (.cookie("id"), "hash cookie:id"),
    (.serverName, "hash sni"),
  ])
  func aPoolSaysWhatItsKeysAreMadeOf(key: SchedulerKind.HashKey, description: String) {
    let scheduler = SchedulerKind.hash(key, load: nil)
    #expect(scheduler.hashKey == key && scheduler.description == description)
    #expect(SchedulerKind.hash(key, load: 1.5).description == description + ", load 1.5")
    #expect(scheduler.needs == (key == .serverName ? .serverName : .request))
    #expect(SchedulerKind.sourceHash.hashKey == nil)
  }

  /// The same key, the same backend, in pools that know nothing of each other; keys spread over all of them.
  @Test func aKeyIsServedByOneBackend() {
    func pool() -> Pool {
      Pool(
        name: "web", scheduler: .hash(.header("X-User"), load: nil),
        members: makeBackends(4).map { Member(backend: $0) },
        initialHealth: { _ in .up })
    }
    let (one, other) = (pool(), pool())
    var counts: [String: Int] = [:]
    for user in 0..<1000 {
      let request = PickRequest(key: key(value: "user-\(user)"))
      guard case .backend(let first, _) = one.pick(for: request),
        case .backend(let second, _) = other.pick(for: request)
      else {
        Issue.record("no backend")
        return
      }
      #expect(first.name == second.name)
      counts[first.name, default: 0] += 1
    }
    #expect(counts.count == 4 && counts.values.allSatisfy { (150...350).contains($0) }, "\(counts)")
  }
}
