import Synchronization
import Testing

@testable import TCPProxy

struct IncidentsTests {
  @Test
  func incidentsAreCountedBySubjectAndAnnouncedOnce() {
    let announced = Counter()
    let incidents = Incidents(onFirst: { announced.add() })
    for _ in 0..<1000 { incidents.add(.noBackend, "web", cause: "all 2 backends are down") }
    incidents.add(.connectsFailed, "web", cause: "refused")
    incidents.add(.noBackend, "db", cause: "the only backend is down")
    #expect(announced.value == 1)
    let entries = incidents.take()
    #expect(entries.map(\.count) == [1000, 1, 1])
    #expect(entries.map(\.subject) == ["web", "web", "db"])
    #expect(entries[0].cause == "all 2 backends are down")
    #expect(incidents.take().isEmpty)
    incidents.add(.noBackend, "web", cause: "again")
    #expect(announced.value == 2)
  }

  private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func add() { count.add(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
  }
}
