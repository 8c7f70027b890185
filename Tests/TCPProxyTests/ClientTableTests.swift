import Base
import Testing

@testable import TCPProxy

private func ip(_ text: String) -> IPAddress { IPAddress(text)! }
private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

@Suite struct ClientTableTests {
  private func ticket(_ answer: ClientTable.Answer) -> ClientTable.Ticket? {
    if case .admitted(let ticket) = answer { ticket } else { nil }
  }

  @Test func countsConnectionsOfEachClient() throws {
    let table = ClientTable(capacity: 100, seed: 1)
    let limits = ClientTable.Limits(connections: 2)
    let first = try #require(ticket(table.admit(ip("192.0.2.1"), limits: limits, now: .zero)))
    #expect(ticket(table.admit(ip("192.0.2.1"), limits: limits, now: .zero)) != nil)
    #expect(table.admit(ip("192.0.2.1"), limits: limits, now: at(1000)) == .tooManyConnections)
    #expect(ticket(table.admit(ip("192.0.2.2"), limits: limits, now: .zero)) != nil)
    table.release(first)
    #expect(ticket(table.admit(ip("192.0.2.1"), limits: limits, now: .zero)) != nil)
    #expect(table.admit(ip("192.0.2.1"), limits: limits, now: .zero) == .tooManyConnections)
    #expect(table.standing == ClientTable.Standing(clients: 2, connected: 2))
  }

  @Test func anIPv6ClientIsItsNetwork() {
    let table = ClientTable(capacity: 100, seed: 2)
    let limits = ClientTable.Limits(connections: 1)
    #expect(ticket(table.admit(ip("2001:db8:0:1::1"), limits: limits, now: .zero)) != nil)
    #expect(table.admit(ip("2001:db8:0:1:ffff::9"), limits: limits, now: .zero) == .tooManyConnections)
    #expect(ticket(table.admit(ip("2001:db8:0:2::1"), limits: limits, now: .zero)) != nil)
    // Neither do IPv4 addresses share a network, nor are they one with ::/64.
    #expect(ticket(table.admit(ip("::1"), limits: limits, now: .zero)) != nil)
    #expect(ticket(table.admit(ip("10.0.0.1"), limits: limits, now: .zero)) != nil)
    #expect(ticket(table.admit(ip("10.0.0.2"), limits: limits, now: .zero)) != nil)
  }

  @Test func limitsTheRateOfEachClient() throws {
    let table = ClientTable(capacity: 100, seed: 3)
    let limits = ClientTable.Limits(rate: Rate(2, per: .second))
    for client in ["192.0.2.1", "192.0.2.2"] {
      for _ in 0..<2 { table.release(try #require(ticket(table.admit(ip(client), limits: limits, now: at(10))))) }
      #expect(table.admit(ip(client), limits: limits, now: at(10)) == .tooFast(retryAfter: .milliseconds(500)))
      #expect(table.admit(ip(client), limits: limits, now: at(10.25)) == .tooFast(retryAfter: .milliseconds(250)))
      #expect(ticket(table.admit(ip(client), limits: limits, now: at(10.5))) != nil)
    }
  }

  @Test func whoHasTooManyConnectionsPaysNothingOfTheRate() throws {
    let table = ClientTable(capacity: 100, seed: 4)
    let limits = ClientTable.Limits(connections: 1, rate: Rate(2, per: .hour))
    let first = try #require(ticket(table.admit(ip("192.0.2.1"), limits: limits, now: .zero)))
    for _ in 0..<10 { #expect(table.admit(ip("192.0.2.1"), limits: limits, now: .zero) == .tooManyConnections) }
    table.release(first)
    #expect(ticket(table.admit(ip("192.0.2.1"), limits: limits, now: .zero)) != nil)
  }

  @Test func aLimitMayChangeWhileConnectionsAreOpen() throws {
    let table = ClientTable(capacity: 100, seed: 5)
    let client = ip("192.0.2.1")
    let tickets = try (0..<5).map { _ in
      try #require(ticket(table.admit(client, limits: ClientTable.Limits(), now: .zero)))
    }
    #expect(table.admit(client, limits: ClientTable.Limits(connections: 3), now: .zero) == .tooManyConnections)
    for ticket in tickets.prefix(3) { table.release(ticket) }
    #expect(ticket(table.admit(client, limits: ClientTable.Limits(connections: 3), now: .zero)) != nil)
    #expect(table.admit(client, limits: ClientTable.Limits(connections: 3), now: .zero) == .tooManyConnections)
    #expect(table.admit(client, limits: ClientTable.Limits(connections: 0), now: .zero) == .tooManyConnections)
  }

  @Test func anyNumberOfAddressesLeavesItsSizeAlone() throws {
    let table = ClientTable(capacity: 1000, seed: 6)
    let memory = table.memory
    let limits = ClientTable.Limits(connections: 1, rate: Rate(1, per: .second))
    let kept = ip("198.51.100.1")
    let keptTicket = try #require(ticket(table.admit(kept, limits: limits, now: .zero)))
    for number in 0..<UInt32(1_000_000) {
      let address = number % 2 == 0 ? IPAddress(ipv4: number) : IPAddress(high: UInt64(number) << 20, low: 7)
      let answer = table.admit(address, limits: limits, now: Instant(nanoseconds: UInt64(number)))
      guard let ticket = ticket(answer) else {
        Issue.record("\(address): \(answer)")
        return
      }
      table.release(ticket)
    }
    #expect(table.memory == memory)
    let standing = table.standing
    #expect(standing.clients >= 1000 && standing.clients <= 1400)
    #expect(standing.forgotten == 1_000_001 - standing.clients)
    #expect(standing.connected == 1)
    #expect(standing.uncounted == 0)
    // The one that stayed connected was remembered through all of it.
    #expect(table.admit(kept, limits: limits, now: at(100)) == .tooManyConnections)
    table.release(keptTicket)
  }

  @Test func whenAllAreConnectedNewOnesAreLetInUncounted() {
    let table = ClientTable(capacity: 1, seed: 7)
    let limits = ClientTable.Limits(connections: 1)
    var tickets: [ClientTable.Ticket] = []
    for number in 0..<UInt32(1000) {
      if let ticket = ticket(table.admit(IPAddress(ipv4: number), limits: limits, now: .zero)) {
        tickets.append(ticket)
      }
    }
    #expect(tickets.count == 1000)
    let standing = table.standing
    #expect(standing.clients == standing.connected)
    #expect(standing.uncounted == 1000 - standing.clients)
    #expect(standing.forgotten == 0)
    for ticket in tickets { table.release(ticket) }
    #expect(table.standing.connected == 0)
  }

  @Test func aTableForAllConnectionsCountsAllOfThem() {
    for seed in UInt64(0)..<4 {
      let table = ClientTable(capacity: 16384, seed: seed)
      for number in 0..<UInt32(16384) {
        _ = table.admit(
          IPAddress(ipv4: number &* 2_654_435_761), limits: ClientTable.Limits(connections: 1), now: .zero)
      }
      #expect(table.standing == ClientTable.Standing(clients: 16384, connected: 16384), "seed \(seed)")
    }
  }

  @Test func manyWorkersShareIt() async {
    let table = ClientTable(capacity: 64, seed: 8)
    let limits = ClientTable.Limits(connections: 3)
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var generator = SeededGenerator(seed: UInt64(worker))
          var tickets: [ClientTable.Ticket] = []
          for _ in 0..<20_000 {
            let client = IPAddress(ipv4: UInt32(generator.below(100)))
            if case .admitted(let ticket) = table.admit(client, limits: limits, now: .zero) { tickets.append(ticket) }
            if tickets.count > generator.below(40) {
              table.release(tickets.remove(at: generator.below(tickets.count)))
            }
          }
          for ticket in tickets { table.release(ticket) }
        }
      }
    }
    #expect(table.standing.connected == 0)
  }

  /// A list that is searched from end to end: what the table must agree with.
  private struct Model {
    struct Client {
      var address: IPAddress
      var rate = RateLimiter.full
      var connections = 0
    }

    let capacity: Int
    /// The one seen longest ago first.
    var clients: [Client] = []

    mutating func admit(_ address: IPAddress, limits: ClientTable.Limits, now: Instant) -> String {
      var client = Client(address: address)
      if let index = clients.firstIndex(where: { $0.address == address }) {
        client = clients.remove(at: index)
      } else if clients.count == capacity {
        guard let index = clients.firstIndex(where: { $0.connections == 0 }) else { return "uncounted" }
        clients.remove(at: index)
      }
      defer { clients.append(client) }
      if let limit = limits.connections, client.connections >= limit { return "too many" }
      if let rate = limits.rate, !rate.take(from: &client.rate, now: now) {
        return "too fast \(rate.wait(client.rate, now: now))"
      }
      client.connections += 1
      return "admitted"
    }

    mutating func release(_ address: IPAddress) {
      let index = clients.firstIndex { $0.address == address }!
      clients[index].connections -= 1
      if clients[index].connections == 0 { clients.append(clients.remove(at: index)) }
    }
  }

  private final class Part {
    var set: ClientSet
    init(capacity: Int) { set = ClientSet(capacity: capacity) }
  }

  @Test(arguments: UInt64(0)..<30)
  func aPartAgreesWithTheModel(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let capacity = 1 + generator.below(12)
    let part = Part(capacity: capacity)
    var model = Model(capacity: capacity)
    let limits = ClientTable.Limits(
      connections: generator.below(3) == 0 ? nil : 1 + generator.below(3),
      rate: generator.below(3) == 0 ? nil : Rate(1 + generator.below(4), per: .second))
    var open: [(slot: UInt32, address: IPAddress)] = []
    var now = Instant(nanoseconds: 1 << 40)
    for step in 0..<2000 {
      now = now + .milliseconds(generator.below(200))
      if generator.below(2) == 0, !open.isEmpty {
        let (slot, address) = open.remove(at: generator.below(open.count))
        part.set.release(slot)
        model.release(address)
      } else {
        let address = IPAddress(ipv4: UInt32(generator.below(20)))
        // All hashes are bad ones, so that the chains grow.
        let answer = part.set.admit(
          address, hash: UInt32(truncatingIfNeeded: address.low) & 3, limits: limits, now: now)
        let text =
          switch answer {
          case .admitted: "admitted"
          case .uncounted: "uncounted"
          case .tooManyConnections: "too many"
          case .tooFast(let wait): "too fast \(wait)"
          }
        let expected = model.admit(address, limits: limits, now: now)
        #expect(text == expected, "seed \(seed), step \(step)")
        guard text == expected else { return }
        if case .admitted(let slot) = answer { open.append((slot, address)) }
      }
      #expect(part.set.standing.connected == model.clients.count { $0.connections > 0 }, "seed \(seed), step \(step)")
      #expect(part.set.standing.clients == model.clients.count, "seed \(seed), step \(step)")
    }
  }
}
