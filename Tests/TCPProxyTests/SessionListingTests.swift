import Base
import Testing

@testable import TCPProxy

struct SessionListingTests {
  private static func key(_ begun: UInt64, _ slot: UInt32 = 1, http: Bool = false) -> SessionKey {
    SessionKey(
      begun: Instant(nanoseconds: begun), worker: 3, isHTTPClient: http, handle: Handle(slot: slot, generation: 7))
  }

  @Test
  func cursorsReadAsTheyAreWritten() {
    for key in [Self.key(0), Self.key(.max, .max, http: true), Self.key(123_456_789, 42)] {
      #expect(SessionKey(cursor: key.cursor) == key, "\(key.cursor)")
    }
    #expect(Self.key(9, 42).cursor == "9-3-42-7" && Self.key(9, 42, http: true).id == "3-42-7h")
    for text in [
      "", "h", "1-2-3", "1-2-3-4-5", "1-2-3-x", "1--2-3", "-1-2-3", "1-2-3-+4", "1-2-3-4hh", "1-99999999999-3-4",
    ] {
      #expect(SessionKey(cursor: text) == nil, "\(text)")
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func theOldestAreKept(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limit = 1 + random.below(20)
    var oldest = OldestKeys(limit: limit)
    var all: [SessionKey] = []
    for slot in 0..<200 as Range<UInt32> {
      let key = Self.key(UInt64(random.below(50)), slot)
      all.append(key)
      oldest.offer(key)
    }
    #expect(oldest.keys.sorted() == Array(all.sorted().prefix(limit)), "seed \(seed)")
  }

  /// Clients of several workers, page by page: each of them once, the oldest first.
  @Test
  func pagesTogetherAreAllSessions() async throws {
    let server = try TestServer()
    let proxy = try Proxy([(server.port, nil)], workers: 3)
    var clients: [Peer] = []
    for _ in 0..<25 { clients.append(try proxy.connect()) }
    try waitUntil("all are served") { proxy.backends[0].meters.sum(.sessions) == 25 }

    var query = SessionQuery()
    query.limit = 10
    var pages: [SessionPage] = []
    repeat {
      let page = await Self.list(query, proxy)
      pages.append(page)
      query.after = page.next
    } while query.after != nil
    #expect(pages.map(\.sessions.count) == [10, 10, 5])
    let keys = pages.flatMap { $0.sessions.map(\.key) }
    #expect(keys == keys.sorted() && Set(keys.map(\.id)).count == 25)
    let first = try #require(pages.first?.sessions.first)
    #expect(first.listener == "web" && first.pool == "app" && first.backend == "b1" && first.state == .relaying)
    #expect(!first.isHTTP && first.client?.description.hasPrefix("127.0.0.1:") == true)

    var nobody = SessionQuery()
    nobody.backend = "b2"
    #expect(await Self.list(nobody, proxy).sessions.isEmpty)
    var everybody = SessionQuery()
    everybody.client = IPAddress("127.0.0.1")
    everybody.limit = 1000
    #expect(await Self.list(everybody, proxy).sessions.count == 25)
    withExtendedLifetime(clients) {}
  }

  private static func list(_ query: SessionQuery, _ proxy: Proxy) async -> SessionPage {
    await withCheckedContinuation { continuation in
      proxy.group.listSessions(query) { continuation.resume(returning: $0) }
    }
  }
}
