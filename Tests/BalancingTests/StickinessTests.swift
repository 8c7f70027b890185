import Base
import Testing

@testable import Balancing

private func ip(_ text: String) -> IPAddress { IPAddress(text)! }
private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

@Suite struct StickinessTests {
  @Test func remembersUntilItsTimeIsOver() {
    let table = Stickiness(capacity: 100, seed: 1)
    #expect(table.backend(of: ip("192.0.2.1"), ttl: .seconds(60), now: at(0)) == nil)
    table.remember(ip("192.0.2.1"), backend: 7, now: at(0))
    #expect(table.backend(of: ip("192.0.2.1"), ttl: .seconds(60), now: at(59)) == 7)
    // Each visit begins it anew.
    #expect(table.backend(of: ip("192.0.2.1"), ttl: .seconds(60), now: at(118)) == 7)
    #expect(table.backend(of: ip("192.0.2.1"), ttl: .seconds(60), now: at(178)) == nil)
    #expect(table.count == 0)
    #expect(table.backend(of: ip("192.0.2.2"), ttl: .seconds(60), now: at(0)) == nil)
  }

  @Test func anotherBackendTakesTheBond() {
    let table = Stickiness(capacity: 100, seed: 2)
    table.remember(ip("192.0.2.1"), backend: 7, now: at(0))
    table.remember(ip("192.0.2.1"), backend: 8, now: at(10))
    #expect(table.backend(of: ip("192.0.2.1"), ttl: .seconds(60), now: at(69)) == 8)
    #expect(table.count == 1)
  }

  @Test func anIPv6ClientIsItsNetwork() {
    let table = Stickiness(capacity: 100, seed: 3)
    table.remember(ip("2001:db8:0:1::1"), backend: 7, now: at(0))
    table.remember(ip("10.0.0.1"), backend: 8, now: at(0))
    #expect(table.backend(of: ip("2001:db8:0:1:f::2"), ttl: .seconds(60), now: at(1)) == 7)
    #expect(table.backend(of: ip("2001:db8:0:2::1"), ttl: .seconds(60), now: at(1)) == nil)
    #expect(table.backend(of: ip("10.0.0.2"), ttl: .seconds(60), now: at(1)) == nil)
  }

  @Test func itNeverGrowsAndForgetsTheOldest() {
    let table = Stickiness(capacity: 1000, seed: 4)
    let memory = table.memory
    let faithful = ip("198.51.100.1")
    table.remember(faithful, backend: 1, now: at(0))
    for number in 0..<UInt32(50_000) {
      table.remember(IPAddress(ipv4: number), backend: 2, now: at(1))
      if number % 100 == 0 { #expect(table.backend(of: faithful, ttl: .seconds(60), now: at(1)) == 1) }
    }
    #expect(table.memory == memory)
    #expect(table.count >= 1000 && table.count <= 1400)
    #expect(table.backend(of: IPAddress(ipv4: 0), ttl: .seconds(60), now: at(1)) == nil)
    #expect(table.backend(of: IPAddress(ipv4: 49_999), ttl: .seconds(60), now: at(1)) == 2)
  }

  @Test func asManyAsPromisedAreRemembered() {
    for seed in UInt64(0)..<4 {
      let table = Stickiness(capacity: 20_000, seed: seed)
      for number in 0..<UInt32(20_000) { table.remember(IPAddress(ipv4: number), backend: UInt64(number), now: at(1)) }
      #expect(table.count == 20_000, "seed \(seed)")
    }
  }

  @Test func anotherSizeKeepsTheLatest() {
    let table = Stickiness(capacity: 1000, seed: 5)
    for number in 0..<UInt32(1000) {
      table.remember(IPAddress(ipv4: number), backend: UInt64(number), now: at(UInt64(number)))
    }
    let larger = Stickiness(copying: table, capacity: 5000)
    #expect(larger.count == 1000)
    for number in 0..<UInt32(1000) {
      #expect(larger.backend(of: IPAddress(ipv4: number), ttl: .seconds(2000), now: at(1000)) == UInt64(number))
    }
    let smaller = Stickiness(copying: table, capacity: 100)
    #expect(smaller.count >= 100 && smaller.count <= 240)
    #expect(smaller.backend(of: IPAddress(ipv4: 999), ttl: .seconds(2000), now: at(1000)) == 999)
    #expect(smaller.backend(of: IPAddress(ipv4: 0), ttl: .seconds(2000), now: at(1000)) == nil)
    // The time of a bond goes on in the copy.
    #expect(larger.backend(of: IPAddress(ipv4: 0), ttl: .seconds(1), now: at(2000)) == nil)
  }

  @Test func workersShareIt() async {
    let table = Stickiness(capacity: 100, seed: 6)
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var random = SeededGenerator(seed: UInt64(worker))
          for _ in 0..<10_000 {
            let client = IPAddress(ipv4: UInt32(random.below(500)))
            if table.backend(of: client, ttl: .seconds(1), now: .zero) == nil {
              table.remember(client, backend: client.low, now: .zero)
            }
          }
        }
      }
    }
    for number in 0..<UInt32(500) {
      let client = IPAddress(ipv4: number)
      if let backend = table.backend(of: client, ttl: .seconds(1), now: .zero) { #expect(backend == client.low) }
    }
  }
}
