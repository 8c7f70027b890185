import Base
import Testing

@testable import Routing

@Suite struct RateLimitTests {
  private func now(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: (1000 + milliseconds) * 1_000_000) }

  @Test func aBucketHoldsItsBurstAndRefills() throws {
    let limit = RateLimit(.init(Rate(10, per: .second), burst: 3), seed: 1)
    let client = try #require(IPAddress("192.0.2.1"))
    for _ in 0..<3 { #expect(limit.admit(client, now: now(0)) == .admitted) }
    #expect(limit.admit(client, now: now(0)) == .tooFast(retryAfter: 1))
    #expect(limit.admit(client, now: now(99)) == .tooFast(retryAfter: 1))
    #expect(limit.admit(client, now: now(100)) == .admitted)
    #expect(limit.admit(client, now: now(100)) == .tooFast(retryAfter: 1))
    #expect(limit.admit(try #require(IPAddress("192.0.2.2")), now: now(0)) == .admitted)
  }

  @Test func retryAfterIsInWholeSeconds() throws {
    let limit = RateLimit(.init(Rate(2, per: .minute), burst: 1), seed: 1)
    let client = try #require(IPAddress("192.0.2.1"))
    #expect(limit.admit(client, now: now(0)) == .admitted)
    #expect(limit.admit(client, now: now(0)) == .tooFast(retryAfter: 30))
    #expect(limit.admit(client, now: now(1)) == .tooFast(retryAfter: 30))
    #expect(limit.admit(client, now: now(29_500)) == .tooFast(retryAfter: 1))
    #expect(limit.admit(client, now: now(30_000)) == .admitted)
  }

  @Test func anIPv6ClientIsItsNetwork() throws {
    let limit = RateLimit(.init(Rate(1, per: .hour)), seed: 1)
    #expect(limit.admit(try #require(IPAddress("2001:db8::1")), now: now(0)) == .admitted)
    #expect(limit.admit(try #require(IPAddress("2001:db8::ffff:1")), now: now(0)) == .tooFast(retryAfter: 3600))
    #expect(limit.admit(try #require(IPAddress("2001:db8:0:1::1")), now: now(0)) == .admitted)
  }

  @Test func valuesHaveTheirOwn() {
    let limit = RateLimit(.init(Rate(1, per: .hour)), seed: 1)
    func admit(_ text: String) -> RateLimit.Answer {
      Array(text.utf8).withUnsafeBytes { limit.admit($0, now: now(0)) }
    }
    #expect(admit("key-1") == .admitted && admit("key-2") == .admitted && admit("") == .admitted)
    #expect(admit("key-1") == .tooFast(retryAfter: 3600) && admit("") == .tooFast(retryAfter: 3600))
  }

  @Test func aFullTableForgetsAndStaysAsItIs() {
    let limit = RateLimit(.init(Rate(1, per: .hour)), capacity: 1000, seed: 7)
    let memory = limit.memory
    for index in 0..<100_000 {
      #expect(limit.admit(IPAddress(ipv4: UInt32(index)), now: now(0)) == .admitted)
    }
    #expect(limit.memory == memory)
    #expect(limit.admit(IPAddress(ipv4: 99_999), now: now(0)) == .tooFast(retryAfter: 3600))
    #expect(limit.admit(IPAddress(ipv4: 0), now: now(0)) == .admitted)
  }
}
