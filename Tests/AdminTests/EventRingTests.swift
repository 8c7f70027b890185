import Testing

@testable import Admin

@Suite struct EventRingTests {
  @Test func theFirstEventIsNumberOne() {
    var ring = EventRing()
    let text = String(decoding: ring.append("health", "{}"), as: UTF8.self)
    #expect(text == "id: 1\nevent: health\ndata: {}\n\n")
    #expect(ring.last == 1)
  }

  private func ids(_ events: [[UInt8]]) -> [Int] {
    events.compactMap { Int(String(decoding: $0, as: UTF8.self).split(separator: "\n")[0].dropFirst(4)) }
  }

  @Test func whatCameAfterOneIsThere() {
    var ring = EventRing()
    #expect(ring.events(after: 0).isEmpty)
    for _ in 0..<5 { _ = ring.append("health", "{}") }
    #expect(ids(ring.events(after: 0)) == [1, 2, 3, 4, 5])
    #expect(ids(ring.events(after: 3)) == [4, 5])
    #expect(ids(ring.events(after: 5)) == [])
  }

  @Test func theLast256AreKept() {
    var ring = EventRing()
    for _ in 0..<1000 { _ = ring.append("health", "{}") }
    #expect(ids(ring.events(after: 0)) == Array(745...1000))
    #expect(ids(ring.events(after: 743)) == Array(745...1000))
    #expect(ids(ring.events(after: 998)) == [999, 1000])
  }

  /// The process was started anew: its reader has seen none of these.
  @Test func aNumberOfAnotherProcessBringsAll() {
    var ring = EventRing()
    for _ in 0..<3 { _ = ring.append("health", "{}") }
    #expect(ids(ring.events(after: 500)) == [1, 2, 3])
    #expect(ids(ring.events(after: .max)) == [1, 2, 3])
  }

  @Test func noDataEndsItsLine() {
    var ring = EventRing()
    let text = String(decoding: ring.append("health", "a\nid: 7\r\nb"), as: UTF8.self)
    #expect(text == "id: 1\nevent: health\ndata: a id: 7 b\n\n")
  }
}
